"""GANs whose discriminator is an autoencoder: EBGAN and BEGAN."""

import functools
from contextlib import closing

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from configs import ebgan
from sgae.config import validate
from sgae.data import resident
from sgae.devices.mesh import local_mesh, template_on
from sgae.errors import UserError
from sgae.kernels.switch import use_references
from sgae.losses import energy, penalties
from sgae.methods import population
from sgae.methods.gan.networks import build_discriminator
from sgae.runs.checkpoints import Checkpoints, fields_of
from tests.systems import (
  CONVOLUTIONAL,
  IMAGES,
  MEAN,
  batches,
  make_phase,
  run_steps,
  small_config,
)

IN_UNITS = resident.to_model_range(IMAGES)
PLAIN = dict(gan__generator="plain", gan__sparsity_weight=0.0)
DENSE = PLAIN | dict(
  gan__loss="margin",
  gan__discriminator_architecture="autoencoder",
  gan__discriminator_hidden=(12, 6),
)
SPARSE = dict(gan__loss="margin", gan__discriminator_architecture="sparse_autoencoder")


def energetic(fields, **more):
  """Returns a config of an energy without penalties; `more` are of `gan.energy`."""
  config = small_config(**fields)
  config.gan.penalties.update(r1=0.0, r2=0.0)
  config.gan.energy.update(more)
  return config


def after(config, steps, finished=None):
  """Returns the phase, its first state, the state after some rounds, and metrics."""
  phase = make_phase("gan", validate(config))
  start = phase.init(finished or {})
  run = jax.jit(lambda state: run_steps(phase, state, batches(phase, 0, steps)))
  return phase, start, *run(start)


def test_the_energy_of_the_dense_one_by_hand():
  network = build_discriminator(energetic(DENSE), MEAN)
  params = network.init(jax.random.key(0))
  logits = network.apply(params, IN_UNITS[:5], train=True)[0]
  encoder, decoder = params["encoder"], params["decoder"]

  def leaky(x):
    return np.where(x > 0, x, 0.2 * x)

  x = IN_UNITS[:5].reshape(5, -1)
  layer, last = encoder["layers"]["Dense_0"], decoder["layers"]["Dense_0"]
  hidden = leaky((x - MEAN.ravel()) @ layer["kernel"] + layer["bias"])
  assert hidden.shape == (5, 12)
  code = hidden @ encoder["rows"].T + encoder["bias"]
  assert code.shape == (5, 6)
  again = leaky(code @ decoder["atoms"] + decoder["bias"])
  shown = np.tanh(again @ last["kernel"] + last["bias"])
  np.testing.assert_allclose(logits, -((x - shown) ** 2).mean(axis=1), rtol=1e-5)


REAL, FAKE = IN_UNITS[:6], IN_UNITS[6:12]


def penalised(network, params):
  """Returns the objective of an energy with R1, as the program asks for it."""
  return penalties.penalised(
    functools.partial(energy.margin.discriminator, margin=100.0),
    ("r1",),
    {"r1": 0.7},
    functools.partial(network.apply, train=True),
    params,
    REAL,
    FAKE,
    jnp.zeros(len(REAL)),
    piecewise_linear=network.piecewise_linear,
  ).objective


def test_its_penalty_is_that_of_a_linear_autoencoder():
  config = energetic(DENSE)
  config.gan.update(discriminator_hidden=(5,), generator_output="linear")
  network = build_discriminator(config, MEAN)
  params = network.init(jax.random.key(0))

  def residuals(params, images):
    x = images.reshape(len(images), -1)
    encoder, decoder = params["encoder"], params["decoder"]
    code = (x - MEAN.ravel()) @ encoder["rows"].T + encoder["bias"]
    return x - code @ decoder["atoms"] - decoder["bias"]

  def analytic(params):
    of_real, of_fake = residuals(params, REAL), residuals(params, FAKE)
    back = of_real - of_real @ params["decoder"]["atoms"].T @ params["encoder"]["rows"]
    slopes = 2 / MEAN.size * back
    difference = jnp.mean(of_real**2) - jnp.mean(of_fake**2)
    return difference + 0.5 * 0.7 * jnp.mean(jnp.sum(slopes**2, axis=1))

  found = jax.jit(jax.grad(functools.partial(penalised, network)))(params)
  wanted = jax.jit(jax.grad(analytic))(params)
  for branch, name in (("encoder", "rows"), ("encoder", "bias"), ("decoder", "atoms")):
    a, b = found[branch][name], wanted[branch][name]
    np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-6)


def test_the_penalty_of_a_sparse_one_is_that_of_plain_kernels():
  """Of few active latents of many, whose products are gathered sums."""
  config = small_config(**SPARSE, code__num_latents=128, code__k=2)
  network = build_discriminator(config, MEAN)
  params = network.init(jax.random.key(0))

  def gradient():
    return jax.jit(jax.grad(functools.partial(penalised, network)))(params)

  fast = gradient()
  with use_references("sparse"):
    plain = gradient()
  assert jnp.abs(fast["decoder"]["atoms"]).max() > 0
  for a, b in zip(jax.tree.leaves(fast), jax.tree.leaves(plain), strict=True):
    np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-6)


def test_both_players_move_and_codes_are_pulled_apart():
  fields = SPARSE | dict(code__sparsity_map="jumprelu", code__penalty="l0")
  _, start, state, metrics = after(energetic(fields, pulling_away=0.2), 3)
  assert state.balance is None
  for player in ("generator", "discriminator"):
    before, now = getattr(start, player).params, getattr(state, player).params
    moved = jax.tree.map(lambda a, b: bool((a != b).any()), before, now)
    assert any(jax.tree.leaves(moved))
    if player == "discriminator":
      assert not moved["encoder"]["mean"]
  cost = metrics["gan/g_loss"] - metrics["gan/g_adversarial"]
  cost -= 1e-4 * metrics["gan/omega"]
  np.testing.assert_allclose(cost, 0.2 * metrics["gan/pulling_away"], rtol=1e-3)
  assert (metrics["gan/energy_real"] > 0).all()


def test_the_balance_of_began_is_moved_round_by_round():
  config = energetic(DENSE, gamma=0.7, balance_rate=0.5)
  config.gan.update(loss="equilibrium", discriminator_updates=2)
  phase = make_phase("gan", validate(config))
  start = phase.init({}).replace(balance=jnp.float32(0.9))
  run = jax.jit(lambda state: run_steps(phase, state, batches(phase, 0, 4)))
  state, metrics = run(start)
  balance = 0.9
  for i in range(4):
    real, fake = metrics["gan/energy_real"][i], metrics["gan/g_adversarial"][i]
    # the mean of two updates, whose own energies differ little
    weighed = real - balance * metrics["gan/energy_fake"][i]
    assert float(metrics["gan/d_loss"][i]) == pytest.approx(float(weighed), rel=1e-4)
    balance = min(max(balance + 0.5 * float(0.7 * real - fake), 0), 1)
    assert float(metrics["gan/balance"][i]) == pytest.approx(balance, rel=1e-4)
    wanted = float(real + abs(0.7 * real - fake))
    assert float(metrics["gan/convergence"][i]) == pytest.approx(wanted, rel=1e-4)
  assert 0 < balance < 1
  assert float(state.balance) == pytest.approx(balance, rel=1e-4)


@pytest.mark.parametrize("fields", [{}, CONVOLUTIONAL])
def test_the_discriminator_starts_as_the_trained_autoencoder(fields):
  config = energetic(fields | SPARSE | dict(gan__discriminator_normalization="none"))
  config.gan.discriminator_start = "autoencoder"
  config.phases = ("sae", "gan")
  sae = make_phase("sae", config)
  trained, _ = run_steps(sae, sae.init({}), batches(sae, 0, 3))
  gan = make_phase("gan", validate(config))
  state = gan.init({"sae": trained})
  again = sae.program.functions["reconstruct"](trained, IN_UNITS[:8])
  logits = gan.program.functions["discriminate"](state, IN_UNITS[:8])
  errors = ((IN_UNITS[:8] - again) ** 2).mean(axis=(1, 2, 3))
  np.testing.assert_allclose(logits, -errors, rtol=1e-5)
  assert {"encoder", "sparsity", "decoder"} <= set(gan.program.inherits)
  fresh = gan.program.functions["discriminate"](gan.init({}), IN_UNITS[:8])
  assert not np.allclose(logits, fresh)
  # the buffers of the two phases are donated at different times
  atoms = state.discriminator.params["decoder"]["atoms"]
  assert atoms is not trained.player.params["decoder"]["atoms"]


def test_a_learnt_threshold_stays_as_the_autoencoder_found_it():
  config = energetic(SPARSE, pulling_away=0.1)
  config.code.sparsity_map = "batch_topk"
  config.gan.discriminator_start = "autoencoder"
  config.phases = ("sae", "gan")
  sae = make_phase("sae", config)
  trained, _ = run_steps(sae, sae.init({}), batches(sae, 0, 3))
  threshold = trained.player.params["sparsity"]["threshold"]
  assert threshold > 0
  _, _, state, _ = after(config, 2, {"sae": trained})
  assert state.discriminator.params["sparsity"]["threshold"] == threshold


@pytest.mark.parametrize(
  "arg", [*ebgan.KINDS, "grid-sae-3-64", "grid-pt-3-64-dropout", "grid-gan-4-32"]
)
def test_each_kind_of_the_config_is_what_it_says(arg):
  config = validate(ebgan.get_config(arg))
  kind = arg.removeprefix("grid-").split("-")[0]
  assert (config.gan.loss == "equilibrium") == (kind == "began")
  assert (config.gan.energy.pulling_away > 0) == (kind == "pt")
  assert (config.phases == ("sae", "gan")) == (kind == "sae")
  if arg != kind:
    assert len(population.members_of(config)) == 18
    assert len(config.gan.generator_hidden) == int(arg.split("-")[2])
    assert (config.gan.discriminator_dropout > 0) == arg.endswith("-dropout")


@pytest.mark.parametrize(
  "arg",
  ["ebgan", "pt-dropout", "grid-pt", "grid-pt-2-wide", "grid-pt-2-²", "grid-vae-2-8"],
)
def test_a_kind_that_is_none_is_refused(arg):
  with pytest.raises(UserError, match=f":{arg} is unknown: choose one of pt, plain"):
    ebgan.get_config(arg)


def test_members_of_a_population_are_single_runs():
  config = energetic(DENSE)
  config.population.vary = (
    "gan.energy.margin=0.1,0.4",
    "gan.energy.pulling_away=0,0.5",
  )
  config = validate(config)
  program = population.build("gan", config, MEAN.shape, MEAN)
  phase = make_phase("gan", config)
  stacked = batches(phase, 0, 10)

  def step(state, batch):
    images = jnp.broadcast_to(batch["image"], (4, *batch["image"].shape))
    return program.step(state, batch | {"image": images})

  batch = {name: stacked[name] for name in ("image", "position")}
  state = program.init(jax.random.key(0))
  together, metrics = jax.jit(lambda state: jax.lax.scan(step, state, batch))(state)
  number = 2  # the larger margin, and no pulling away where others have it
  own = population.config_of(config, population.members_of(config)[number])
  _, _, alone, losses = after(own, 10)
  assert "gan/pulling_away" not in losses
  np.testing.assert_allclose(
    metrics["gan/d_loss"][:, number], losses["gan/d_loss"], atol=1e-5
  )
  kernels_m = together.members.generator.params["Dense_0"]["kernel"]
  wanted = alone.generator.params["Dense_0"]["kernel"]
  np.testing.assert_allclose(kernels_m[number], wanted, atol=1e-5)
  for other in (0, 1, 3):
    assert not np.allclose(kernels_m[other], wanted, atol=1e-5)


def test_the_balance_is_kept_in_checkpoints_and_no_other_loss_has_one(tmp_path):
  config = energetic(DENSE)
  assert "balance" not in fields_of(make_phase("gan", config).init({}))
  config.gan.loss = "equilibrium"
  program = make_phase("gan", config).program
  state = program.init(jax.random.key(0)).replace(balance=jnp.float32(0.3))
  with closing(Checkpoints(tmp_path, 1)) as checkpoints:
    checkpoints.save(1, state)
  template = template_on(program.init, local_mesh(), jax.random.key(0))
  with closing(Checkpoints(tmp_path, 1)) as checkpoints:
    restored = checkpoints.restore(1, template)
  assert float(restored.balance) == jnp.float32(0.3)
  assert int(restored.step) == 0


@pytest.mark.parametrize(
  ("fields", "words"),
  [
    (dict(gan__loss="margin"), "gan.discriminator_architecture='mlp'"),
    (DENSE | dict(gan__loss="hinge"), "'margin' and 'equilibrium' are for"),
    (DENSE | dict(gan__discriminator_hidden=()), "needs a width"),
    (DENSE | dict(gan__discriminator_normalization="layer"), "choose 'dcgan'"),
    (dict(gan__energy__pulling_away=0.1), "gan.energy.pulling_away=0.1 needs codes"),
    (
      DENSE | dict(gan__energy__pulling_away=0.1, train__microbatches=2),
      "train.microbatches=2",
    ),
    (
      DENSE | dict(gan__energy__pulling_away=0.1, gan__batch_size=1),
      "gan.batch_size=1",
    ),
    (DENSE | dict(gan__energy__margin=0.0), "above 0"),
    (DENSE | dict(gan__energy__gamma=1.5), "up to 1"),
    (DENSE | dict(gan__energy__balance_rate=-1.0), "from 0 up"),
    (
      DENSE | dict(gan__discriminator_start="autoencoder", phases=("sae", "gan")),
      "'sparse_autoencoder', not 'autoencoder'",
    ),
    (SPARSE | dict(gan__discriminator_start="autoencoder"), "needs an autoencoder"),
    (SPARSE | dict(code__sparsity_map="batch_topk"), "batch_topk"),
    (SPARSE | dict(sae__encoder_hidden=(5,)), "sae.tied_start=True"),
  ],
)
def test_an_energy_that_cannot_be_is_refused_in_one_line(fields, words):
  with pytest.raises(UserError) as refusal:
    validate(small_config(**(dict(phases=("gan",)) | fields)))
  assert words in str(refusal.value)
  assert "\n" not in str(refusal.value)
