"""Measures of restored images against scikit-image's and values by hand."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from sgae.evaluation.measures.restoration import (
  feature_distances,
  has_ssim,
  psnr,
  squared_errors,
  ssim,
)

pytestmark = pytest.mark.quick
RNG = np.random.default_rng(0)
WANTED = RNG.integers(0, 256, (3, 16, 13, 3), dtype=np.uint8)
NEAR = (WANTED.astype(int) + RNG.integers(-20, 21, WANTED.shape)).clip(0, 255)
NEAR = NEAR.astype(np.uint8)
# structural_similarity(..., channel_axis=2, gaussian_weights=True, sigma=1.5,
# use_sample_covariance=False, data_range=255) and peak_signal_noise_ratio of
# scikit-image 0.26.0
SSIM = (0.9879056235530581, 0.9879219931598747, 0.9871784995303953)
PSNR = (27.088165473417448, 26.94668299712482, 26.930709658750853)


def test_psnr_and_ssim_are_those_of_scikit_image():
  np.testing.assert_allclose(ssim(NEAR, WANTED), SSIM, atol=1e-9)
  np.testing.assert_allclose(psnr(NEAR, WANTED), PSNR, atol=1e-9)


def test_ssim_is_the_formula_with_another_gaussian_filter():
  x, y = (images[..., 0].astype(np.float64) for images in (NEAR, WANTED))

  def mean(values):
    return gaussian_filter(values, 1.5, truncate=3.5, axes=(1, 2))[:, 5:-5, 5:-5]

  a, b = mean(x), mean(y)
  c, d = (0.01 * 255) ** 2, (0.03 * 255) ** 2
  structure = (2 * (mean(x * y) - a * b) + d) / (
    mean(x * x) - a**2 + mean(y * y) - b**2 + d
  )
  expected = (structure * (2 * a * b + c) / (a**2 + b**2 + c)).mean(axis=(1, 2))
  found = ssim(NEAR[..., :1], WANTED[..., :1])
  np.testing.assert_allclose(found, expected, atol=1e-9)


def test_equal_images_and_known_errors():
  assert ssim(WANTED, WANTED).tolist() == [1, 1, 1]
  assert psnr(WANTED, WANTED) == pytest.approx([98.13] * 3, abs=0.01)
  grey = np.full((1, 11, 11, 1), 100, np.uint8)
  assert squared_errors(grey, grey + np.uint8(10)).tolist() == [100]
  assert psnr(grey, grey + np.uint8(10))[0] == pytest.approx(20 * np.log10(25.5))
  assert has_ssim((11, 28, 1)) and not has_ssim((10, 28, 1))


def test_images_of_floats_or_of_another_shape_are_refused():
  for other in (WANTED[:2], WANTED.astype(np.float32)):
    with pytest.raises(ValueError, match="two arrays uint8 of one shape"):
      psnr(NEAR, other)


def test_distances_of_features_are_relative_to_their_size():
  wanted = np.array([[3.0, 4.0], [0.0, 2.0]])
  found = feature_distances(np.array([[3.0, 9.0], [0.0, 2.0]]), wanted)
  assert found.tolist() == [1, 0]
