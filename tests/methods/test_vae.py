"""The variational autoencoder: closed forms, its step, evaluation, what it hands on."""

import io
import json
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from ml_collections import ConfigDict
from scipy import stats

from sgae.config import validate
from sgae.data import digits, resident
from sgae.data.dataset import Dataset, Split
from sgae.devices.mesh import local_mesh
from sgae.errors import StoppedBySignal, UserError
from sgae.evaluation.measures.latents import active_units
from sgae.evaluation.measures.reference import EvaluationData
from sgae.evaluation.sample import sample_run
from sgae.methods import METHODS
from sgae.methods.vae import likelihoods
from sgae.methods.vae.evaluate import make_evaluator, traversed
from sgae.methods.vae.importance import make_bound, make_elbo, parts_of
from sgae.methods.vae.networks import build_vae
from sgae.reporting.console import Console
from tests.runs import stopping_console, timeless, tiny_vae_config, train
from tests.systems import (
  EXAMPLES,
  IMAGES,
  batches,
  make_phase,
  run_steps,
  saved,
  small_config,
)

LINEAR = dict(
  vae__likelihood="gaussian",
  vae__pixels="real",
  vae__output="linear",
  vae__encoder_hidden=(),
  vae__decoder_hidden=(),
)
DEVIATION = 0.6


class Linear:
  """x = W z + b + noise, with orthogonal columns of W: all is known in closed form."""

  def __init__(self, latents: int, **fields: Any):
    random = np.random.default_rng(0)
    orthogonal = np.linalg.qr(random.normal(size=(4, latents)))[0]
    self.weights_dk = orthogonal * np.linspace(1.5, 0.5, latents)
    self.bias_d = random.normal(size=4)
    config = small_config(**LINEAR, vae__latent_dim=latents, **fields)
    self.vae = build_vae(config, np.zeros((2, 2, 1), np.float32))
    self.params: Any = self.vae.init(jax.random.key(0))
    self.params["decoder"]["Dense_0"] = {
      "kernel": jnp.float32(self.weights_dk.T),
      "bias": jnp.float32(self.bias_d),
    }
    self.params["likelihood"]["log_deviation"] = jnp.float32(np.log(DEVIATION))
    # q(z|x) of the slab, or of all latents: what p(z|x) is where none is zero
    precision_k = (self.weights_dk**2).sum(axis=0) / DEVIATION**2 + 1
    rows = self.weights_dk.T / DEVIATION**2 / precision_k[:, None]
    rest = self.vae.posterior.numbers - 1
    bias = [-rows @ self.bias_d, -np.log(precision_k), np.zeros(latents)]
    self.params["encoder"]["rows"] = jnp.float32(
      np.concatenate([rows, np.zeros((rest * latents, 4))])
    )
    self.params["encoder"]["bias"] = jnp.float32(np.concatenate(bias[: rest + 1]))

  def draw(self, count: int) -> jax.Array:
    """Draws images of unit variance around the bias, likely or not."""
    images = self.bias_d + np.random.default_rng(1).normal(size=(count, 4))
    return jnp.float32(images.reshape(-1, 2, 2, 1))

  def log_density(self, images, weights_dk) -> np.ndarray:
    covariance = weights_dk @ weights_dk.T + DEVIATION**2 * np.eye(4)
    gaussian: Any = stats.multivariate_normal(self.bias_d, covariance)
    return gaussian.logpdf(np.asarray(images, np.float64).reshape(-1, 4))


def test_a_linear_gaussian_vae_has_its_analytic_likelihood():
  """With the exact posterior every draw has the weight p(x), in float32."""
  model = Linear(2)
  images = model.draw(50)
  expected = model.log_density(images, model.weights_dk)
  found = jax.jit(make_bound(model.vae, 10))(model.params, {}, images)
  np.testing.assert_allclose(found, expected, atol=1e-3)
  nll, kl = jax.jit(make_elbo(model.vae))(model.params, {}, model.draw(20_000))
  many = model.log_density(model.draw(20_000), model.weights_dk)
  assert abs(float((-nll - kl).mean()) - many.mean()) < 0.03  # 3 standard errors

  # of another posterior the ELBO is less, and many draws make up for it
  model.params["encoder"]["bias"] += jnp.float32([0.3, -0.3, 0.5, 0.5])
  nll, kl = jax.jit(make_elbo(model.vae))(model.params, {}, model.draw(20_000))
  assert float((-nll - kl).mean()) < many.mean() - 0.1
  found = jax.jit(make_bound(model.vae, 5000))(model.params, {}, images)
  np.testing.assert_allclose(found, expected, atol=0.05)


def test_a_linear_spike_and_slab_has_the_likelihood_of_its_mixture():
  model = Linear(1, vae__posterior="spike_and_slab")
  images = model.draw(20)
  settings = {"active_share": jnp.float32(0.2)}
  on = model.log_density(images, model.weights_dk)
  off = model.log_density(images, 0 * model.weights_dk)
  expected = np.logaddexp(np.log(0.2) + on, np.log(0.8) + off)
  found = jax.jit(make_bound(model.vae, 20_000))(model.params, settings, images)
  np.testing.assert_allclose(found, expected, atol=0.05)


def test_training_finds_the_likeliest_linear_model():
  """Probabilistic PCA (Tipping & Bishop 1999) says what the best likelihood is."""
  random = np.random.default_rng(0)
  points = random.normal(size=(2048, 2)) @ [[1, -1, 0.5, 0.2], [0.3, 0.5, 0.4, 0]]
  points += 0.3 * random.normal(size=(2048, 4))
  images = jnp.float32(points.reshape(-1, 2, 2, 1))
  config = small_config(**LINEAR, vae__latent_dim=2, vae__batch_size=2048)
  config.vae.update(steps=1500)
  config.vae.optimizer.update(learning_rate=0.1, schedule="cosine")
  program = METHODS["vae"].build(config, (2, 2, 1))
  batch = {"image": images, "position": jnp.arange(2048)}
  step = jax.jit(lambda state, _: program.step(state, batch))
  state, _ = jax.lax.scan(step, program.init(jax.random.key(0)), None, 1500)
  bound = make_bound(build_vae(config, np.zeros((2, 2, 1), np.float32)), 50)
  found = float(jax.jit(bound)(state.player.params, {}, images).mean())

  centred = points - points.mean(axis=0)
  eigenvalues = np.linalg.eigvalsh(centred.T @ centred / len(centred))[::-1]
  noise = eigenvalues[2:].mean()
  logs = np.log([*eigenvalues[:2], noise, noise]).sum() + 4 * np.log(2 * np.pi) + 4
  assert found == pytest.approx(-logs / 2, abs=1e-3)


def test_pixels_are_drawn_as_their_grey_levels_say():
  images = jnp.tile(jnp.linspace(-1, 1, 5)[None, :, None, None], (4000, 1, 1, 1))
  key, positions = jax.random.key(0), jnp.arange(4000)
  drawn = likelihoods.PIXELS["dynamic"](key, images, positions)
  assert set(np.unique(drawn)) == {-1.0, 1.0}
  shares = ((drawn + 1) / 2).mean(axis=0).ravel()
  np.testing.assert_allclose(shares, np.linspace(0, 1, 5), atol=0.04)
  assert shares[0] == 0.0
  assert shares[-1] == 1.0
  noisy = likelihoods.PIXELS["dequantised"](key, images, positions) - images
  assert 0.98 / 255 < float(jnp.abs(noisy).max()) <= 1.001 / 255
  np.testing.assert_array_equal(likelihoods.PIXELS["real"](key, images, 0), images)


def test_fixed_pixels_are_those_of_the_image_wherever_it_is():
  images = resident.to_model_range(digits.load(small_config().data, print).train.images)
  numbers = np.asarray(likelihoods.identities(images))
  assert len(np.unique(numbers)) == len(np.unique(images, axis=0))
  fixed = likelihoods.PIXELS["fixed"]
  drawn = fixed(jax.random.key(0), images[:50], jnp.arange(50))
  again = fixed(jax.random.key(1), images[49::-1], jnp.arange(50) + 7)
  np.testing.assert_array_equal(drawn, again[::-1])
  assert abs(float(((drawn + 1) / 2).mean() - ((images[:50] + 1) / 2).mean())) < 0.02


def test_beta_rises_and_free_bits_cost_nothing():
  phase = make_phase("vae", small_config(vae__beta=2.0, vae__beta_warmup=4))
  _, metrics = run_steps(phase, phase.init({}), batches(phase, 0, 6))
  weights = (metrics["vae/loss"] - metrics["vae/reconstruction"]) / metrics["vae/kl"]
  np.testing.assert_allclose(weights, [0.5, 1, 1.5, 2, 2, 2], rtol=1e-3)
  elbo = -metrics["vae/reconstruction"] - metrics["vae/kl"]
  np.testing.assert_allclose(metrics["vae/elbo"], elbo, rtol=1e-5)
  phase = make_phase("vae", small_config(vae__free_bits=100.0))
  _, metrics = run_steps(phase, phase.init({}), batches(phase, 0, 2))
  cost = metrics["vae/loss"] - metrics["vae/reconstruction"]
  np.testing.assert_allclose(cost, 300.0, rtol=1e-4)  # of three latents


@pytest.mark.parametrize(
  "fields",
  [
    dict(vae__architecture="convolutional", vae__kernel_size=2),
    dict(vae__posterior="spike_and_slab", vae__pixels="fixed"),
    dict(vae__posterior="laplace"),
    dict(vae__likelihood="gaussian", vae__pixels="dequantised"),
  ],
)
def test_every_kind_learns(fields):
  config = small_config(**fields, vae__optimizer__learning_rate=0.01)
  phase = make_phase("vae", config)
  state, metrics = run_steps(phase, phase.init({}), batches(phase, 0, 150))
  elbo = metrics["vae/elbo"]
  assert np.isfinite(elbo).all()
  assert elbo[-30:].mean() > elbo[:10].mean()
  program = phase.program
  images = resident.to_model_range(IMAGES[:6])
  codes = program.functions["encode"](state, images)
  assert codes.shape == (6, 3)
  decoded = program.functions["decode"](state, codes)
  np.testing.assert_array_equal(
    program.functions["reconstruct"](state, images), decoded
  )
  assert program.sampling is not None
  latents = program.sampling.draw(state, jax.random.key(0), jnp.arange(5))
  samples = program.sampling.generate(state, latents)
  assert samples.shape == (5, 4, 4, 1)
  assert np.abs(samples).max() <= 1
  part = program.sampling.draw(state, jax.random.key(0), jnp.arange(3, 5))
  np.testing.assert_array_equal(latents[3:], part)


def test_microbatches_give_the_update_of_the_whole_batch():
  def after(microbatches):
    phase = make_phase("vae", small_config(train__microbatches=microbatches))
    state, metrics = run_steps(phase, phase.init({}), batches(phase, 0, 3))
    return jax.tree.leaves((state.replace(key=0), metrics))

  for whole, parts in zip(after(1), after(4), strict=True):
    np.testing.assert_allclose(whole, parts, rtol=1e-4, atol=1e-6)
  with pytest.raises(UserError, match="vae.free_bits=0.1"):
    config = small_config(train__microbatches=2, vae__free_bits=0.1)
    config.phases = ("vae",)
    validate(config)


def test_active_units_are_those_that_vary():
  means = np.zeros((1000, 4))
  means[:, 1] = np.random.default_rng(0).normal(size=1000)
  means[:, 2] = 0.09 * (-1) ** np.arange(1000)  # variance .0081
  means[:, 3] = 7
  assert active_units(means).value == 1
  codes = traversed(np.full(4, 0.5, np.float32), means).reshape(4, 10, 4)
  np.testing.assert_allclose(codes[0, :, 1], np.linspace(-3, 3, 10), rtol=1e-6)
  assert (codes[0][:, [0, 2, 3]] == 0.5).all()


def test_evaluation_measures_and_draws():
  data = EvaluationData(Dataset("tiny", EXAMPLES, EXAMPLES, 10), None)
  config = small_config(vae__latent_dim=2, vae__posterior="gaussian")
  config.evaluation.update(importance_samples=60, importance_examples=100)
  config.evaluation.update(num_samples=40, final_samples=50)
  evaluator = make_evaluator(validate(config), data, local_mesh())
  state = make_phase("vae", config).init({})
  observed = evaluator.observe(state, True)
  figures = evaluator.measure(observed, True)
  assert figures["log_likelihood"].value >= figures["test_elbo"].value
  terms = figures["test_reconstruction"].value + figures["test_kl"].value
  assert figures["test_elbo"].value == pytest.approx(-terms)
  assert observed.log_likelihood.shape == (100,)
  assert set(evaluator.draw(observed)) == {
    "samples",
    "reconstructions",
    "traversals",
    "manifold",
  }
  assert evaluator.protocol()["importance_samples"] == 60
  assert parts_of(51) == (2, 26)
  assert "log_likelihood" not in evaluator.measure(
    evaluator.observe(state, False), False
  )


def vae_gan(**fields):
  config = small_config(gan__generator="plain", gan__sparsity_weight=0.0)
  config.vae.update(decoder_hidden=(12, 7), latent_dim=6)
  config.gan.update(generator_hidden=(12, 7), generator_activation="tanh")
  config.vae.update(fields)
  config.phases = ("vae", "gan")
  return config


@pytest.mark.parametrize("architecture", ["mlp", "convolutional"])
def test_a_generator_starts_as_the_decoder(architecture):
  config = vae_gan(architecture=architecture)
  if architecture == "convolutional":
    config.vae.kernel_size = config.gan.kernel_size = 2
    config.gan.generator_architecture = "dcgan"
  config = validate(ConfigDict(json.loads(config.to_json())))  # as other processes do
  vae, gan = make_phase("vae", config), make_phase("gan", config)
  trained, _ = run_steps(vae, vae.init({}), batches(vae, 0, 3))
  state = gan.init({"vae": trained})
  latents = jax.random.normal(jax.random.key(1), (8, 6))
  np.testing.assert_allclose(
    gan.program.functions["generate"](state, latents),
    vae.program.functions["decode"](trained, latents),
    atol=1e-6,
  )
  assert not np.allclose(
    gan.program.functions["generate"](gan.init({}), latents),
    gan.program.functions["generate"](state, latents),
  )


@pytest.mark.parametrize(
  ("fields", "words"),
  [
    ({"latent_dim": 7}, "gan.latent_dim=6 is not 7"),
    ({"decoder_hidden": (12,)}, r"gan.generator_hidden=\(12, 7\) is not \(12,\)"),
    ({"architecture": "convolutional"}, "gan.generator_architecture='mlp'"),
    ({"activation": "relu"}, "gan.generator_activation='tanh' is not 'relu'"),
    ({"posterior": "spike_and_slab"}, "vae.posterior='spike_and_slab'"),
  ],
)
def test_a_generator_that_is_no_decoder_is_refused(fields, words):
  with pytest.raises(UserError, match=words):
    validate(vae_gan(**fields))


@pytest.mark.parametrize(
  ("pixels", "images"),
  [
    ("dynamic", np.zeros((4, 1, 1, 2), np.float32)),
    ("dequantised", np.zeros((4, 3, 3, 1), np.float32)),
  ],
)
def test_data_without_such_pixels_are_refused(pixels, images):
  split = Split(images, np.zeros(4, np.int32))
  config = small_config(vae__pixels=pixels)
  with pytest.raises(UserError, match=f"vae.pixels='{pixels}'"):
    METHODS["vae"].check_data(config, Dataset("floats", split, split, 1))


def test_a_run_resumes_with_the_same_bits_and_is_evaluated_and_sampled(tmp_path):
  whole, parts = tmp_path / "whole", tmp_path / "parts"
  train(whole, tiny_vae_config())
  with pytest.raises(StoppedBySignal):
    train(parts, tiny_vae_config(), stopping_console(1))
  train(parts, tiny_vae_config())
  (step, arrays), (_, expected) = saved(parts, "vae"), saved(whole, "vae")
  assert step == 10
  assert all((a == b).all() for a, b in zip(arrays, expected, strict=True))
  assert timeless(parts) == timeless(whole)

  stored = json.loads((whole / "evaluation.json").read_text())["vae"]
  assert stored["protocol"]["importance_samples"] == 10
  assert {"log_likelihood", "frechet", "reconstruction_frechet", "fvu"} <= stored[
    "figures"
  ].keys()
  assert (whole / "images" / "vae_traversals_000010.png").exists()
  assert "Variational autoencoder" in (whole / "report.html").read_text()
  sample_run(whole, {}, 3, "npz", Console(io.StringIO()))
