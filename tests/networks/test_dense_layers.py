"""A fully connected decoder as plain arrays makes the images that the network makes."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from sgae.networks import conv_autoencoder, mlp
from sgae.networks.dense_layers import DenseLayer, apply_layers, rounded
from sgae.networks.network import ACTIVATIONS, OUTPUT_ACTIVATIONS, rowwise

MEAN = np.linspace(-0.9, 0.9, 24, dtype=np.float32).reshape(2, 4, 3)


def moved(params):
  """Returns parameters with biases that are not zero."""
  keys = iter(jax.random.split(jax.random.key(3), 20))
  return jax.tree.map(lambda p: p + jax.random.normal(next(keys), p.shape), params)


@pytest.mark.parametrize("activation", sorted(ACTIVATIONS))
@pytest.mark.parametrize("output", sorted(OUTPUT_ACTIVATIONS))
@pytest.mark.parametrize("hidden", [(), (7,), (7, 5)])
def test_layers_give_what_the_decoder_gives(activation, output, hidden):
  decoder = mlp.mlp_decoder(MEAN, hidden, 9, activation, output)
  params = moved(decoder.init(jax.random.key(0)))
  codes = np.random.default_rng(0).normal(size=(4, 9)).astype(np.float32)
  assert decoder.layers is not None
  layers = decoder.layers(params)
  assert [layer.activation for layer in layers] == [activation] * len(hidden) + [output]
  assert all(isinstance(layer.weights, np.ndarray) for layer in layers)
  expected = np.asarray(decoder.apply(params, codes)).reshape(4, -1)
  np.testing.assert_allclose(apply_layers(layers, codes), expected, atol=2e-5)


def test_layers_of_a_generator_pass_through_what_wraps_it():
  generator = mlp.mlp_generator((2, 4, 3), 6, (7, 5), "silu", "tanh")
  params = moved(generator.init(jax.random.key(1)))
  latents = 20 * np.random.default_rng(0).normal(size=(4, 6)).astype(np.float32)
  wrapped = rowwise(generator)
  assert wrapped.layers is not None
  expected = np.asarray(generator.apply(params, latents)).reshape(4, -1)
  found = apply_layers(wrapped.layers(params), latents)
  np.testing.assert_allclose(found, expected, atol=2e-5)
  # a function behind it would be missing
  assert wrapped.then(jnp.abs).layers is None


def test_a_convolutional_decoder_has_none():
  decoder = conv_autoencoder.spatial_decoder(
    np.zeros((4, 4, 1), np.float32), (), 3, 2, "relu", "tanh"
  )
  assert decoder.layers is None


def test_rounded_layers_hold_the_nearest_numbers_of_float16():
  layer = DenseLayer(np.array([[1 + 2**-12, 1 + 3 * 2**-12]]), np.zeros(2), "linear")
  (found,) = rounded([layer])
  # 1 and 1 + 2^-10 are neighbours
  np.testing.assert_array_equal(found.weights, [[1, 1 + 2**-10]])
  assert found.weights.dtype == np.float32
  (found,) = rounded([layer._replace(weights=np.array([[1e6, 0]]))])
  assert np.isinf(found.weights[0, 0])
