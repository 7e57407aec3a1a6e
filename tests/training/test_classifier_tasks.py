"""Turns of images, and the classifier that learns them in place of labels."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from sgae import randomness
from sgae.data.dataset import Dataset, Split
from sgae.errors import UserError
from sgae.methods import reconstruction
from sgae.methods.classifier.checks import check, check_data
from sgae.methods.classifier.extractor import configure
from sgae.methods.classifier.tasks import (
  expected,
  make_answers,
  task_of,
  turn,
  turn_each,
)
from tests.systems import EXAMPLES, IMAGES, LABELS, all_sections
from tests.training.test_classifier_step import batch_of, start, step_of

SQUARE = np.random.default_rng(0).normal(size=(8, 5, 5, 2)).astype(np.float32)


def test_a_square_image_is_rotated():
  for number in range(4):
    ours = turn(jnp.asarray(SQUARE), number)
    np.testing.assert_array_equal(ours, np.rot90(SQUARE, number, axes=(1, 2)))


def test_another_image_is_flipped():
  images = SQUARE[:, :, :3]
  for number, axes in enumerate(((), (1,), (1, 2), (2,))):
    np.testing.assert_array_equal(
      turn(jnp.asarray(images), number), np.flip(images, axes)
    )


def test_each_image_is_given_its_own_turn():
  numbers = np.array([3, 0, 1, 2, 2, 1, 0, 3])
  turned = turn_each(jnp.asarray(SQUARE), jnp.asarray(numbers))
  for image, number, ours in zip(SQUARE, numbers, turned, strict=True):
    np.testing.assert_array_equal(ours, np.rot90(image, number))


def square_batch(size):
  images = np.random.default_rng(0).uniform(-1, 1, (size, 6, 6, 2))
  images = jnp.asarray(images, jnp.float32)
  return batch_of(size) | {"image": images}


def test_the_step_learns_the_turns_that_it_draws():
  """The same as learning labels that are the turns, of images that were turned."""
  batch, step = square_batch(32), step_of(task="rotation")
  state = start()  # of 6 x 5 pixels, for which there are as many weights
  key = randomness.stream_key(state.key, "classifier/rotation", state.step)
  numbers = np.floor(4 * randomness.uniform(key, batch["position"], ())).astype(int)
  assert set(numbers) == {0, 1, 2, 3}
  turned = [np.rot90(*each) for each in zip(batch["image"], numbers, strict=True)]
  by_hand = batch | {"image": jnp.stack(turned), "label": jnp.asarray(numbers)}

  drawn = step(state, batch)
  told = step_of()(state, by_hand)
  for a, b in zip(
    jax.tree.leaves(drawn[0].player.params),
    jax.tree.leaves(told[0].player.params),
    strict=True,
  ):
    np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-7)
  # not by the labels of the data, but by the place in the batch
  unlabelled = batch | {"label": jnp.zeros(32, jnp.int32)}
  loss = drawn[1]["classifier/loss"]
  assert step(state, unlabelled)[1]["classifier/loss"] == loss
  backwards = {name: array[::-1] for name, array in batch.items()}
  again = step(state, backwards)[1]["classifier/loss"]
  np.testing.assert_allclose(again, loss, rtol=1e-5)


def test_an_answer_is_the_class_or_the_turn_of_each_view():
  """A network that sees which corner is brightest."""

  def logits(images):
    return images[:, (0, -1, -1, 0), (0, 0, -1, -1), 0]

  images = np.zeros((3, 4, 4, 1), np.float32)
  images[:2, 0, 0] = 1  # the last one has no bright corner
  answers = np.asarray(make_answers("rotation", logits)(jnp.asarray(images)))
  right = answers == expected("rotation", np.zeros(3))
  np.testing.assert_array_equal(right.mean(axis=1), [1, 1, 0.25])

  labels = make_answers("labels", logits)(jnp.asarray(images))
  right = np.asarray(labels) == expected("labels", np.array([0, 1, 0]))
  np.testing.assert_array_equal(right, [[True], [False], [True]])


def test_what_a_network_learnt_depends_on_the_shape():
  assert task_of({}, (28, 28, 1)) == "labels"  # stored before there were tasks
  assert task_of({"task": "rotation"}, (28, 28, 1)) == "rotation"
  assert task_of({"task": "rotation"}, (28, 20, 1)) == "flips"


def test_rotations_need_four_classes_and_images_that_are_not_mirrored():
  config = all_sections()
  config.classifier.task = "rotation"
  with pytest.raises(UserError, match="classifier.num_classes=10 .* set it to 4"):
    check(config)
  config.classifier.num_classes = 4
  check(config)
  config.classifier.flip = True
  for width, refused in ((6, False), (5, True)):
    split = Split(np.zeros((2, 6, width, 1), np.uint8), np.zeros(2, np.int32))
    dataset = Dataset("photos", split, split, 1)
    if refused:
      with pytest.raises(UserError, match="set classifier.flip=False"):
        check_data(config, dataset)
    else:
      check_data(config, dataset)


def test_a_test_split_without_labels_measures_no_classes(monkeypatch):
  config = all_sections()
  dataset = Dataset("some", EXAMPLES, Split(IMAGES[:9], np.full(9, -1)), 10)
  with pytest.raises(UserError, match="no test image of some has a label"):
    check_data(config, dataset)
  assert configure(config, dataset).classifier.task == "rotation"
  assert reconstruction.probed(dataset) is None
  labels = np.where(np.arange(9) < 1, LABELS[:9], -1)
  dataset = dataset._replace(test=Split(IMAGES[:9], labels))
  check_data(config, dataset)
  assert configure(config, dataset).classifier.task == "labels"
  assert len(np.asarray(reconstruction.probed(dataset))) == len(IMAGES)
  # those without a label take no place of the others
  few = np.where(np.arange(len(IMAGES)) < 9, LABELS, -1)
  monkeypatch.setattr(reconstruction, "EXAMPLES_PROBED", 8)
  few_labelled = dataset._replace(train=Split(IMAGES, few))
  assert len(np.asarray(reconstruction.probed(few_labelled))) == 8
  config.evaluation.features = "labels"
  with pytest.raises(UserError, match="or a split without labels"):
    configure(config, dataset._replace(test=Split(IMAGES[:9], np.full(9, -1))))


def test_a_training_split_without_labels_teaches_no_classes():
  config = all_sections()
  unlabelled = Split(IMAGES, np.full(len(IMAGES), -1))
  dataset = Dataset("some", unlabelled, Split(IMAGES[:9], LABELS[:9]), 10)
  with pytest.raises(UserError, match="no training image of some has a label"):
    check_data(config, dataset)
  assert configure(config, dataset).classifier.task == "rotation"
