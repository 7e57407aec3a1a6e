"""Statistics of images, by hand."""

import numpy as np
import pytest

from sgae.evaluation.measures.samples import sample_statistics


def test_three_images_of_two_pixels():
  images = np.array([[0, 1], [3, 5], [6, 6]], np.float32).reshape(3, 1, 2, 1)
  assert sample_statistics(images) == {
    "mean": pytest.approx(21 / 6),
    "std": pytest.approx(((6 + 14 / 3) / 2) ** 0.5),  # variances over the images
    "pair_distance": pytest.approx(5),  # 3-4-5; the third has no partner
  }


def test_a_single_image_has_no_pairs():
  image = np.array([2, 4], np.float32).reshape(1, 1, 2, 1)
  assert sample_statistics(image) == {"mean": 3, "std": 0}
