"""Images stacked into channels: what each is made of, in both protocols."""

import io

import jax
import numpy as np
import pytest
from ml_collections import ConfigDict
from PIL import Image
from scipy import stats

from sgae.config import validate
from sgae.data import order, sources, stacked
from sgae.data.checks import OF_ONE_SOURCE
from sgae.data.dataset import Dataset, Split
from sgae.data.placement import PLACEMENTS
from sgae.data.resident import mean_image, to_model_range
from sgae.editing.points import reference_images
from sgae.editing.trained import open_run
from sgae.errors import UserError
from sgae.evaluation.sample import sample_run
from sgae.reporting.console import Console
from tests.systems import all_sections, saved

RANDOM = np.random.default_rng(0)


def grey(count):
  images = RANDOM.integers(0, 256, (count, 4, 5, 1), np.uint8)
  return Split(images, RANDOM.integers(0, 3, count, np.int32))


BASE = Dataset("tiny", grey(8), grey(5), 3)


def made_of(split, base):
  """Finds by search which image of `base` each channel is: int [N, D]."""
  same = split.images[:, None] == base.images[None]  # a channel of 1 beside D
  found = same.all(axis=(2, 3))
  assert (found.sum(axis=1) == 1).all()
  return found.argmax(axis=1)


@pytest.mark.parametrize("digits", [2, 3, 4])
def test_fixed_stacks_hold_base_images_and_their_mode(digits):
  dataset = stacked.stack(BASE, digits, 4000)
  assert dataset.num_classes == 3**digits
  for split, base, count in (
    (dataset.train, BASE.train, 4000),
    (dataset.test, BASE.test, 26_000),
  ):
    assert split.images.shape == (count, 4, 5, digits)
    assert split.images.dtype == np.uint8
    assert split.images.flags.c_contiguous
    assert split.labels.dtype == np.int32
    parts = made_of(split, base)
    expected = [int("".join(map(str, d)), 3) for d in base.labels[parts]]
    assert split.labels.tolist() == expected
    for channel in parts.T:
      assert stats.chisquare(np.bincount(channel)).pvalue > 1e-4
  again = stacked.stack(BASE, digits, 4000)
  assert dataset.train.images.tobytes() == again.train.images.tobytes()


def test_on_the_fly_continues_the_fixed_list():
  fixed = stacked.stack(BASE, 3, 50)
  endless = stacked.stack(BASE, 3, 0)
  assert endless.train.images.shape[1:] == (4, 5, 3)
  assert endless.train.images.nbytes == 8 * 4 * 5
  for array, endless_array, fixed_test, test in zip(
    fixed.train, endless.train, fixed.test, endless.test, strict=True
  ):
    np.testing.assert_array_equal(endless_array[:50], array)
    np.testing.assert_array_equal(endless_array[np.array([[7, 3]])], array[[[7, 3]]])
    np.testing.assert_array_equal(fixed_test, test)
  mean = mean_image(endless.train.images)
  assert mean.shape == (4, 5, 3)
  assert mean.dtype == np.float32
  np.testing.assert_allclose(
    mean, np.repeat(BASE.train.images.mean(axis=0) / 127.5 - 1, 3, axis=2), rtol=1e-6
  )


def batches(split, placement, first_call, last_call, seed=0):
  """Returns the batches of a run's calls, each of 2 steps of 3 x 8 examples."""

  def indices_of_call(call):
    return order.batch_indices(seed, "gan", 2 * call, 2, (3, 8), len(split.images))

  examples = placement.examples(split, indices_of_call, first_call, last_call)
  source = split if placement.resident else ()
  gather = jax.jit(placement.gather)
  gathered = [gather(source, call_examples) for call_examples in examples]
  return [
    [np.asarray(batch[name]) for name in ("image", "label")] for batch in gathered
  ]


@pytest.mark.parametrize("examples", [0, 100])
def test_both_placements_give_the_same_from_any_call_on(examples):
  split = stacked.stack(BASE, 3, examples).train
  whole = batches(split, PLACEMENTS["streamed"], 0, 4)
  for placement in PLACEMENTS.values():
    for first in (0, 1, 3):
      resumed = batches(split, placement, first, 4)
      for one, other in zip(resumed, whole[first:], strict=True):
        for a, b in zip(one, other, strict=True):
          assert a.tobytes() == b.tobytes()
  images, labels = whole[2]
  assert images.shape == (2, 3, 8, 4, 5, 3)
  assert images.dtype == np.float32
  assert labels.dtype == np.int32
  numbers = order.batch_indices(0, "gan", 4, 2, (3, 8), len(split.images))
  np.testing.assert_array_equal(images, to_model_range(split.images[numbers]))
  np.testing.assert_array_equal(labels, split.labels[numbers])
  other = batches(split, PLACEMENTS["resident"], 2, 3, seed=1)
  assert (other[0][0] != images).any()


def test_images_are_resized_before_they_are_stacked(write_folder, make_config):
  _, written = write_folder()
  config = make_config(
    source="stacked", image_size=9, stacked_digits=2, stacked_examples=40
  )
  dataset = sources.load(config, lambda line: None)
  assert dataset.name == "stacked tiny"
  resized = [
    np.asarray(
      Image.fromarray(pixels[..., 0]).resize((9, 9), Image.Resampling.BILINEAR)
    )
    for pixels, _ in written["train"]
  ]
  base = Split(np.stack(resized)[..., None], np.zeros(8, np.int32))
  parts = made_of(dataset.train, base)
  labels = np.array([label for _, label in written["train"]])
  np.testing.assert_array_equal(dataset.train.labels, labels[parts] @ [3, 1])


def test_mnist_has_all_its_modes(real_data_directory, tmp_path):
  if not (real_data_directory / "mnist").is_dir():
    pytest.skip("TFDS_DATA_DIR holds no mnist")
  config = ConfigDict(all_sections().data.to_dict())
  config.update(
    source="stacked",
    directory=str(real_data_directory),
    cache_directory=str(tmp_path),
    stacked_examples=20_000,
  )
  dataset = sources.load(config, lambda line: None)
  assert (
    sources.train_shape(config) == dataset.train.images.shape == (20_000, 28, 28, 3)
  )
  assert dataset.num_classes == 1000
  for split in (dataset.train, dataset.test):
    assert len(np.unique(split.labels)) == 1000


@pytest.mark.parametrize(
  ("base", "words"),
  [
    (BASE._replace(train=Split(np.zeros((4, 2, 2, 3), np.uint8), BASE.train.labels)),
     "'tiny' has 3 channels"),
    (BASE._replace(num_classes=1300), "2,197,000,000 modes"),
  ],
)  # fmt: skip
def test_a_base_that_cannot_be_stacked_is_refused_in_one_line(base, words):
  with pytest.raises(UserError) as refusal:
    stacked.stack(base, 3, 10)
  assert words in str(refusal.value)
  assert str(refusal.value).isprintable()


@pytest.mark.parametrize(
  ("changes", "words"),
  [
    ({"source": "stacked", "stacked_digits": 5}, "choose one of 2, 3, 4"),
    ({"source": "stacked", "stacked_examples": -1}, "0 or more"),
    ({"source": "tfds", "stacked_digits": 2}, "data.source='stacked'"),
    ({"source": "digits", "stacked_examples": 0}, "set it to 128000"),
    ({"source": "stacked", "path": "x.npz"}, "data.path='x.npz'"),
  ],
)
def test_impossible_fields_are_refused_in_one_line(changes, words):
  config = all_sections()
  config.data.update(changes)
  with pytest.raises(UserError) as refusal:
    validate(config)
  assert words in str(refusal.value)
  assert str(refusal.value).isprintable()


def test_other_sources_keep_the_defaults_of_the_config():
  data = all_sections().data
  assert all(data[field] == kept for field, (_, kept) in OF_ONE_SOURCE.items())


def test_images_made_on_the_fly_have_no_number(make_config):
  with pytest.raises(UserError, match="--images=60000x28x28x3"):
    sources.train_shape(make_config(source="stacked", stacked_examples=0))


def test_a_run_on_the_fly_is_the_same_streamed_and_resident(
  write_folder, train_two_steps, tmp_path
):
  write_folder()
  arrays = {}
  for placement in ("streamed", "resident"):
    workdir, _ = train_two_steps(
      ("gan",),
      source="stacked",
      stacked_digits=2,
      stacked_examples=0,
      placement=placement,
    )
    arrays[placement] = saved(workdir, "gan")[1]
    sample_run(workdir, {}, 3, "png", Console(io.StringIO()))
    with Image.open(workdir / "samples" / "000002.png") as picture:
      assert (picture.mode, picture.size) == ("L", (2 * 6, 4))
    if placement == "resident":
      trained = open_run(workdir, {}, "code", Console(io.StringIO()), -1, tmp_path)
      images, labels = reference_images(trained)
      assert images.shape == (10_000, 4, 6, 2) and len(labels) == 10_000
    workdir.rename(tmp_path / placement)
  for one, other in zip(*arrays.values(), strict=True):
    assert one.tobytes() == other.tobytes()
