"""From stored bytes to model range and back."""

import jax
import numpy as np
import pytest

from sgae.data.dataset import Split
from sgae.data.resident import gather, mean_image, to_model_range
from sgae.reporting.pictures import as_uint8

ALL_BYTES = np.arange(256, dtype=np.uint8)


@pytest.mark.parametrize("compiled", [False, True])
def test_round_trip_is_exact_for_every_value(compiled):
  forward = jax.jit(to_model_range) if compiled else to_model_range
  values = np.asarray(forward(ALL_BYTES))
  assert values.dtype == np.float32
  assert values[0] == -1.0
  assert values[255] == 1.0
  assert (np.diff(values) > 0).all()
  back = as_uint8(values.reshape(1, 16, 16, 1)).ravel()
  assert back.dtype == np.uint8
  np.testing.assert_array_equal(back, ALL_BYTES)


def test_gather_takes_the_images_at_the_indices():
  images = np.random.default_rng(0).integers(0, 256, (7, 3, 2, 1)).astype(np.uint8)
  labels = np.arange(10, 17, dtype=np.int32)
  indices = np.array([[6, 0, 6], [1, 2, 3]], np.int32)
  with jax.numpy_rank_promotion("raise"):
    batch = jax.jit(gather)(Split(images, labels), indices)
  assert batch["image"].shape == (2, 3, 3, 2, 1)
  assert batch["image"].dtype == np.float32
  np.testing.assert_array_equal(batch["label"], labels[indices])
  np.testing.assert_array_equal(
    as_uint8(batch["image"].reshape(6, 3, 2, 1)), images[indices.ravel()]
  )


def test_mean_image_by_hand():
  images = np.array([[[[0], [255]]], [[[255], [255]]], [[[0], [0]]]], np.uint8)
  mean = mean_image(images)
  assert mean.shape == (1, 2, 1)
  assert mean.dtype == np.float32
  np.testing.assert_allclose(mean[0, :, 0], [-1 / 3, 1 / 3], rtol=1e-6)


def test_mean_image_does_not_depend_on_the_order_or_overflow():
  generator = np.random.default_rng(0)
  images = generator.integers(200, 256, (5000, 2, 2, 3)).astype(np.uint8)
  mean = mean_image(images)
  np.testing.assert_allclose(mean, images.mean(axis=0) / 127.5 - 1, rtol=1e-6)
  shuffled = mean_image(images[generator.permutation(5000)])
  assert mean.tobytes() == shuffled.tobytes()
