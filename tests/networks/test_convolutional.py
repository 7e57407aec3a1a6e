"""DCGAN, residual pair and convolutional autoencoder: shapes, starts, invariances."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from sgae.networks import conv_autoencoder, dcgan, residual
from sgae.networks.autoencoder import make_autoencoder
from sgae.networks.sparsity import make_topk

KEY = jax.random.key(0)
NOISE = jax.random.normal(jax.random.key(1), (3, 10))


def in_training(network):
  """Returns the network's `apply` as training calls it, compiled."""
  return jax.jit(functools.partial(network.apply, train=True))


@pytest.mark.parametrize("shape", [(28, 28, 1), (32, 32, 3), (7, 12, 2)])
@pytest.mark.parametrize("normalization", ["none", "batch", "spectral"])
def test_the_dcgan_pair_fits_images_of_any_size(shape, normalization):
  generator = dcgan.dcgan_generator(shape, 10, (8, 4), 5, "relu", "tanh", normalization)
  discriminator = dcgan.dcgan_discriminator(shape, (4, 8), 5, "relu", normalization)
  params = generator.init(KEY)
  images, statistics = in_training(generator)(params, NOISE)
  assert images.shape == (3, *shape)
  assert jnp.abs(images).max() <= 1
  logits, _ = in_training(discriminator)(discriminator.init(KEY), images)
  assert logits.shape == (3,)
  after = generator.after_update(params, statistics)
  assert jax.tree.structure(after) == jax.tree.structure(params)
  moved = jax.tree.map(lambda a, b: bool((a != b).any()), params, after)
  assert any(jax.tree.leaves(moved)) == (normalization != "none")


def test_dcgan_layers_are_those_of_the_veegan_protocol():
  """G 512-256-128-64-3 from 2x2 on, D 64-128-256-512-1, kernels 5x5."""
  generator = dcgan.dcgan_generator(
    (28, 28, 3), 100, (512, 256, 128, 64), 5, "relu", "tanh", "batch"
  )
  discriminator = dcgan.dcgan_discriminator(
    (28, 28, 3), (64, 128, 256, 512), 5, "leaky_relu", "batch"
  )

  def kernels(network):
    shapes = jax.eval_shape(network.init, KEY)
    return [layer["kernel"].shape for layer in shapes.values()]

  assert kernels(generator) == [
    (100, 2 * 2 * 512),
    (5, 5, 256, 512),
    (5, 5, 128, 256),
    (5, 5, 64, 128),
    (5, 5, 3, 64),
  ]
  assert kernels(discriminator) == [
    (5, 5, 3, 64),
    (5, 5, 64, 128),
    (5, 5, 128, 256),
    (5, 5, 256, 512),
    (2 * 2 * 512, 1),
  ]
  kept = jax.eval_shape(discriminator.init, KEY)
  normalised = [name for name, layer in kept.items() if "mean" in layer]
  assert normalised == ["convolution_1", "convolution_2", "convolution_3"]


def test_activations_start_at_the_size_of_their_inputs():
  """He's start keeps the second moment through transposed convolutions too."""
  generator = dcgan.dcgan_generator(
    (32, 32, 8), 200, (128, 64, 64), 4, "relu", "linear", "none"
  )
  noise = jax.random.normal(jax.random.key(1), (16, 200))
  images, _ = in_training(generator)(generator.init(KEY), noise)
  inner = np.asarray(images)[:, 4:-4, 4:-4]
  assert 0.5 < np.mean(inner**2) < 2


@pytest.mark.parametrize(
  ("shape", "stages", "groups"), [((28, 28, 1), 2, 1), ((32, 32, 3), 4, 4)]
)
def test_the_residual_pair_starts_as_the_identity_of_its_blocks(shape, stages, groups):
  widths = [8] * stages
  generator = residual.residual_generator(
    shape, 10, widths, 1, groups, "leaky_relu", "linear"
  )
  discriminator = residual.residual_discriminator(
    shape, widths, 1, groups, "leaky_relu"
  )
  params, generate = generator.init(KEY), in_training(generator)
  images, _ = generate(params, NOISE)
  assert images.shape == (3, *shape)
  params_d = discriminator.init(KEY)
  assert in_training(discriminator)(params_d, images)[0].shape == (3,)
  # no block adds anything before `narrow` has learned to
  changed = jax.tree.map_with_path(
    lambda path, leaf: leaf + 1 if "spatial" in jax.tree_util.keystr(path) else leaf,
    params,
  )
  np.testing.assert_array_equal(generate(changed, NOISE)[0], images)
  for name in params:
    if "block" in name:
      changed[name]["narrow"]["kernel"] = jnp.ones_like(
        params[name]["narrow"]["kernel"]
      )
  other = generate(changed, NOISE)[0]
  assert jnp.abs(other - images).max() > 1e-3


MEAN = np.random.default_rng(0).uniform(-1, 1, (12, 12, 2)).astype(np.float32)


@pytest.mark.parametrize("output", ["linear", "tanh"])
@pytest.mark.parametrize("hidden", [(), (5,)])
def test_a_silent_spatial_code_shows_the_mean_image(hidden, output):
  decoder = conv_autoencoder.spatial_decoder(MEAN, hidden, 6, 4, "relu", output)
  side = 12 // 2 ** (len(hidden) + 1)
  shown = decoder.apply(decoder.init(KEY), jnp.zeros((1, side, side, 6)))
  np.testing.assert_allclose(shown[0], MEAN, atol=0.03)


def test_a_linear_atom_is_a_patch_wherever_it_fires():
  decoder = conv_autoencoder.spatial_decoder(0 * MEAN, (), 3, 4, "relu", "linear")
  params = decoder.init(KEY)
  for row, column in ((2, 2), (3, 1)):
    code = jnp.zeros((1, 6, 6, 3)).at[0, row, column, 1].set(2.0)
    image = decoder.apply(params, code)[0]
    top, left = 2 * row - 1, 2 * column - 1  # a kernel of 4 begins one before its cell
    patch = image[top : top + 4, left : left + 4]
    np.testing.assert_allclose(patch, 2 * params["atoms"][1], rtol=1e-5)
    np.testing.assert_allclose(jnp.sum(image**2), 4.0, rtol=1e-4)  # and nothing else


def test_a_tied_spatial_encoder_is_the_transpose_of_the_decoder():
  encoder = conv_autoencoder.spatial_encoder(0 * MEAN, (), 3, 4, "relu")
  decoder = conv_autoencoder.spatial_decoder(0 * MEAN, (), 3, 4, "relu", "linear")
  autoencoder = make_autoencoder(
    encoder, make_topk(2), decoder, 3, conv_autoencoder.tied_to_atoms
  )
  params = autoencoder.init(KEY)
  images = jax.random.normal(jax.random.key(2), (2, 12, 12, 2))
  codes = jax.random.normal(jax.random.key(3), (2, 6, 6, 3))
  there = jnp.vdot(autoencoder.encode(params, images, train=False)[1], codes)
  back = jnp.vdot(images, autoencoder.decode(params, codes))
  np.testing.assert_allclose(there, back, rtol=1e-4)


def test_topk_of_a_spatial_code_counts_over_all_places():
  pre = jax.random.uniform(KEY, (4, 3, 3, 5))
  code = make_topk(7).apply({}, pre, train=True)
  np.testing.assert_array_equal(code.l0, [7.0] * 4)
  kept = np.sort(np.asarray(code.values).reshape(4, -1))[:, -7:]
  np.testing.assert_array_equal(kept, np.sort(np.asarray(pre).reshape(4, -1))[:, -7:])
