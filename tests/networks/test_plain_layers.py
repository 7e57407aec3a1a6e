"""Decoders as plain arrays make the images that the networks make."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from sgae.networks import conv_autoencoder, dcgan, mlp
from sgae.networks.attention import Attention
from sgae.networks.layers import halved
from sgae.networks.network import ACTIVATIONS, OUTPUT_ACTIVATIONS, rowwise
from sgae.networks.plain_layers import (
  DenseLayer,
  TransposedLayer,
  apply_layers,
  code_shape,
  products,
  rounded,
)

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


@pytest.mark.parametrize("shape", [(4, 4, 1), (5, 6, 3), (9, 7, 2)])
@pytest.mark.parametrize("hidden", [(), (5,), (5, 4)])
@pytest.mark.parametrize("kernel_size", [1, 2, 3, 5])
def test_layers_of_a_spatial_decoder_give_its_images(shape, hidden, kernel_size):
  rng = np.random.default_rng(0)
  mean = rng.uniform(-0.9, 0.9, shape).astype(np.float32)
  decoder = conv_autoencoder.spatial_decoder(
    mean, hidden, 6, kernel_size, "silu", "tanh"
  )
  params = moved(decoder.init(jax.random.key(0)))
  code = (*halved(shape, 1 + len(hidden)), 6)
  codes = rng.normal(size=(3, *code)).astype(np.float32)
  assert decoder.layers is not None
  layers = decoder.layers(params)
  assert code_shape(layers) == code
  expected = np.asarray(decoder.apply(params, codes)).reshape(3, -1)
  found = apply_layers(layers, codes.reshape(3, -1))
  np.testing.assert_allclose(found, expected, atol=2e-5)


def test_layers_of_a_convolutional_generator_give_its_images():
  generator = dcgan.dcgan_generator((9, 7, 2), 6, (5, 4), 5, "relu", "tanh", "none")
  params = moved(generator.init(jax.random.key(1)))
  latents = np.random.default_rng(0).normal(size=(4, 6)).astype(np.float32)
  assert generator.layers is not None
  expected, _ = generator.apply(params, latents, train=False)
  found = apply_layers(generator.layers(params), latents)
  np.testing.assert_allclose(found, np.asarray(expected).reshape(4, -1), atol=2e-5)


def test_what_is_no_chain_of_layers_has_none():
  mean, attended = np.zeros((8, 8, 1), np.float32), Attention((4,))
  decoder = conv_autoencoder.spatial_decoder(mean, (8,), 3, 2, "relu", "tanh", attended)
  assert decoder.layers is None
  size = ((8, 8, 1), 6, (8,), 3, "relu", "tanh")
  assert dcgan.dcgan_generator(*size, "batch").layers is None
  assert dcgan.dcgan_generator(*size, "none", attended).layers is None
  assert dcgan.dcgan_generator(*size, "none", classes=2).layers is None


def test_products_are_counted_by_active_inputs_first_and_by_all_then():
  first = TransposedLayer(np.zeros((7, 3, 3, 5)), np.zeros(5), "relu", (4, 4))
  second = TransposedLayer(np.zeros((5, 2, 2, 1)), np.zeros(1), "tanh", (8, 8))
  assert products([first, second], 6) == 6 * 9 * 5 + 4 * 4 * 5 * 4
  dense = DenseLayer(np.zeros((7, 3)), np.zeros(3), "relu")
  assert products([dense, dense._replace(weights=np.zeros((3, 2)))], 2) == 2 * 3 + 3 * 2


def test_rounded_layers_hold_the_nearest_numbers_of_float16():
  layer = DenseLayer(np.array([[1 + 2**-12, 1 + 3 * 2**-12]]), np.zeros(2), "linear")
  (found,) = rounded([layer])
  # 1 and 1 + 2^-10 are neighbours
  np.testing.assert_array_equal(found.weights, [[1, 1 + 2**-10]])
  assert found.weights.dtype == np.float32
  (found,) = rounded([layer._replace(weights=np.array([[1e6, 0]]))])
  assert np.isinf(found.weights[0, 0])
