"""Patches that are cut out of images."""

import numpy as np
import pytest

from sgae.config import validate
from sgae.data import patches, sources
from sgae.data.dataset import Dataset, Split
from sgae.errors import UserError
from tests.systems import small_config


def coloured(count: int, seed: int) -> Split:
  """Returns images whose neighbouring pixels are alike."""
  noise = np.random.default_rng(seed).normal(size=(count, 12, 10, 3))
  smooth = np.cumsum(np.cumsum(noise, axis=1), axis=2)
  images = (127 + 12 * smooth).clip(0, 255).astype(np.uint8)
  return Split(images, np.zeros(count, np.int32))


IMAGES = Dataset("tiny", coloured(40, 0), coloured(20, 1), 1)


def test_a_patch_is_a_place_of_an_image_without_its_mean():
  found = patches.cut(IMAGES, size=4, count=50, whitened=False)
  assert found.train.images.shape == (50, 4, 4, 1)
  assert found.test.images.shape == (5, 4, 4, 1)
  assert found.train.images.dtype == np.float32
  for split, stored in ((found.train, IMAGES.train), (found.test, IMAGES.test)):
    grey = stored.images @ np.array([0.299, 0.587, 0.114]) / 255
    places = np.lib.stride_tricks.sliding_window_view(grey, (4, 4), axis=(1, 2))
    places = places.reshape(-1, 16)
    places = places - places.mean(axis=1, keepdims=True)
    places /= np.sqrt((places**2).sum(axis=1, keepdims=True) + 0.01)
    for patch in split.images[:5].reshape(-1, 16):
      assert np.abs(places - patch).max(axis=1).min() < 1e-6
  again = patches.cut(IMAGES, size=4, count=50, whitened=False)
  np.testing.assert_array_equal(found.train.images, again.train.images)


def test_whitened_pixels_are_not_correlated():
  plain, white = (
    patches.cut(IMAGES, size=3, count=5000, whitened=whitened).train.images
    for whitened in (False, True)
  )
  assert (white**2).sum(axis=(1, 2, 3)).mean() == pytest.approx(1, abs=1e-3)

  def condition(images):
    pixels = images.reshape(len(images), -1)
    variances = np.linalg.eigvalsh(pixels.T @ pixels)[1:]  # the mean has none
    return variances.max() / variances.min()

  assert condition(plain) > 50
  assert condition(white) < 3


def test_patches_are_read_from_prepared_data(write_folder, make_config):
  write_folder()
  config = make_config(source="patches", patch_size=3, patches=30)
  found = sources.load(config, lambda line: None)
  assert found.train.images.shape == (30, 3, 3, 1)
  assert sources.train_shape(config) == (30, 3, 3, 1)
  assert found.name == "3x3 patches of tiny"
  with pytest.raises(UserError, match="data.patch_size=50 is more than the"):
    sources.load(make_config(source="patches", patch_size=50), lambda line: None)


@pytest.mark.parametrize(
  ("fields", "words"),
  [
    ({"patch_size": 1}, "data.patch_size=1"),
    ({"image_size": 8}, "data.image_size=8 has no meaning"),
    ({"augment": ("shift",)}, "has no meaning for data.source='patches'"),
    ({"source": "tfds", "whitened": True}, "data.whitened=True is not read by"),
  ],
)
def test_what_patches_cannot_be_is_refused(fields, words):
  config = small_config(phases=("sae",), sae__output="linear")
  config.data.update({"source": "patches", "name": "cifar10"} | fields)
  with pytest.raises(UserError, match=words):
    validate(config)


def test_a_method_of_images_refuses_patches():
  config = small_config(phases=("vae",))
  config.data.update(source="patches", name="cifar10")
  with pytest.raises(UserError, match="choose from sae, sparse_coding"):
    validate(config)
