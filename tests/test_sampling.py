"""Samples depend only on the run's seed and on their own number."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from sgae import randomness
from sgae.devices.mesh import local_mesh
from sgae.methods.gan.evaluate import make_interpolator
from sgae.methods.gan.networks import build_generator
from sgae.methods.sampling import COLUMNS, ROWS, as_stored, make_sampler
from tests.systems import MEAN, make_phase, small_config


def make(**fields):
  config = small_config(**fields)
  phase = make_phase("gan", config)
  return config, phase.program, phase.init({}), local_mesh()


def latents(config, state, positions):
  """Normal or uniform noise, drawn one position at a time."""
  stream = randomness.stream_key(state.key, "samples")
  keys = [jax.random.fold_in(stream, int(position)) for position in positions]
  if config.gan.latent_distribution == "normal":
    return np.stack([jax.random.normal(key, (6,)) for key in keys])
  return np.stack([jax.random.uniform(key, (6,)) * 2 - 1 for key in keys])


def test_more_samples_begin_with_the_same_ones():
  _, program, state, mesh = make()
  sample = make_sampler(program, mesh)
  few_numbers = np.arange(7)
  many, few = sample(state, np.arange(600)), sample(state, few_numbers)
  assert many.shape == (600, 4, 4, 1)
  assert many.dtype == np.uint8
  np.testing.assert_array_equal(many[:7], few)
  assert len(np.unique(many.reshape(600, -1), axis=0)) == 600

  other = make(seed=1)[2]
  assert not np.array_equal(sample(other, few_numbers), few)
  # the averaged parameters draw, not those that train
  moved = jax.tree.map(lambda leaf: leaf + 0.1, state.generator)
  np.testing.assert_array_equal(
    sample(state.replace(generator=moved), few_numbers), few
  )
  average = jax.tree.map(lambda leaf: leaf + 0.1, state.ema_params)
  assert not np.array_equal(sample(state.replace(ema_params=average), few_numbers), few)


@pytest.mark.parametrize("distribution", ["normal", "uniform"])
def test_rows_go_from_one_sample_to_another(distribution):
  config, program, state, mesh = make(gan__latent_distribution=distribution)
  images = make_interpolator(config, program, mesh)(state)
  assert images.shape == (ROWS * COLUMNS, 4, 4, 1)
  samples = make_sampler(program, mesh)(state, np.arange(2 * ROWS))
  first, last = images[::COLUMNS], images[COLUMNS - 1 :: COLUMNS]
  for at_end, stored in ((first, samples[::2]), (last, samples[1::2])):
    np.testing.assert_allclose((at_end + 1) * 127.5, stored, atol=0.501)

  generator = build_generator(config, MEAN)
  ends = latents(config, state, np.arange(2 * ROWS))
  end_images = generator.apply(state.ema_params, ends, train=False).images
  np.testing.assert_allclose(first, end_images[::2], atol=1e-5)
  np.testing.assert_allclose(last, end_images[1::2], atol=1e-5)

  share = 3 / (COLUMNS - 1)
  weights = 1 - share, share
  if distribution == "normal":  # along the circle the length stays that of noise
    weights = np.cos(share * np.pi / 2), np.sin(share * np.pi / 2)
  between = weights[0] * ends[::2] + weights[1] * ends[1::2]
  expected = generator.apply(
    state.ema_params, between.astype(np.float32), train=False
  ).images
  np.testing.assert_allclose(images[3::COLUMNS], expected, atol=1e-5)


@pytest.mark.parametrize("compiled", [False, True])
def test_images_are_stored_as_bytes_and_points_as_floats(compiled):
  stored = jax.jit(as_stored) if compiled else as_stored
  values = [-1.2, -1, 0, 0.0157, 1, 1.2, np.nan, -np.inf]  # the fourth is at 129.502
  found = stored(jnp.array(values).reshape(-1, 1, 1, 1))
  assert found.dtype == np.uint8
  assert found.ravel().tolist() == [0, 0, 128, 130, 255, 255, 128, 128]
  points = jnp.array([[-1.5, 0.3]]).reshape(1, 1, 1, 2)
  np.testing.assert_array_equal(stored(points), points)
