"""How near images come to others: those that they should be, or were."""

import numpy as np

PEAK = 255.0  # of bytes
SIGMA, RADIUS = 1.5, 5  # of the Gaussian window, in pixels
_STABLE = ((0.01 * PEAK) ** 2, (0.03 * PEAK) ** 2)
_AT_ONCE = 500  # images, to need less memory
# Squared error of bytes that are equal: PSNR is then 98 dB, and finite.
_LEAST = 1e-5


def squared_errors(images_nhwc: np.ndarray, wanted_nhwc: np.ndarray) -> np.ndarray:
  """Returns the mean squared error of each image, float64 [N].

  Args:
    images_nhwc, wanted_nhwc: uint8 [N, H, W, C].
  """
  _check(images_nhwc, wanted_nhwc)
  difference = images_nhwc.astype(np.float32) - wanted_nhwc.astype(np.float32)
  return np.square(difference, dtype=np.float64).mean(axis=(1, 2, 3))


def psnr(images_nhwc: np.ndarray, wanted_nhwc: np.ndarray) -> np.ndarray:
  """Returns the peak signal-to-noise ratio of each image [dB], float64 [N].

  10 log10(255^2 / MSE); equal images have 98 dB.

  >>> a = np.zeros((1, 2, 2, 1), np.uint8)
  >>> psnr(a, a + np.uint8(255)).tolist()
  [0.0]

  Args:
    images_nhwc, wanted_nhwc: uint8 [N, H, W, C].
  """
  errors_n = np.maximum(squared_errors(images_nhwc, wanted_nhwc), _LEAST)
  return 10 * np.log10(PEAK**2 / errors_n)


def has_ssim(image_shape: tuple[int, ...]) -> bool:
  """Says whether the window of SSIM fits into images of a shape (H, W, C)."""
  return min(image_shape[:2]) > 2 * RADIUS


def ssim(images_nhwc: np.ndarray, wanted_nhwc: np.ndarray) -> np.ndarray:
  """Returns the structural similarity of each image, float64 [N].

  Wang et al. 2004: a Gaussian window of sigma 1.5 (11 x 11 pixels), K1 = .01,
  K2 = .03, the mean over channels and over all places where the window is whole. It is
  scikit-image's with gaussian_weights=True and use_sample_covariance=False.

  Args:
    images_nhwc, wanted_nhwc: uint8 [N, H, W, C], of 11 pixels or more each way.
  """
  _check(images_nhwc, wanted_nhwc)
  parts = [slice(i, i + _AT_ONCE) for i in range(0, len(images_nhwc), _AT_ONCE)]
  return np.concatenate(
    [
      _ssim(*(x[part].astype(np.float64) for x in (images_nhwc, wanted_nhwc)))
      for part in parts
    ]
  )


def _ssim(x, y):
  rows, columns = (_windows(side) for side in x.shape[1:3])

  def mean(values):
    return np.einsum("oh,nhwc,pw->nopc", rows, values, columns, optimize=True)

  mean_x, mean_y = mean(x), mean(y)
  variances = mean(x * x) - mean_x**2 + mean(y * y) - mean_y**2
  covariance = mean(x * y) - mean_x * mean_y
  first, second = _STABLE
  numerator = (2 * mean_x * mean_y + first) * (2 * covariance + second)
  denominator = (mean_x**2 + mean_y**2 + first) * (variances + second)
  return (numerator / denominator).mean(axis=(1, 2, 3))


def _windows(side: int) -> np.ndarray:
  """Returns the weights of each whole window along a side, [side - 10, side]."""
  offsets = np.arange(side)[None] - np.arange(RADIUS, side - RADIUS)[:, None]
  weights = np.where(abs(offsets) <= RADIUS, np.exp(-0.5 * (offsets / SIGMA) ** 2), 0)
  return weights / weights.sum(axis=1, keepdims=True)


def feature_distances(features_nd: np.ndarray, wanted_nd: np.ndarray) -> np.ndarray:
  """Returns |f - g|^2 / |g|^2 of each image, float64 [N]; 0: the same features.

  Args:
    features_nd: float [N, D].
    wanted_nd: float [N, D], of the images that are wanted.
  """
  size_n = np.square(wanted_nd, dtype=np.float64).sum(axis=1)
  difference_n = np.square(features_nd - wanted_nd, dtype=np.float64).sum(axis=1)
  return difference_n / np.maximum(size_n, 1e-6)


def _check(images, wanted):
  if images.shape != wanted.shape or not images.dtype == wanted.dtype == np.uint8:
    raise ValueError(
      "images must be two arrays uint8 of one shape, got "
      f"{images.dtype} {images.shape} and {wanted.dtype} {wanted.shape}"
    )
