"""A mixture of Gaussians over the pre-activations of a code."""

import jax
import jax.numpy as jnp
import numpy as np

from sgae.networks.mixture import Mixture

MIXTURE = Mixture((3,), components=2, axes=2, rank=1)
PARAMS = {
  "cumulative": jnp.array([0.25, 1.0]),
  "means": jnp.array([[1.0, 2.0], [-1.0, 0.0]]),
  "factors": jnp.array([[[10.0], [0.0]], [[0.0], [100.0]]]),
  "basis": jnp.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]),
  "mean": jnp.array([0.5, 0.5, 0.5]),
  "scale": jnp.array([2.0, 10.0]),
}


def test_it_is_a_chosen_mean_and_the_noise_along_its_axes():
  # -1 lies below the normal's first quartile (-.674), 0 above it
  latents = jnp.array([[-1.0, 2.0, 9.0], [0.0, 3.0, 9.0]])
  pre, coordinates = MIXTURE.draw(PARAMS, latents)
  np.testing.assert_allclose(pre, [[21.5, 0.5, 2.5], [-0.5, 0.5, 300.5]])
  np.testing.assert_allclose(coordinates, [[10.5, 0.2], [-0.5, 30.0]])


def test_each_component_is_drawn_by_its_weight():
  first = jax.random.normal(jax.random.key(0), (20_000, 1))
  latents = jnp.concatenate([first, jnp.zeros((20_000, 1))], axis=1)
  drawn = MIXTURE.draw(PARAMS, latents)[0][:, 0] == 1.5
  np.testing.assert_allclose(drawn.mean(), 0.25, atol=0.01)


def test_extreme_noise_chooses_a_component_that_exists():
  latents = jnp.array([[-40.0, 0.0], [40.0, 0.0]])
  np.testing.assert_allclose(MIXTURE.draw(PARAMS, latents)[0][:, 0], [1.5, -0.5])


def test_a_code_with_places_keeps_its_shape():
  mixture = Mixture((2, 2, 3), components=4, axes=5, rank=2)
  assert mixture.draw(mixture.init(), jnp.zeros((7, 3)))[0].shape == (7, 2, 2, 3)
