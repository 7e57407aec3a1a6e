"""Fixed filters are Pillow's; the upscaler starts as one of them."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

from sgae.networks.resampling import FILTERS, resample, resampling_matrix
from sgae.networks.upscaler import from_cells, upscaler

pytestmark = pytest.mark.quick
PILLOW = {
  "nearest": Image.Resampling.BOX,
  "bilinear": Image.Resampling.BILINEAR,
  "bicubic": Image.Resampling.BICUBIC,
  "lanczos": Image.Resampling.LANCZOS,
}


@pytest.mark.parametrize("name", FILTERS)
@pytest.mark.parametrize("size", [(16, 12), (8, 6), (64, 48), (128, 96), (28, 31)])
def test_a_filter_is_that_of_pillow(name, size):
  image = np.random.default_rng(0).random((32, 24), np.float32)
  expected = Image.fromarray(image).resize(size[::-1], PILLOW[name])
  found = resample(jnp.asarray(image)[None, :, :, None], size, name)
  np.testing.assert_allclose(found[0, :, :, 0], np.asarray(expected), atol=1e-6)


def test_rows_of_a_matrix_sum_to_1_and_halving_a_line_is_known():
  for name in FILTERS:
    for sides in ((28, 14), (14, 28), (7, 28)):
      matrix = resampling_matrix(*sides, name)
      np.testing.assert_allclose(matrix.sum(axis=1), 1, atol=1e-6)
  # of Keys' cubic at distances 1/4, 3/4, 5/4 and 7/4, each times 1/2
  inner = resampling_matrix(32, 16, "bicubic")[8, 13:21]
  weights = np.array([111, 29, -9, -3]) / 256
  np.testing.assert_allclose(inner, [*weights[::-1], *weights], atol=1e-6)


def test_cells_become_blocks_of_pixels():
  # channel (row of the block, column of the block, colour), as the kernel orders them
  cells = jnp.arange(2 * 3 * 5 * 8).reshape(2, 3, 5, 8)
  image = from_cells(cells, 2)
  assert image.shape == (2, 6, 10, 2)
  for row, column, colour in np.ndindex(2, 2, 2):
    part = image[:, row::2, column::2, colour]
    np.testing.assert_array_equal(part, cells[..., 4 * row + 2 * column + colour])


def test_the_upscaler_starts_as_interpolation_and_sees_its_surroundings():
  network = upscaler(channels=3, factor=2, width=4, blocks=1)
  params = network.init(jax.random.key(0))
  small = jax.random.uniform(jax.random.key(1), (2, 6, 4, 3), minval=-1)
  start = network.apply(params, small)
  np.testing.assert_array_equal(start, resample(small, (12, 8), "bicubic"))
  # all of it has a gradient once the last layer is not zero
  params["pixels"]["kernel"] += 0.1
  params["block_0_last"]["kernel"] += 0.1
  gradients = jax.grad(lambda p: jnp.sum(network.apply(p, small) ** 2))(params)
  assert all(float(jnp.abs(leaf).max()) > 0 for leaf in jax.tree.leaves(gradients))
  # three convolutions of side 3: a pixel reaches 3 places of the small image
  moved = network.apply(params, small.at[0, 0, 0].add(0.1)) - network.apply(
    params, small
  )
  reached = np.abs(moved).max(axis=(0, 2, 3)) > 1e-6
  assert reached.tolist() == [True] * 10 + [False] * 2
