"""Dropout of the discriminator: by hand, in both players' updates, and never after."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from sgae.config import validate
from sgae.data import resident
from sgae.errors import UserError
from sgae.kernels.switch import use_references
from sgae.losses import penalties
from sgae.losses.adversarial import ADVERSARIAL_LOSSES
from sgae.methods import population
from sgae.methods.gan.energy import build_energy
from sgae.methods.gan.networks import build_discriminator
from sgae.methods.gan.presentation import make_presentation
from sgae.networks import dropout
from sgae.networks.dropout import Thinned
from tests.systems import IMAGES, MEAN, batches, make_phase, run_steps, small_config

PLAIN = dict(gan__generator="plain", gan__sparsity_weight=0.0)
THINNED = PLAIN | dict(gan__discriminator_dropout=0.5, gan__discriminator_hidden=(6, 4))
ENERGY = dict(
  gan__loss="margin",
  gan__discriminator_architecture="autoencoder",
  gan__discriminator_hidden=(6, 4),
  gan__penalties={"r1": 0.0, "r2": 0.0, "gradient_penalty": 0.0},
)
IN_UNITS = resident.to_model_range(IMAGES[:8])


def params_of(network):
  """Returns parameters whose biases are not zero, as trained ones are not."""
  params = network.init(jax.random.key(0))
  return jax.tree.map(lambda leaf: leaf + 0.01 if leaf.ndim == 1 else leaf, params)


def test_units_are_kept_by_chance_and_scaled_so_that_their_mean_stays():
  found = dropout.kept(jnp.array([[0.0, 0.24, 0.25, 0.9]]), jnp.float32(0.25))
  np.testing.assert_allclose(found, [[0, 0, 4 / 3, 4 / 3]])
  many = jax.random.uniform(jax.random.key(0), (1, 20_000))
  assert float(dropout.kept(many, jnp.float32(0.7)).mean()) == pytest.approx(
    1, abs=0.05
  )


def test_a_discriminator_leaves_out_units_of_each_layer_by_hand():
  network = build_discriminator(validate(small_config(**THINNED)), MEAN)
  params = params_of(network)
  kept = np.asarray(
    dropout.kept(jax.random.uniform(jax.random.key(1), (8, 10)), jnp.float32(0.5))
  )
  assert set(kept.ravel()) == {0, 2}
  x = np.asarray(IN_UNITS).reshape(8, -1)
  for number, units in enumerate(np.split(kept, [6], axis=1)):
    layer = params[f"Dense_{number}"]
    x = x @ layer["kernel"] + layer["bias"]
    x = np.where(x > 0, x, 0.2 * x) * units
  wanted = (x @ params["Dense_2"]["kernel"] + params["Dense_2"]["bias"])[:, 0]
  thinned, _ = network.apply(params, Thinned(IN_UNITS, jnp.array(kept)), train=True)
  np.testing.assert_allclose(thinned, wanted, rtol=1e-4, atol=1e-5)
  whole, _ = network.apply(params, IN_UNITS, train=True)
  all_kept, _ = network.apply(params, Thinned(IN_UNITS, jnp.ones((8, 10))), train=True)
  np.testing.assert_allclose(all_kept, whole, rtol=1e-6)
  assert not np.allclose(thinned, whole)


def test_an_energy_leaves_out_units_before_its_code_alone():
  network = build_energy(small_config(**ENERGY), MEAN)
  params = params_of(network)
  none = Thinned(IN_UNITS, jnp.zeros((8, 6)))
  (logits, code), _ = network.apply(params, none, train=True)
  # nothing passes to the code but its bias, and the error is of the image itself
  np.testing.assert_allclose(code, np.tile(params["encoder"]["bias"], (8, 1)))
  errors = [((image - IN_UNITS[0]) ** 2).mean() for image in IN_UNITS]
  assert np.std(logits) > 0.1 * np.std(errors)
  (whole, _), _ = network.apply(params, IN_UNITS, train=True)
  all_of_them = Thinned(IN_UNITS, jnp.ones((8, 6)))
  (all_kept, _), _ = network.apply(params, all_of_them, train=True)
  np.testing.assert_allclose(all_kept, whole, rtol=1e-6)
  assert not np.allclose(logits, whole)


def test_real_and_generated_images_of_a_place_keep_the_same_units():
  shown = make_presentation(validate(small_config(**THINNED, gan__packing=2)).gan)
  assert shown.units == 10
  key, positions = jax.random.key(0), jnp.arange(8)
  for player in ("generator", "discriminator"):
    drawn = shown.draw(key, positions, player)
    part = shown.draw(key, positions[4:], player)
    np.testing.assert_array_equal(part["units"], drawn["units"][4:])
  numbers = {"dropout": jnp.float32(0.5)}
  packs = jnp.zeros((4, 4, 4, 2))
  _, each = dropout.parts(shown.thinned(packs, drawn, numbers))
  assert each is not None
  np.testing.assert_array_equal(each, 2.0 * (drawn["units"][::2] >= 0.5))
  joined = jnp.zeros((8, 4, 4, 2))  # as a GPU takes them: those of a place side by side
  _, both = dropout.parts(shown.thinned(joined, drawn, numbers))
  np.testing.assert_array_equal(both, np.repeat(each, 2, axis=0))


def test_penalties_are_of_the_thinned_discriminator_in_every_way_of_computing_them():
  config = validate(small_config(**THINNED))
  network, shown = build_discriminator(config, MEAN), make_presentation(config.gan)
  params = params_of(network)
  real, fake = (resident.to_model_range(part) for part in (IMAGES[:8], IMAGES[8:16]))
  drawn = shown.draw(jax.random.key(2), jnp.arange(8), "discriminator")

  def discriminate(params, images):
    thinned = shown.thinned(images, drawn, {"dropout": jnp.float32(0.5)})
    return network.apply(params, thinned, train=True)

  def gradient(joined):
    def objective(params):
      return penalties.penalised(
        ADVERSARIAL_LOSSES["non_saturating"].discriminator,
        ("r1", "r2"),
        {"r1": 0.7, "r2": 2.0},
        discriminate,
        params,
        real,
        fake,
        jnp.zeros(8),
        piecewise_linear=network.piecewise_linear,
        joined=joined,
      ).objective

    return jax.tree.leaves(jax.jit(jax.grad(objective))(params))

  one = gradient(False)
  with use_references("one_pass_penalty"):
    apart, joined = gradient(False), gradient(True)
  for a, b, c in zip(one, apart, joined, strict=True):
    np.testing.assert_allclose(a, b, rtol=2e-4, atol=2e-6)
    np.testing.assert_allclose(b, c, rtol=2e-4, atol=2e-6)


def test_members_of_a_population_are_runs_with_and_without_it():
  config = small_config(**(THINNED | dict(gan__discriminator_dropout=0.0)))
  # stays as it is: what makes generators differ is how they see it
  config.gan.discriminator_optimizer.learning_rate = 1e-9
  config.population.vary = ("gan.discriminator_dropout=0,0.5",)
  config = validate(config)
  program = population.build("gan", config, MEAN.shape, MEAN)
  stacked = batches(make_phase("gan", config), 0, 5)
  batch = {name: stacked[name] for name in ("image", "position")}

  def step(state, batch):
    images = jnp.broadcast_to(batch["image"], (2, *batch["image"].shape))
    return program.step(state, batch | {"image": images})

  state = program.init(jax.random.key(0))
  together, metrics = jax.jit(lambda state: jax.lax.scan(step, state, batch))(state)
  kernels = []
  for number, member in enumerate(population.members_of(config)):
    own = validate(population.config_of(config, member))
    phase = make_phase("gan", own)
    alone, _ = jax.jit(lambda state, phase=phase: run_steps(phase, state, stacked))(
      phase.init({})
    )
    for player in ("generator", "discriminator"):
      members = getattr(together.members, player).params
      for a, b in zip(
        jax.tree.leaves(members),
        jax.tree.leaves(getattr(alone, player).params),
        strict=True,
      ):
        np.testing.assert_allclose(a[number], b, rtol=0, atol=1e-5)
    kernels.append(alone.generator.params["Dense_0"]["kernel"])
    # what is trained is looked at whole
    logits = phase.program.functions["discriminate"](alone, IN_UNITS)
    network = build_discriminator(own, MEAN)
    whole, _ = network.apply(alone.discriminator.params, IN_UNITS, train=False)
    np.testing.assert_allclose(logits, whole, rtol=1e-5)
  assert not np.allclose(*kernels, atol=1e-4)
  assert not np.allclose(*metrics["gan/d_loss"].T, atol=1e-4)


@pytest.mark.parametrize(
  ("fields", "words"),
  [
    (dict(gan__discriminator_dropout=1.0), "from 0 to below 1"),
    (
      dict(gan__discriminator_architecture="residual", gan__discriminator_dropout=0.5),
      "choose 'mlp' or 'autoencoder'",
    ),
    (
      dict(gan__conditional__classes=10, gan__discriminator_dropout=0.5),
      "not for a discriminator of classes",
    ),
    (
      dict(gan__discriminator_hidden=(), gan__discriminator_dropout=0.5),
      "gan.discriminator_hidden=() has none",
    ),
    (
      ENERGY | dict(gan__discriminator_hidden=(6,), gan__discriminator_dropout=0.5),
      "gan.discriminator_hidden=(6,) has none",
    ),
  ],
)
def test_what_has_no_units_to_leave_out_is_refused_in_one_line(fields, words):
  with pytest.raises(UserError) as refusal:
    validate(small_config(**(dict(phases=("gan",)) | fields)))
  assert words in str(refusal.value)
