"""Fully connected networks: shapes, starting values, the stored mean."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from configs import seed
from sgae.kernels.dense import WIDE
from sgae.methods.gan.networks import build_discriminator, build_generator
from sgae.methods.sparse_autoencoder.networks import build_autoencoder
from sgae.networks import mlp

KEY = jax.random.key(0)
MEAN = np.linspace(-0.9, 0.9, 24, dtype=np.float32).reshape(2, 4, 3)


def test_the_seed_article_shapes():
  config, mean = seed.get_config(), np.zeros((28, 28, 1), np.float32)
  autoencoder = build_autoencoder(config, mean)
  generator = build_generator(config, mean)
  discriminator = build_discriminator(config, mean)
  shapes = {
    name: [
      leaf.shape
      for leaf in jax.tree.leaves(jax.eval_shape(init, KEY))
      if leaf.ndim == 2
    ]
    for name, init in (
      ("autoencoder", autoencoder.init),
      ("generator", generator.init),
      ("discriminator", discriminator.init),
    )
  }
  assert shapes["generator"] == [(100, 128), (128, 128), (128, 784)]
  assert shapes["discriminator"] == [(784, 128), (128, 128), (128, 1)]
  # the decoder's leaves come first by name; atoms are its first layer, as the encoder's
  # rows are its last, one for each latent
  decoder, encoder = shapes["autoencoder"][:3], shapes["autoencoder"][3:]
  assert decoder == [(32, 64), (64, 128), (128, 784)]
  assert encoder == [(784, 128), (128, 64), (32, 64)]


def test_discriminator_and_generator_shapes():
  discriminator = mlp.mlp_discriminator((2, 4, 3), (7, 5), "relu")
  images = jnp.zeros((6, 2, 4, 3))
  assert discriminator.apply(discriminator.init(KEY), images).shape == (6,)
  generator = mlp.mlp_generator((2, 4, 3), 9, (), "relu", "tanh")
  images = generator.apply(generator.init(KEY), 50 * jnp.ones((6, 9)))
  assert images.shape == (6, 2, 4, 3)
  assert jnp.abs(images).max() <= 1


def test_hidden_layers_start_from_he_and_last_ones_from_lecun():
  params = mlp.mlp_generator((200,), 400, (300,), "relu", "linear").init(KEY)
  hidden, last = params["Dense_0"], params["Dense_1"]
  np.testing.assert_allclose(hidden["kernel"].std(), np.sqrt(2 / 400), rtol=0.02)
  np.testing.assert_allclose(last["kernel"].std(), np.sqrt(1 / 300), rtol=0.02)
  assert not hidden["bias"].any()
  assert not last["bias"].any()


def test_encoder_subtracts_the_mean_it_stores():
  encoder = mlp.mlp_encoder(MEAN, (), 5, "relu")
  params = encoder.init(KEY)
  np.testing.assert_array_equal(encoder.apply(params, MEAN[None])[0], np.zeros((1, 5)))
  moved = params | {"mean": params["mean"] - 1}
  assert jnp.abs(encoder.apply(moved, MEAN[None])[0]).max() > 0.1
  gradient = jax.grad(lambda p: encoder.apply(p, MEAN[None])[0].sum())(moved)
  assert not gradient["mean"].any()


@pytest.mark.parametrize("count", [WIDE - 1, WIDE])
def test_atoms_are_scaled_to_norm_1_and_zero_ones_stay_zero(count):
  atoms = jax.random.normal(KEY, (count, 2, 3)).at[4].set(0.0)
  norms = jnp.linalg.norm(mlp.unit_norm(atoms).reshape(count, -1), axis=1)
  np.testing.assert_allclose(norms, jnp.ones(count).at[4].set(0.0), rtol=1e-6)


def test_encoder_with_hidden_layers_by_hand():
  encoder = mlp.mlp_encoder(0 * MEAN, (6,), 5, "relu")
  params = encoder.init(KEY)
  params["bias"] = jnp.arange(5.0)
  image = jax.random.normal(KEY, MEAN.shape)
  (hidden,) = params["layers"].values()
  x = np.maximum(np.ravel(image) @ hidden["kernel"] + hidden["bias"], 0)
  wanted = x @ np.asarray(params["rows"]).T + params["bias"]
  np.testing.assert_allclose(
    encoder.apply(params, image[None])[0][0], wanted, rtol=1e-5
  )


def test_a_tied_encoder_reads_with_the_atoms():
  params = mlp.mlp_encoder(MEAN, (), 5, "relu").init(KEY)
  atoms = mlp.mlp_decoder(MEAN, (), 5, "relu", "linear").init(KEY)["atoms"]
  tied = mlp.tied_to_atoms(params, atoms)
  np.testing.assert_array_equal(tied["rows"], atoms)
  assert tied["rows"] is not atoms  # a state that holds one buffer twice is not donated


@pytest.mark.parametrize("hidden", [(), (6, 5)])
@pytest.mark.parametrize(("output", "shown"), [("linear", MEAN), ("tanh", 0.98 * MEAN)])
def test_decoder_of_an_empty_code_starts_at_the_mean_image(hidden, output, shown):
  decoder = mlp.mlp_decoder(MEAN, hidden, 8, "leaky_relu", output)
  params = decoder.init(KEY)
  np.testing.assert_allclose(
    decoder.apply(params, jnp.zeros((1, 8)))[0], shown, atol=1e-6
  )
  norms = jnp.linalg.norm(params["atoms"], axis=1)
  np.testing.assert_allclose(norms, np.ones(8), rtol=1e-6)


def test_linear_decoder_is_a_dictionary():
  decoder = mlp.mlp_decoder(MEAN, (), 8, "relu", "linear")
  params = decoder.init(KEY)
  image = decoder.apply(params, 2.5 * jnp.eye(8)[3:4])[0]
  atom = params["atoms"][3].reshape(MEAN.shape)
  np.testing.assert_allclose(image, MEAN + 2.5 * atom, atol=1e-6)


def test_a_zero_atom_stays_zero_under_unit_norm():
  atoms = mlp.unit_norm(jnp.array([[3.0, 4.0], [0.0, 0.0]]))
  np.testing.assert_allclose(atoms, [[0.6, 0.8], [0.0, 0.0]], rtol=1e-6)
