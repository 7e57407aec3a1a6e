"""One update of the classifier: moved images, dropout, cross entropy, learning."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
from scipy.special import log_softmax

from sgae.data import digits, order, resident
from sgae.data.augment import moved
from sgae.methods.classifier.train import (
  init_classifier_state,
  make_classifier_step,
)
from sgae.networks.classifier import Classifier, make_classifier
from tests.systems import all_sections, make_phase

SHAPE = (6, 5, 2)
CLASSIFIER = make_classifier(SHAPE, (3, 4, 4), 16, 10)
OPTIMIZER = optax.sgd(0.1)
PLAIN = {"shift": 0, "flip": False, "dropout": 0.0}


def batch_of(size, seed=0):
  random = np.random.default_rng(seed)
  images = random.uniform(-1, 1, (size, *SHAPE)).astype(np.float32)
  labels = random.integers(0, 10, size).astype(np.int32)
  positions = np.arange(size, dtype=np.int32)
  batch = {"image": images, "label": labels, "position": positions}
  return {name: jnp.asarray(array) for name, array in batch.items()}


def start(classifier=CLASSIFIER, seed=0):
  """Parameters from NumPy: JAX takes seconds to compile those of `init`."""
  random = np.random.default_rng(0)
  params = jax.tree.map(
    lambda leaf: jnp.asarray(0.3 * random.normal(size=leaf.shape), jnp.float32),
    jax.eval_shape(classifier.init, jax.random.key(0)),
  )
  classifier = classifier._replace(init=lambda key: params)
  keys = jax.random.key(0), jax.random.key(seed)
  return init_classifier_state(classifier, OPTIMIZER, *keys)


def step_of(classifier=CLASSIFIER, microbatches=1, **fields):
  fields = PLAIN | fields
  step = make_classifier_step(
    classifier, OPTIMIZER, microbatches=microbatches, **fields
  )
  return jax.jit(step)


def test_moved_images_are_cut_out_of_their_padded_selves():
  images = np.asarray(batch_of(25)["image"])
  offsets = np.indices((5, 5)).reshape(2, -1).T
  found = np.asarray(moved(jnp.asarray(images), jnp.asarray(offsets), 2))
  for image, (down, right), ours in zip(images, offsets, found, strict=True):
    padded = np.pad(image, ((2, 2), (2, 2), (0, 0)), mode="edge")
    np.testing.assert_array_equal(ours, padded[down : down + 6, right : right + 5])
  np.testing.assert_array_equal(found[12], images[12])  # offset 2 of 2: not moved


def test_a_plain_step_is_that_of_the_cross_entropy():
  state, batch = start(), batch_of(8)
  after, metrics = step_of()(state, batch)

  params = state.player.params
  look = jax.jit(lambda p, x: CLASSIFIER.logits(p, CLASSIFIER.features(p, x)))
  logits = np.asarray(look(params, batch["image"]), np.float64)
  rows = np.arange(8)
  expected = -log_softmax(logits, axis=1)[rows, batch["label"]].mean()
  np.testing.assert_allclose(metrics["classifier/loss"], expected, rtol=1e-5)
  right = (logits.argmax(axis=1) == batch["label"]).mean()
  assert metrics["classifier/accuracy"] == right

  # the gradient of the last bias is the mean of softmax - one hot; SGD's rate is 0.1
  wrong = np.exp(log_softmax(logits, axis=1))
  wrong[rows, batch["label"]] -= 1
  moved = after.player.params["output"]["bias"] - params["output"]["bias"]
  np.testing.assert_allclose(moved, -0.1 * wrong.mean(axis=0), rtol=1e-4, atol=1e-7)
  assert int(after.step) == 1


def looker():
  """A classifier whose loss reveals its images and features.

  Its only class scores are [p . x, 0] with the features x, the images themselves.
  """
  width = int(np.prod(SHAPE))

  def init(key):
    del key
    return {"output": {"kernel": jnp.zeros((width, 2))}}

  return Classifier(
    init,
    lambda params, images: images.reshape(len(images), -1),
    lambda params, x: x @ params["output"]["kernel"],
  )


def seen(batch, **fields):
  """Returns the images of the first class, read from the first update of SGD.

  At equal logits the gradient of column 0 is -1/2 x for the label 0.
  """
  batch = batch | {"label": jnp.zeros_like(batch["label"])}
  classifier = looker()
  step, state = step_of(classifier, **fields), start(classifier)
  nothing = jax.tree.map(jnp.zeros_like, state.player.params)
  state = state.replace(player=state.player.replace(params=nothing))

  def one(example):
    return step(state, {name: array[None] for name, array in example.items()})[0]

  after = jax.vmap(one)(batch)
  kernels = after.player.params["output"]["kernel"]
  return np.asarray(kernels[:, :, 0]).reshape(-1, *SHAPE) / 0.05


def test_every_shift_is_drawn_and_no_other():
  batch = batch_of(400)
  images = np.asarray(batch["image"])
  padded = np.pad(images, ((0, 0), (2, 2), (2, 2), (0, 0)), mode="edge")
  counts = np.zeros((5, 5))
  for image, ours in zip(padded, seen(batch, shift=2), strict=True):
    close = [
      (i, j)
      for i in range(5)
      for j in range(5)
      if np.allclose(image[i : i + 6, j : j + 5], ours, atol=1e-5)
    ]
    assert len(close) == 1
    counts[close[0]] += 1
  assert counts.min() >= 4  # 16 expected of each
  assert counts.max() <= 36


def test_about_half_of_the_images_are_mirrored():
  batch = batch_of(400)
  images, shown = np.asarray(batch["image"]), seen(batch, flip=True)
  as_is = np.isclose(shown, images, atol=1e-5).all(axis=(1, 2, 3))
  mirrored = np.isclose(shown, images[:, :, ::-1], atol=1e-5).all(axis=(1, 2, 3))
  assert (as_is ^ mirrored).all()
  assert 150 <= mirrored.sum() <= 250  # 5 standard deviations


def test_dropout_keeps_the_mean():
  batch = batch_of(400)
  kept = seen(batch, dropout=0.3) / np.asarray(batch["image"])
  dropped = np.isclose(kept, 0)
  np.testing.assert_allclose(kept[~dropped], 1 / 0.7, rtol=1e-3)
  assert abs(dropped.mean() - 0.3) < 0.02  # 5 standard deviations
  assert abs(kept.mean() - 1) < 0.03


def test_results_depend_on_the_seed_and_not_on_microbatches():
  batch, fields = batch_of(16), {"shift": 1, "flip": True, "dropout": 0.3}

  def updates(microbatches):
    step = step_of(microbatches=microbatches, **fields)
    return lambda seed: jax.tree.leaves(step(start(seed=seed), batch)[0].player.params)

  after = updates(1)
  first, again, other = after(0), after(0), after(1)
  assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
  assert not all(np.array_equal(a, b) for a, b in zip(first, other, strict=True))
  for a, b in zip(first, updates(4)(0), strict=True):
    np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)


def test_it_learns_the_embedded_digits():
  config = all_sections()
  config.classifier.update(batch_size=128, shift=0, steps=500, channels=(16, 32, 32))
  data = digits.load(config.data, print)
  mean = resident.mean_image(data.train.images)
  phase = make_phase("classifier", config, mean)
  indices = order.batch_indices(
    0, "classifier", 0, 500, phase.batch_shape, len(data.train.images)
  )
  positions = jnp.arange(128, dtype=jnp.int32)
  classifier = make_classifier((8, 8, 1), (16, 32, 32), 128, 10)

  @jax.jit
  def accuracy(state):
    def train(state, indices):
      batch = resident.gather(data.train, indices) | {"position": positions}
      return phase.step(state, batch)

    params = jax.lax.scan(train, state, indices)[0].player.params
    images = resident.to_model_range(data.test.images)
    logits = classifier.logits(params, classifier.features(params, images))
    return jnp.mean(jnp.argmax(logits, axis=1) == data.test.labels)

  assert accuracy(phase.init({})) > 0.95
  # against the gradient it must not
  config.classifier.optimizer.learning_rate *= -1
  assert accuracy(make_phase("classifier", config, mean).init({})) < 0.5
