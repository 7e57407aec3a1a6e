"""VAE-GAN: its losses and who learns from which, the balance, evaluation, hand-over."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from sgae.config import validate
from sgae.data import resident
from sgae.data.dataset import Dataset
from sgae.devices.mesh import local_mesh
from sgae.errors import UserError
from sgae.evaluation.measures.reference import EvaluationData
from sgae.methods import METHODS
from sgae.methods.vae import evaluate as vae_evaluate
from sgae.methods.vae.networks import build_vae
from sgae.methods.vae_gan.discriminator import build_discriminator
from sgae.methods.vae_gan.evaluate import make_evaluator
from sgae.methods.vae_gan.losses import make_losses
from sgae.methods.vae_gan.train import PLAYERS, as_vae, balance
from tests.systems import (
  EXAMPLES,
  IMAGES,
  MEAN,
  batches,
  make_phase,
  run_steps,
  small_config,
)

PICTURES = resident.to_model_range(IMAGES[:8])
GAUSSIAN = dict(vae__likelihood="gaussian", vae__pixels="real", vae__output="linear")


def vae_gan_config(**fields: Any) -> Any:
  config = small_config(**fields)
  config.phases = ("vae_gan",)
  return config


class Parts:
  """Networks, losses and examples of a tiny VAE-GAN."""

  def __init__(self, **fields: Any):
    config = validate(vae_gan_config(**fields))
    self.vae = build_vae(config, MEAN)
    self.discriminator = build_discriminator(config, MEAN)
    state = METHODS["vae_gan"].build(config, MEAN.shape, MEAN).init(jax.random.key(0))
    self.settings = state.settings
    self.params = {name: getattr(state, name).params for name in PLAYERS}
    noise = self.vae.posterior.noise(jax.random.key(1), jnp.arange(8), (3,))
    prior = jax.random.normal(jax.random.key(2), (8, 3))
    self.examples = (PICTURES, noise, prior)
    self.losses = make_losses(self.vae, self.discriminator)

  def gradient(self, player: str, **settings: float) -> Any:
    others = {name: self.params[name] for name in PLAYERS if name != player}
    loss = jax.grad(getattr(self.losses, player), has_aux=True)
    numbers = self.settings | settings
    return loss(self.params[player], self.examples, others, numbers)


def largest(tree: Any) -> float:
  return max(float(jnp.abs(leaf).max()) for leaf in jax.tree.leaves(tree))


def test_losses_are_those_of_the_paper():
  """Written anew with the networks alone, in float64."""
  parts = Parts(vae_gan__beta=2.0, vae_gan__reconstruction_weight=0.3)
  images, noise, prior = parts.examples
  outputs = parts.vae.encode(parts.params, images)
  means, log_variances = np.split(np.asarray(outputs, np.float64), 2, axis=1)
  latents = means + np.exp(log_variances / 2) * np.asarray(noise["normal"])
  judged = {}
  decode = parts.params["decoder"]
  for name, made in {
    "real": images,
    "reconstructed": jnp.tanh(parts.vae.decode(decode, jnp.float32(latents))),
    "sampled": jnp.tanh(parts.vae.decode(decode, prior)),
  }.items():
    found = parts.discriminator.apply(parts.params["discriminator"], made)
    judged[name] = [np.asarray(array, np.float64) for array in found]
  gap = judged["real"][1] - judged["reconstructed"][1]
  assert gap.shape == (8, 8)
  error = 0.5 * (gap**2).sum(axis=1).mean()
  kl = 0.5 * (means**2 + np.exp(log_variances) - 1 - log_variances).sum(1).mean()
  fake = np.concatenate([judged["reconstructed"][0], judged["sampled"][0]])
  real = judged["real"][0]
  fooled = -np.log(1 / (1 + np.exp(-fake))).mean()
  costs = -np.log(1 / (1 + np.exp(-real))).mean(), np.log(1 + np.exp(fake)).mean()
  seen = {}
  for player in PLAYERS:
    seen |= parts.gradient(player)[1][0]
  expected = {
    "encoder_loss": 2 * kl + error,
    "decoder_loss": 0.3 * error + fooled,
    "d_loss": sum(costs),
    "cost_real": costs[0],
    "cost_fake": costs[1],
  }
  for name, value in expected.items():
    assert float(seen[name]) == pytest.approx(value, rel=1e-4), name


def test_the_encoder_has_no_adversarial_gradient_and_the_decoder_has():
  parts = Parts()
  head = parts.params["discriminator"]["head"]
  before = {name: parts.gradient(name)[0] for name in ("encoder", "decoder")}
  parts.params["discriminator"]["head"] = jax.tree.map(lambda x: 3 * x + 1, head)
  after = {name: parts.gradient(name)[0] for name in ("encoder", "decoder")}
  assert largest(before["encoder"]) > 0
  same = jax.tree.map(jnp.array_equal, before["encoder"], after["encoder"])
  assert all(jax.tree.leaves(same))
  change = jax.tree.map(jnp.subtract, before["decoder"], after["decoder"])
  assert largest(change) > 1e-3


def test_the_likelihood_learns_and_moves_no_image():
  parts = Parts(**GAUSSIAN)
  gradient, (seen, _) = parts.gradient("decoder", reconstruction_weight=0.0)
  # at the best deviation the gradient, pixels - sum of scaled squares, is zero
  nll = float(seen["pixel_nll"])
  constant = -1 + 0.5 * np.log(2 * np.pi)
  squares = 2 * (nll - 16 * constant)
  expected = 16 - squares
  found = float(gradient["likelihood"]["log_deviation"])
  assert found == pytest.approx(expected, rel=1e-4)
  flat = jax.tree.map(jnp.zeros_like, parts.params["discriminator"]["head"])
  parts.params["discriminator"]["head"] = flat
  gradient, _ = parts.gradient("decoder", reconstruction_weight=0.0)
  assert largest(gradient["decoder"]) == 0
  assert float(gradient["likelihood"]["log_deviation"]) == pytest.approx(found)


@pytest.mark.parametrize(
  ("real", "fake", "discriminator", "decoder"),
  [
    (0.7, 0.7, True, True),
    (0.2, 0.7, False, True),
    (0.7, 0.2, False, True),
    (1.2, 0.7, True, False),
    (0.7, 1.2, True, False),
    (0.2, 1.2, True, True),  # neither would be
  ],
)
def test_the_balance_leaves_out_the_winner(real, fake, discriminator, decoder):
  settings = {"least_cost": jnp.float32(0.28), "most_cost": jnp.float32(1.08)}
  found = balance(jnp.float32(real), jnp.float32(fake), settings)
  assert found == {"discriminator": discriminator, "decoder": decoder}
  off = {"least_cost": jnp.float32(0), "most_cost": jnp.float32(1e9)}
  assert all(balance(jnp.float32(real), jnp.float32(fake), off).values())


@pytest.mark.parametrize(
  ("least", "most", "left_out"), [(50.0, 60.0, "discriminator"), (0.0, 0.0, "decoder")]
)
def test_a_player_that_is_left_out_stays_as_it_is(least, most, left_out):
  phase = make_phase(
    "vae_gan", vae_gan_config(vae_gan__least_cost=least, vae_gan__most_cost=most)
  )
  start = phase.init({})
  state, metrics = run_steps(phase, start, batches(phase, 0, 2))
  for name in PLAYERS:
    change = jax.tree.map(
      lambda a, b: a - b, getattr(state, name), getattr(start, name)
    )
    assert (largest(change) == 0) == (name == left_out), name
  np.testing.assert_array_equal(metrics[f"vae_gan/{left_out}_updated"], [0, 0])


@pytest.mark.parametrize(
  "fields",
  [
    {},
    dict(vae__architecture="convolutional", vae__kernel_size=2),
    GAUSSIAN,
  ],
)
def test_every_kind_learns_and_goes_on_with_the_same_bits(fields):
  config = validate(
    vae_gan_config(
      **fields,
      vae_gan__autoencoder_optimizer__learning_rate=0.005,
      vae_gan__reconstruction_weight=1.0,
    )
  )
  phase = make_phase("vae_gan", config)
  stacked = batches(phase, 0, 120)
  state, metrics = run_steps(phase, phase.init({}), stacked)
  assert all(np.isfinite(values).all() for values in metrics.values())
  errors = metrics["vae_gan/feature_error"] + metrics["vae_gan/kl"]
  assert errors[-20:].mean() < errors[:10].mean()
  functions = phase.program.functions
  codes = functions["encode"](state, PICTURES)
  assert codes.shape == (8, 3)
  np.testing.assert_array_equal(
    functions["reconstruct"](state, PICTURES), functions["decode"](state, codes)
  )
  assert functions["discriminate"](state, PICTURES).shape == (8,)
  # half of the steps, then the others: all that a step reads is in the state
  resumed, _ = run_steps(phase, phase.init({}), {k: v[:60] for k, v in stacked.items()})
  resumed, _ = run_steps(phase, resumed, {k: v[60:] for k, v in stacked.items()})
  for a, b in zip(jax.tree.leaves(state), jax.tree.leaves(resumed), strict=True):
    assert jnp.array_equal(a, b)


def test_members_of_a_population_are_the_single_runs():
  """Two members that differ in every swept number."""
  phase = make_phase("vae_gan", vae_gan_config())
  starts = [phase.init({})] * 2
  for put in METHODS["vae_gan"].swept.values():
    starts[1] = put(starts[1], jnp.float32(0.01))
  stacked = batches(phase, 0, 3)

  def run(state):
    state, metrics = run_steps(phase, state, stacked)
    return jax.tree.leaves((state.replace(key=0), metrics))

  together = jax.vmap(run)(jax.tree.map(lambda a, b: jnp.stack([a, b]), *starts))
  alone = [run(start) for start in starts]
  assert largest(jax.tree.map(lambda a, b: a - b, *alone)) > 1e-3
  for i in (0, 1):
    for a, b in zip(together, alone[i], strict=True):
      np.testing.assert_allclose(a[i], b, rtol=1e-4, atol=1e-5)


def test_microbatches_give_the_update_of_the_whole_batch():
  def after(microbatches):
    config = vae_gan_config(train__microbatches=microbatches)
    phase = make_phase("vae_gan", config)
    state, metrics = run_steps(phase, phase.init({}), batches(phase, 0, 2))
    return jax.tree.leaves((state.replace(key=0), metrics))

  for whole, parts in zip(after(1), after(4), strict=True):
    np.testing.assert_allclose(whole, parts, rtol=1e-3, atol=1e-5)
  # how `vae` trains does not count here
  config = vae_gan_config(train__microbatches=2, vae__free_bits=0.1)
  config.phases = ("vae_gan",)
  validate(config)


def test_it_starts_from_the_autoencoder_and_starts_a_gan():
  config = vae_gan_config(gan__generator="plain", gan__sparsity_weight=0.0)
  config.vae.update(decoder_hidden=(12, 7), latent_dim=6)
  config.gan.update(generator_hidden=(12, 7), generator_activation="tanh")
  config.phases = ("vae", "vae_gan", "gan")
  validate(config)
  vae, both, gan = (make_phase(name, config) for name in config.phases)
  trained, _ = run_steps(vae, vae.init({}), batches(vae, 0, 3))
  state = both.init({"vae": trained})
  view = as_vae(state).player.params
  for a, b in zip(*map(jax.tree.leaves, (view, trained.player.params)), strict=True):
    np.testing.assert_array_equal(a, b)
  state, _ = run_steps(both, state, batches(both, 0, 3))
  latents = jax.random.normal(jax.random.key(1), (8, 6))
  start = gan.init({"vae": trained, "vae_gan": state})
  np.testing.assert_allclose(
    gan.program.functions["generate"](start, latents),
    both.program.functions["decode"](state, latents),
    atol=1e-6,
  )
  config.gan.latent_dim = 7
  config.phases = ("vae_gan", "gan")
  with pytest.raises(UserError, match="gan.latent_dim=7 is not 6"):
    validate(config)


def test_it_is_evaluated_as_the_autoencoder_that_it_is():
  config = vae_gan_config()
  config.evaluation.update(importance_samples=20, importance_examples=50)
  config.evaluation.update(num_samples=40, final_samples=50)
  config = validate(config)
  data = EvaluationData(Dataset("tiny", EXAMPLES, EXAMPLES, 10), None)
  phase = make_phase("vae_gan", config)
  state, _ = run_steps(phase, phase.init({}), batches(phase, 0, 5))
  evaluator = make_evaluator(config, data, local_mesh())
  observed = evaluator.observe(state, True)
  figures = evaluator.measure(observed, True)
  assert figures["log_likelihood"].value >= figures["test_elbo"].value
  outputs = phase.program.functions["reconstruct"](state, PICTURES)
  np.testing.assert_allclose(observed.outputs[:8], outputs, atol=1e-5)
  # the average, which is not the decoder of the last step
  sampling: Any = phase.program.sampling
  last = phase.program.functions["reconstruct"](sampling.last(state), PICTURES)
  assert np.abs(np.asarray(last) - outputs).max() > 1e-4
  own = vae_evaluate.make_evaluator(config, data, local_mesh())
  expected = own.measure(own.observe(as_vae(state), True), True)
  assert figures["fvu"] == expected["fvu"]


@pytest.mark.parametrize(
  ("fields", "words"),
  [
    ({"vae__posterior": "laplace"}, "vae.posterior='laplace' is not for VAE-GAN"),
    ({"vae_gan__discriminator_hidden": ()}, "too short: choose 1 or more"),
    (
      {"vae__architecture": "convolutional", "vae_gan__discriminator_hidden": (4,)},
      "too short: choose 2 or more",
    ),
    ({"vae_gan__discriminator_activation": "elu"}, "discriminator_activation='elu'"),
    ({"vae_gan__most_cost": 0.1}, "vae_gan.most_cost=0.1 is below"),
    ({"vae_gan__ema_decay": 1.0}, "vae_gan.ema_decay=1.0"),
    ({"vae_gan__beta": -1.0}, "vae_gan.beta=-1.0"),
    ({"phases": ("sae", "vae_gan")}, "vae_gan can start from vae, not from sae"),
  ],
)
def test_what_it_cannot_be_is_refused(fields, words):
  config = vae_gan_config()
  for name, value in fields.items():
    *path, last = name.split("__")
    (config[path[0]] if path else config)[last] = value
  with pytest.raises(UserError, match=words):
    validate(config)
