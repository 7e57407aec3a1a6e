"""A GAN whose discriminator is kept from overfitting: steps, states and refusals."""

from contextlib import closing
from typing import Any

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
from sgae.methods.gan.networks import build_discriminator
from sgae.methods.gan.overfitting import first_numbers, make_regulate
from sgae.methods.gan.presentation import make_presentation, packed
from sgae.methods.gan.train import GanState
from sgae.runs.checkpoints import Checkpoints, fields_of
from sgae.training.batches import check_batches
from tests.systems import (
  IMAGES,
  MEAN,
  batches,
  make_phase,
  run_steps,
  small_config,
)

PLAIN = dict(gan__generator="plain", gan__sparsity_weight=0.0)
ALTERED = dict(gan__augmentation__kinds=("shift", "cutout"))
# the chance moves by a tenth in a round of 16 images
ADAPTIVE = ALTERED | dict(gan__augmentation__target=0.05, gan__augmentation__speed=160)
EVERYTHING = (
  PLAIN
  | ADAPTIVE
  | dict(
    gan__loss="non_saturating",
    gan__label_smoothing=0.1,
    gan__label_noise=0.2,
    gan__lecam__weight=0.3,
    gan__lecam__start=2,
    gan__lecam__decay=0.5,
    gan__consistency__real=1.0,
    gan__consistency__fake=0.5,
  )
)
ROUNDS = 3


def begun(phase):
  """Returns a first state whose chance is not 0 or 1, and stays so."""
  state = phase.init({})
  numbers = {"augment_probability": jnp.float32(0.6), "r_t": jnp.float32(0.9)}
  return state.replace(moving=state.moving | numbers)


def assert_equal_states(one, other, atol=0.0):
  leaves = [jax.tree.leaves(state.replace(key=0)) for state in (one, other)]
  for a, b in zip(*leaves, strict=True):
    np.testing.assert_allclose(a, b, rtol=0, atol=atol)


@pytest.fixture(scope="module")
def everything():
  """All options: the phase, and what a run of some rounds comes to."""
  phase = make_phase("gan", validate(small_config(**EVERYTHING)))
  stacked = batches(phase, 0, ROUNDS)
  return phase, *jax.jit(lambda: run_steps(phase, begun(phase), stacked))()


def test_what_is_drawn_depends_on_the_place_alone_and_differs_for_both_kinds():
  shown = make_presentation(small_config(**EVERYTHING).gan)
  key, positions = jax.random.key(0), jnp.arange(8)
  drawn = shown.draw(key, positions, "discriminator")
  part = shown.draw(key, positions[4:], "discriminator")
  for name, values in drawn.items():
    np.testing.assert_array_equal(part[name], values[4:])
  assert (drawn["real"] != drawn["fake"]).all()
  more = set(drawn) - set(shown.draw(key, positions, "generator"))
  assert more == {"real_again", "fake_again", "real_target", "fake_target"}


def test_a_part_is_the_same_whatever_else_is_drawn():
  """So a member of a population with a weight of 0 sees its single run's numbers."""
  whole = make_presentation(small_config(**EVERYTHING).gan)._replace(units=3)
  key, positions = jax.random.key(0), jnp.arange(8)
  drawn = whole.draw(key, positions, "discriminator")
  assert len(drawn) == 7
  for without in (
    whole._replace(kinds=()),
    whole._replace(units=0),
    whole._replace(again=("fake",)),
    whole._replace(again=(), noise=False),
  ):
    for name, values in without.draw(key, positions, "discriminator").items():
      np.testing.assert_array_equal(values, drawn[name])


def test_both_players_move_by_finite_numbers(everything):
  phase, state, metrics = everything
  start = phase.init({})
  for player in ("generator", "discriminator"):
    before, now = getattr(start, player).params, getattr(state, player).params
    moved = jax.tree.map(lambda a, b: bool((a != b).any()), before, now)
    assert all(jax.tree.leaves(moved))
  assert all(np.isfinite(values).all() for values in metrics.values())
  for name in ("consistency_real", "consistency_fake", "lecam"):
    assert (metrics[f"gan/{name}"] > 0).all()


def test_numbers_move_as_by_hand(everything):
  _, state, metrics = everything
  average, r_t, chance = None, 0.9, 0.6
  for i in range(ROUNDS):
    real = float(metrics["gan/d_real"][i])
    average = real if average is None else 0.5 * (average + real)
    r_t = 0.75 * r_t + 0.25 * float(metrics["gan/r_t"][i])
    chance += 0.1 * np.sign(r_t - 0.05)
    assert float(metrics["gan/augment_probability"][i]) == pytest.approx(chance)
  assert float(state.moving["real_average"]) == pytest.approx(average, rel=1e-5)
  assert float(state.moving["r_t"]) == pytest.approx(r_t, rel=1e-5)
  assert float(state.moving["augment_probability"]) == pytest.approx(chance)
  assert float(state.moving["lecam_on"]) == 1


def test_logits_are_pulled_to_averages_once_there_are_some():
  gan = small_config(gan__lecam__weight=0.3, gan__lecam__start=0).gan
  assert first_numbers(gan) == {"lecam_on": 0, "real_average": 0, "fake_average": 0}


def test_the_chance_rises_to_its_most_and_falls_to_0():
  gan = small_config(**ADAPTIVE, gan__augmentation__probability=0.25).gan
  regulate, first = make_regulate(gan), first_numbers(gan)
  assert regulate is not None
  assert first is not None
  settings = {"augment_target": jnp.float32(0.05), "augment_most": jnp.float32(0.25)}
  nothing: Any = dict.fromkeys(("generator", "discriminator", "ema_params", "key"))
  state = GanState(
    step=jnp.int32(1),
    settings=settings,
    moving=jax.tree.map(jnp.float32, first),
    **nothing,
  )
  shown = []
  for r_t in [0.9] * 4 + [-0.9] * 6:
    seen = {"gan/d_real": 1.0, "gan/d_fake": 0.0, "gan/r_t": r_t}
    state, metrics = regulate(state, seen)
    shown.append(float(metrics["gan/augment_probability"]))
  # the average over some batches is above the target for one round more
  wanted = [0.1, 0.2, 0.25, 0.25, 0.25, 0.15, 0.05, 0, 0, 0]
  assert shown == pytest.approx(wanted, abs=1e-6)
  fixed = state.replace(settings=settings | {"augment_target": jnp.float32(0)})
  _, metrics = regulate(fixed, seen)
  assert float(metrics["gan/augment_probability"]) == 0.25


def test_parts_of_a_batch_and_two_backward_passes_give_the_same(everything):
  _, state, metrics = everything
  config = validate(small_config(**EVERYTHING, train__microbatches=4))
  phase = make_phase("gan", config)
  with use_references("one_pass_penalty"):
    stacked = batches(phase, 0, ROUNDS)
    other, again = jax.jit(lambda: run_steps(phase, begun(phase), stacked))()
  for name in ("gan/r1", "gan/r2", "gan/d_loss", "discriminator/grad_norm"):
    np.testing.assert_allclose(metrics[name], again[name], rtol=1e-4)
  assert_equal_states(state, other, atol=2e-5)


def test_members_of_a_population_are_single_runs(everything):
  _, state, _ = everything
  config = small_config(**EVERYTHING)
  config.population.vary = (
    "gan.augmentation.target=0,0.05",
    "gan.lecam.weight=0,0.3",
  )
  config = validate(config)
  program = population.build("gan", config, MEAN.shape, MEAN)
  stacked = batches(make_phase("gan", config), 0, ROUNDS)
  stacked = {name: stacked[name] for name in ("image", "position")}

  def step(state, batch):
    images = jnp.broadcast_to(batch["image"], (4, *batch["image"].shape))
    return program.step(state, batch | {"image": images})

  first = program.init(jax.random.key(0))
  moving = first.members.moving | {
    "augment_probability": jnp.full(4, 0.6),
    "r_t": jnp.full(4, 0.9),
  }
  first = first.replace(members=first.members.replace(moving=moving))
  together, metrics = jax.jit(lambda: jax.lax.scan(step, first, stacked))()
  last = jax.tree.map(lambda leaf: leaf[3], together.members)
  assert_equal_states(last, state, atol=2e-5)
  # without a target the chance is what the field says
  np.testing.assert_array_equal(metrics["gan/augment_probability"][:, :2], 1.0)
  assert (metrics["gan/augment_probability"][:, 2:] < 1).all()
  kernels_m = together.members.discriminator.params["Dense_0"]["kernel"]
  assert not np.allclose(kernels_m[2], kernels_m[3], atol=1e-5)


def test_a_resume_goes_on_from_the_same_bits(everything, tmp_path):
  """And a step is a function of the state, the batch and its places alone."""
  phase, middle, _ = everything
  assert 0 < float(middle.moving["augment_probability"]) < 1
  with closing(Checkpoints(tmp_path, 1)) as checkpoints:
    checkpoints.save(3, middle)
  with closing(Checkpoints(tmp_path, 1)) as checkpoints:
    restored = checkpoints.restore(3, phase.init({}))
  assert set(restored.moving) == set(middle.moving)
  assert_equal_states(restored, middle)
  plain = make_phase("gan", small_config())
  assert "moving" not in fields_of(jax.eval_shape(plain.init, {}))


def test_neighbours_of_a_batch_are_packed_into_channels():
  images = resident.to_model_range(IMAGES[:6])
  packs = packed(images, 3)
  assert packs.shape == (2, 4, 4, 3)
  for pack in range(2):
    for place in range(3):
      wanted = images[3 * pack + place, ..., 0]
      np.testing.assert_array_equal(packs[pack, ..., place], wanted)


def test_packs_are_penalised_as_one_image_in_one_pass_as_in_two():
  config = validate(small_config(**PLAIN, gan__packing=2))
  network = build_discriminator(config, MEAN)
  params = network.init(jax.random.key(0))
  assert params["Dense_0"]["kernel"].shape == (2 * MEAN.size, 12)
  real, fake = (
    packed(resident.to_model_range(part), 2) for part in (IMAGES[:8], IMAGES[8:16])
  )

  def gradient():
    def objective(params):
      found = penalties.penalised(
        ADVERSARIAL_LOSSES["non_saturating"].discriminator,
        ("r1", "r2"),
        {"r1": 0.7, "r2": 2.0},
        lambda params, images: network.apply(params, images, train=True),
        params,
        real,
        fake,
        jnp.zeros(4),
        piecewise_linear=network.piecewise_linear,
      )
      return found.objective, found.penalties["r1"]

    return jax.jit(jax.grad(objective, has_aux=True))(params)

  one, r1 = gradient()
  with use_references("one_pass_penalty"):
    two, _ = gradient()
  for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(two), strict=True):
    np.testing.assert_allclose(a, b, rtol=2e-4, atol=2e-6)

  def logit(pack):
    return network.apply(params, pack[None], train=True)[0][0]

  slopes = jax.vmap(jax.grad(logit))(real)
  assert slopes.shape == (4, 4, 4, 2)
  np.testing.assert_allclose(r1, (slopes**2).sum((1, 2, 3)).mean(), rtol=1e-5)


@pytest.mark.parametrize(
  ("fields", "words"),
  [
    (dict(gan__augmentation__kinds=("blur",)), "mirror, colour, shift, cutout"),
    (dict(gan__augmentation__kinds=("shift", "shift")), "give each once"),
    (dict(gan__augmentation__probability=1.5), "from 0 to 1"),
    (dict(gan__augmentation__target=0.6), "gan.augmentation.kinds=()"),
    (ALTERED | dict(gan__augmentation__target=1.0), "from 0 to below 1"),
    (dict(gan__augmentation__speed=0), "1 or more"),
    (dict(gan__consistency__real=1.0, gan__consistency__kinds=()), "alters nothing"),
    (dict(gan__lecam__weight=-1.0), "from 0 up"),
    (dict(gan__lecam__decay=1.0), "from 0 to below 1"),
    (
      dict(gan__lecam__weight=0.3, gan__lecam__start=20, gan__steps=20),
      "gan.lecam.start=20 is not before the end at gan.steps=20, so that",
    ),
    (dict(gan__label_smoothing=0.1), "gan.loss='relativistic'"),
    (dict(gan__label_noise=0.1, gan__loss="hinge"), "least_squares"),
    (dict(gan__augmentation__probability=0.5), "is of the chance of alterations"),
    (
      ALTERED | dict(gan__augmentation__probability=0.0, gan__augmentation__target=0.6),
      "up to gan.augmentation.probability=0",
    ),
    (dict(gan__packing=0), "1 or more"),
    (dict(gan__packing=3), "gan.batch_size=16 is not divisible"),
    (dict(gan__packing=4, gan__deviation_group=8), "a multiple of 32"),
    (dict(gan__deviation_group=1), "nothing that differs"),
    (dict(gan__deviation_group=2, gan__discriminator_hidden=()), "needs features"),
    (dict(gan__packing=2, train__microbatches=2), "train.microbatches=2"),
    (
      dict(
        gan__packing=2,
        gan__loss="margin",
        gan__discriminator_architecture="autoencoder",
        gan__penalties={"r1": 0.0, "r2": 0.0, "gradient_penalty": 0.0},
      ),
      "the energy of one image",
    ),
    (
      dict(gan__packing=2, gan__discriminator_start="encoder", phases=("sae", "gan")),
      "choose 'fresh'",
    ),
    (
      PLAIN | ALTERED | dict(data__source="mixture", data__name="ring"),
      "gan.augmentation.kinds=('shift', 'cutout') is for images",
    ),
  ],
)
def test_what_cannot_be_is_refused_in_one_line(fields, words):
  with pytest.raises(UserError) as refusal:
    validate(small_config(**(dict(phases=("gan",)) | fields)))
  assert words in str(refusal.value)
  assert "\n" not in str(refusal.value)


def test_packs_are_not_parted_by_devices():
  config = small_config(**PLAIN, gan__packing=4, phases=("gan",))
  check_batches(config, 4)
  with pytest.raises(UserError, match="8 devices x 4 examples"):
    check_batches(config, 8)
