"""What the GAN takes over from the autoencoder besides its decoder."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from sgae.config import validate
from sgae.data.dataset import Dataset
from sgae.errors import UserError
from sgae.methods import METHODS
from sgae.methods.gan import mixture as fitting
from sgae.methods.gan.starts import from_encoder
from sgae.methods.player import update_ema
from sgae.networks import mlp
from sgae.networks.mixture import Mixture
from tests.systems import (
  CONVOLUTIONAL,
  EXAMPLES,
  IMAGES,
  MEAN,
  batches,
  make_phase,
  run_steps,
  small_config,
)

DATASET = Dataset("tiny", EXAMPLES, EXAMPLES, 10)
MIXTURE = dict(
  gan__coder="mixture",
  gan__mixture__components=5,
  gan__mixture__axes=6,
  gan__mixture__rank=3,
)


def test_the_fit_finds_the_gaussians_that_codes_come_from():
  random = np.random.default_rng(0)
  spread = np.array([[3.0, 0.0, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0]])
  small = random.normal(size=(300, 2)) @ spread[:, [3, 2, 1, 0]] + 50
  large = random.normal(size=(900, 2)) @ spread - 50
  codes = np.concatenate([small, large]).astype(np.float32)
  fitted = fitting.fit(codes, components=2, axes=4, rank=2, seed=0)
  weights = np.diff(fitted["cumulative"], prepend=0)
  order = np.argsort(weights)
  np.testing.assert_allclose(weights[order], [0.25, 0.75])
  means = fitted["mean"] + fitted["means"] @ fitted["basis"]
  np.testing.assert_allclose(means[order[0]], small.mean(axis=0), atol=1e-3)
  np.testing.assert_allclose(means[order[1]], large.mean(axis=0), atol=1e-3)
  factors = np.einsum("cpr,pk->ckr", fitted["factors"], fitted["basis"])
  for cluster, points in zip(order, (small, large), strict=True):
    covariance = factors[cluster] @ factors[cluster].T
    np.testing.assert_allclose(covariance, np.cov(points.T), atol=1e-2)


def test_the_fit_is_a_function_of_its_seed():
  codes = np.random.default_rng(0).normal(size=(60, 8)).astype(np.float32)
  one, again, other = (fitting.fit(codes, 7, 5, 3, seed) for seed in (0, 0, 1))
  for name, values in one.items():
    np.testing.assert_array_equal(values, again[name])
  assert not np.array_equal(one["means"], other["means"])


def test_a_cluster_of_one_code_and_an_empty_one_are_drawn_right():
  codes = np.array([[0.0, 0.0]] * 9 + [[5.0, 5.0]], np.float32)  # two different ones
  fitted = fitting.fit(codes, components=3, axes=2, rank=1, seed=0)
  assert all(np.isfinite(values).all() for values in fitted.values())
  latents = np.random.default_rng(0).normal(size=(500, 2)).astype(np.float32)
  drawn = Mixture((2,), 3, 2, 1).draw(fitted, jnp.asarray(latents))[0]
  distances = np.abs(np.asarray(drawn)[:, None] - codes[[0, 9]]).sum(axis=2)
  assert distances.min(axis=1).max() < 1e-4


def start(config):
  """Returns the GAN after a fresh autoencoder, its first state, and what it took."""
  inherited = METHODS["sae"].gives(make_phase("sae", config).init({}))
  prepared, images = METHODS["gan"].prepare(validate(config), DATASET, inherited)
  gan = make_phase("gan", config)
  state = gan.program.init_from(jax.random.key(0), inherited | prepared)
  return gan, state, inherited, images


def test_the_generator_begins_as_the_mixture_alone():
  gan, state, _, images = start(small_config(**MIXTURE))
  assert images == len(IMAGES)
  params = state.generator.params
  latents = jax.random.normal(jax.random.key(1), (8, 6))
  made = gan.program.functions["generate"](state, latents)
  pre = Mixture((24,), 5, 6, 3).draw(params["mixture"], latents)[0]
  code = jnp.where(pre >= jnp.sort(pre)[:, -4:-3], jax.nn.relu(pre), 0)
  shown = jnp.tanh(code @ params["decoder"]["atoms"] + params["decoder"]["bias"])
  np.testing.assert_allclose(made.reshape(8, -1), shown, atol=1e-5)


def test_the_mixture_is_trained_only_where_the_config_says_so():
  for trained in (False, True):
    gan, state, _, _ = start(small_config(**MIXTURE, gan__mixture__trained=trained))
    after, metrics = run_steps(gan, state, batches(gan, 0, 3))
    for tree in (after.generator.params, after.ema_params):
      moved = not np.array_equal(
        tree["mixture"]["means"], state.generator.params["mixture"]["means"]
      )
      assert moved == trained
      assert not np.array_equal(
        tree["coder"]["Dense_1"]["kernel"],
        state.generator.params["coder"]["Dense_1"]["kernel"],
      )
    assert np.isfinite(metrics["gan/g_loss"]).all()


def test_a_branch_that_is_not_trained_has_no_moments():
  shapes = {
    trained: [
      leaf.shape
      for leaf in jax.tree.leaves(
        start(small_config(**MIXTURE, gan__mixture__trained=trained))[
          1
        ].generator.optimizer
      )
    ]
    for trained in (False, True)
  }
  assert (5, 6, 3) in shapes[True]
  assert (5, 6, 3) not in shapes[False]


def test_the_ema_leaves_fixed_branches_alone():
  average, params = {"a": 1.0, "b": 1.0}, {"a": 3.0, "b": 3.0}
  moved = update_ema(average, params, jnp.float32(0.9), jnp.int32(10_000), ("b",))
  assert moved["b"] == 1.0
  np.testing.assert_allclose(moved["a"], 1.2, rtol=1e-6)


def test_a_spatial_code_can_be_a_mixture_as_well():
  gan, state, _, _ = start(small_config(**CONVOLUTIONAL, **MIXTURE))
  _, metrics = run_steps(gan, state, batches(gan, 0, 2))
  assert np.isfinite(metrics["gan/d_loss"]).all()


def test_the_encoder_becomes_the_first_layer_of_the_discriminator():
  _, state, inherited, _ = start(small_config(gan__discriminator_start="encoder"))
  layer = state.discriminator.params["Dense_0"]
  rows = inherited["encoder"]["rows"][:12]  # of 24 latents, the discriminator's width
  norms = jnp.linalg.norm(rows, axis=1, keepdims=True)
  np.testing.assert_allclose(layer["kernel"].T, 2**0.5 * rows / norms, rtol=1e-5)
  at_mean = MEAN.ravel() @ layer["kernel"] + layer["bias"]
  np.testing.assert_allclose(at_mean, 0, atol=1e-5)


def test_hidden_layers_of_an_encoder_count_from_the_image():
  encoder = mlp.mlp_encoder(MEAN, (10,), 24, "relu").init(jax.random.key(0))
  discriminator = mlp.mlp_discriminator((4, 4, 1), (10, 5), "leaky_relu")
  fresh = discriminator.init(jax.random.key(1))
  started = from_encoder(fresh, encoder)
  given = encoder["layers"]["Dense_0"]["kernel"]
  taken = started["Dense_0"]["kernel"]
  np.testing.assert_allclose(
    taken / jnp.linalg.norm(taken, axis=0),
    given / jnp.linalg.norm(given, axis=0),
    rtol=1e-5,
  )
  np.testing.assert_array_equal(
    started["Dense_1"]["kernel"], fresh["Dense_1"]["kernel"]
  )


def test_all_convolutions_of_one_shape_are_taken():
  fields = CONVOLUTIONAL | dict(
    gan__discriminator_start="encoder",
    gan__discriminator_normalization="none",
    gan__discriminator_hidden=(5, 6),
    sae__kernel_size=2,
  )
  _, state, inherited, _ = start(small_config(**fields))
  for name in ("convolution_0", "convolution_1"):
    given = np.asarray(inherited["encoder"]["layers"][name]["kernel"])
    taken = np.asarray(state.discriminator.params[name]["kernel"])
    flat = taken.reshape(-1, taken.shape[-1])
    np.testing.assert_allclose(np.linalg.norm(flat, axis=0), 2**0.5, rtol=1e-5)
    cosine = (taken * given).sum(axis=(0, 1, 2)) / np.linalg.norm(
      given.reshape(flat.shape), axis=0
    )
    np.testing.assert_allclose(cosine, 2**0.5, rtol=1e-5)


@pytest.mark.parametrize(
  ("fields", "words"),
  [
    (MIXTURE | dict(phases=("gan",)), "phases=('sae', 'gan')"),
    (MIXTURE | dict(gan__latent_distribution="uniform"), "'normal'"),
    (MIXTURE | dict(gan__mixture__rank=6), "allow 5"),
    (
      MIXTURE | dict(gan__generator="plain", gan__sparsity_weight=0.0),
      "gan.generator='sparse'",
    ),
    (dict(gan__coder="kmeans"), "network, mixture"),
    (dict(gan__discriminator_start="decoder"), "fresh, encoder"),
    (dict(gan__discriminator_start="encoder", phases=("gan",)), "autoencoder"),
    (
      dict(gan__discriminator_start="encoder", gan__discriminator_hidden=(25,)),
      "24 units",
    ),
    (
      dict(gan__discriminator_start="encoder", gan__discriminator_architecture="dcgan"),
      "'mlp'",
    ),
    (
      CONVOLUTIONAL
      | dict(gan__discriminator_start="encoder", gan__discriminator_hidden=(5,)),
      "spectral",
    ),
  ],
)
def test_a_start_that_cannot_be_is_refused_in_one_line(fields, words):
  with pytest.raises(UserError) as refusal:
    validate(small_config(**(dict(phases=("sae", "gan")) | fields)))
  assert words in str(refusal.value)
  assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(("field", "most"), [("components", 256), ("axes", 24)])
def test_a_mixture_larger_than_the_data_is_refused(field, most):
  fields = MIXTURE | {f"gan__mixture__{field}": 300, "gan__mixture__rank": 3}
  with pytest.raises(UserError, match=f"choose {most}"):
    METHODS["gan"].check_data(small_config(**fields), DATASET)
