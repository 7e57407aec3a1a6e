"""The digits of scikit-learn, and what `sources.load` does to any source."""

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_digits

from sgae.data import sources
from sgae.data.holdout import hold_out
from sgae.errors import UserError


@pytest.fixture
def digits(make_config):
  return sources.load(make_config(source="digits"), pytest.fail)


def test_every_example_is_in_one_split(digits, make_config):
  assert digits.name == "digits"
  assert digits.num_classes == 10
  assert digits.train.images.shape == (1498, 8, 8, 1)
  assert sources.train_shape(make_config(source="digits")) == (1498, 8, 8, 1)
  assert digits.test.images.shape == (299, 8, 8, 1)
  assert digits.train.images.dtype == digits.test.images.dtype == np.uint8
  assert digits.train.labels.dtype == digits.test.labels.dtype == np.int32
  _, labels = load_digits(return_X_y=True)
  counts = [np.bincount(split.labels) for split in (digits.train, digits.test)]
  assert np.add(*counts).tolist() == np.bincount(labels).tolist()
  assert counts[1].tolist() == [30] * 8 + [29, 30]


def test_the_scale_fills_the_range_of_a_byte(digits):
  stored, labels = load_digits(return_X_y=True)
  is_test = hold_out("digits", np.asarray(labels), every=6).is_test
  stored = np.asarray(stored)[is_test].reshape(-1, 8, 8)
  images = digits.test.images[..., 0]
  for level in range(17):
    assert set(images[stored == level].tolist()) <= {round(level * 255 / 16)}
  assert images.min() == 0
  assert images.max() == 255


def test_resize_is_pillows_bilinear_of_each_image(digits, make_config):
  resized = sources.load(make_config(source="digits", image_size=20), pytest.fail)
  assert resized.train.images.shape == (1498, 20, 20, 1)
  assert resized.test.images.dtype == np.uint8
  np.testing.assert_array_equal(resized.train.labels, digits.train.labels)
  for index in (0, 298):
    image = Image.fromarray(digits.test.images[index, ..., 0])
    expected = image.resize((20, 20), Image.Resampling.BILINEAR)
    np.testing.assert_array_equal(resized.test.images[index, ..., 0], expected)


def test_resize_of_colours(write_folder, make_config):
  _, written = write_folder(channels=3)
  dataset = sources.load(make_config(image_size=9), lambda line: None)
  assert dataset.train.images.shape == (8, 9, 9, 3)
  for images, split in ((dataset.train.images, "train"), (dataset.test.images, "test")):
    for image, (pixels, _) in zip(images, written[split], strict=True):
      expected = Image.fromarray(pixels).resize((9, 9), Image.Resampling.BILINEAR)
      np.testing.assert_array_equal(image, expected)


def test_images_of_the_right_size_are_unchanged(digits, make_config):
  same = sources.load(make_config(source="digits", image_size=8), pytest.fail)
  np.testing.assert_array_equal(same.train.images, digits.train.images)


def test_an_unknown_source_is_refused(make_config):
  with pytest.raises(
    UserError,
    match=r"source=.csv. is unknown; .* idx, mixture, vectors, stacked, patches$",
  ):
    sources.load(make_config(source="csv"), pytest.fail)
