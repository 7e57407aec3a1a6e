"""Recognition: its network and step, which labels it sees, starts, evaluation."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from sgae import randomness
from sgae.config import validate
from sgae.data import resident
from sgae.data.dataset import Dataset, Split
from sgae.data.order import draw_of_classes
from sgae.devices.mesh import local_mesh
from sgae.diagnostics.health import events
from sgae.errors import UserError
from sgae.evaluation.measures.reference import EvaluationData
from sgae.methods import METHODS, population
from sgae.methods.inheritance import inherit
from sgae.methods.recognition.evaluate import make_evaluator
from sgae.methods.recognition.networks import build_discriminator, build_generator
from sgae.methods.recognition.start import prepare
from sgae.methods.recognition.train import LABELLED, make_losses
from sgae.networks.noisy_mlp import noisy_mlp
from sgae.training.calls import order_of
from tests.systems import (
  EXAMPLES,
  IMAGES,
  LABELS,
  MEAN,
  batches,
  make_phase,
  run_steps,
  small_config,
)

PICTURES = resident.to_model_range(IMAGES[:8])
METHOD = METHODS["recognition"]
DATASET = Dataset("tiny", EXAMPLES, EXAMPLES, 10)


def recognition_config(**fields: Any) -> Any:
  config = small_config(**fields)
  config.phases = ("recognition",)
  return config


@pytest.fixture(scope="module")
def trained():
  """A phase, its start, what 4 steps make of it, and its batches; one program."""
  phase = make_phase("recognition", validate(recognition_config()))
  start = phase.program.init(
    jax.random.key(0), phase.program.settings, prepare_of(recognition_config())
  )
  stacked = batches(phase, 0, 4)
  run = jax.jit(functools.partial(run_steps, phase))
  half = {name: array[:2] for name, array in stacked.items()}
  return phase, start, run, stacked, run(start, half)


def prepare_of(config, inherited=None):
  return (inherited or {}) | prepare(config, DATASET, {})[0]


def changed(a: Any, b: Any) -> float:
  gaps = jax.tree.map(lambda x, y: jnp.abs(x - y).max(), a, b)
  return max(map(float, jax.tree.leaves(gaps)))


def test_units_have_mean_0_and_deviation_1_where_they_start():
  network = noisy_mlp(MEAN, (12, 8), 10)
  params = network.network.init(jax.random.key(0))
  images = resident.to_model_range(IMAGES)
  noise = [jnp.zeros((len(images), width)) for width in network.widths]
  fitted = network.fitted(params, images, noise)
  logits, features = network.network.apply(fitted, (images, noise))
  np.testing.assert_allclose(logits.mean(0), 0, atol=1e-5)
  np.testing.assert_allclose(logits.std(0), 1, atol=1e-4)
  assert features.shape == (256, 8) and float(features.min()) == 0
  # by hand: directions of length 1, scales, biases
  x = np.float64(images - MEAN).reshape(256, -1)
  for number in range(3):
    layer = jax.tree.map(np.float64, fitted[f"Dense_{number}"])
    direction = layer["kernel"] / np.linalg.norm(layer["kernel"], axis=0)
    x = x @ direction * layer["scale"] + layer["bias"]
    x = x if number == 2 else np.maximum(x, 0)
  np.testing.assert_allclose(logits, x, atol=1e-4)
  # longer kernels are the same function
  longer = fitted["Dense_1"] | {"kernel": 3 * fitted["Dense_1"]["kernel"]}
  same, _ = network.network.apply(fitted | {"Dense_1": longer}, (images, noise))
  np.testing.assert_allclose(same, logits, atol=1e-4)


def test_a_step_moves_what_it_should_and_goes_on_with_the_same_bits(trained):
  _, start, run, stacked, (state, metrics) = trained
  assert all(np.isfinite(values).all() for values in metrics.values())
  before, after = start.discriminator.params, state.discriminator.params
  assert changed(before["Dense_0"]["kernel"], after["Dense_0"]["kernel"]) > 1e-3
  for name in ("Dense_0", "Dense_1"):  # the scales of hidden units are not trained
    np.testing.assert_array_equal(before[name]["scale"], after[name]["scale"])
  assert changed(before["Dense_2"]["scale"], after["Dense_2"]["scale"]) > 1e-3
  np.testing.assert_array_equal(before["mean"], after["mean"])
  assert changed(start.generator.params, state.generator.params) > 1e-3
  # the average of two steps: decays .1 and 2 / 11
  assert 0 < changed(state.ema_params, after) < changed(before, after)
  second = {name: array[2:] for name, array in stacked.items()}
  resumed, _ = run(state, second)
  whole, _ = run(run(start, {k: v[:2] for k, v in stacked.items()})[0], second)
  for a, b in zip(jax.tree.leaves(resumed), jax.tree.leaves(whole), strict=True):
    assert jnp.array_equal(a, b)


def test_the_labels_of_unlabelled_images_are_never_read(trained):
  _, start, run, stacked, (state, _) = trained
  half = {name: array[:2] for name, array in stacked.items()}
  labels = np.full_like(half["label"], -1)
  labels[:, LABELLED] = half["label"][:, LABELLED]
  same, _ = run(start, half | {"label": jnp.asarray(labels)})
  assert changed(same.discriminator.params, state.discriminator.params) == 0
  labels[:, LABELLED] = (labels[:, LABELLED] + 1) % 10
  other, _ = run(start, half | {"label": jnp.asarray(labels)})
  assert changed(other.discriminator.params, state.discriminator.params) > 1e-3


def test_the_generator_learns_to_match_and_the_discriminator_is_not_moved(trained):
  phase, start, _, _, _ = trained
  config = validate(recognition_config())
  generator, discriminator = (
    build_generator(config, MEAN.shape),
    build_discriminator(config, MEAN),
  )
  _, loss = make_losses(generator, discriminator)
  latents = jax.random.uniform(jax.random.key(1), (8, 6))
  images, _ = generator.apply(start.generator.params, latents, train=True)
  quiet = [jnp.zeros((8, width)) for width in discriminator.widths]
  own = (latents, (images, quiet), quiet)
  value, _ = loss(start.generator.params, own, start.discriminator.params, None)
  assert float(value) == pytest.approx(0, abs=1e-10)  # its own images match
  other = (latents, (PICTURES, quiet), quiet)
  value, (seen, _) = loss(
    start.generator.params, other, start.discriminator.params, None
  )
  features = [
    np.asarray(discriminator.network.apply(start.discriminator.params, (x, None))[1])
    for x in (images, PICTURES)
  ]
  gap = features[0].mean(0) - features[1].mean(0)
  assert float(value) == pytest.approx((gap**2).mean(), rel=1e-4)
  assert "statistics" in seen and phase.batch_shape == (3, 16)


def test_each_batch_has_its_own_order_and_the_first_one_labels_alone():
  config = validate(recognition_config())
  ordered = order_of("recognition", config, EXAMPLES)
  indices = ordered(0, "recognition", 0, 40, (3, 16))
  drawn = draw_of_classes(LABELS, 2, 0)
  assert set(indices[:, 0].ravel()) == set(drawn)
  assert np.bincount(LABELS[drawn]).tolist() == [2] * 10
  for number in (1, 2):  # 16 steps are an epoch
    assert sorted(indices[:16, number].ravel()) == list(range(256))
  assert (indices[:, 1] != indices[:, 2]).any()
  later = ordered(0, "recognition", 25, 15, (3, 16))
  np.testing.assert_array_equal(later, indices[25:])
  assert (draw_of_classes(LABELS, 2, 1) != drawn).any()
  assert set(drawn) < set(draw_of_classes(LABELS, 5, 0))
  partly = np.where(LABELS < 5, LABELS, -1)
  everything = draw_of_classes(partly, 0, 0)
  np.testing.assert_array_equal(everything, np.flatnonzero(LABELS < 5))


def test_it_starts_from_the_directions_of_an_encoder():
  config = recognition_config(recognition__discriminator_start="encoder")
  config.phases = ("sae", "recognition")
  config = validate(config)
  sae, phase = (make_phase(name, config) for name in config.phases)
  state = sae.init({})
  taken = inherit("recognition", {"sae": state})
  start = phase.program.init(
    jax.random.key(0), phase.program.settings, prepare_of(config, taken)
  )
  rows = state.player.params["encoder"]["rows"][:12].T
  kernel = start.discriminator.params["Dense_0"]["kernel"]
  unit = [each / jnp.linalg.norm(each, axis=0) for each in (rows, kernel)]
  np.testing.assert_allclose(*unit, atol=1e-5)
  # as long as fresh ones: as quick to turn
  norms = jnp.linalg.norm(kernel, axis=0)
  assert float(norms.mean()) == pytest.approx(0.1 * MEAN.size**0.5, rel=0.2)
  assert phase.program.inherits == ("encoder",)


@pytest.mark.parametrize("field", METHOD.swept)
def test_what_may_vary_in_a_population_is_read_from_the_state(trained, field):
  _, start, run, stacked, (state, _) = trained
  half = {name: array[:2] for name, array in stacked.items()}
  other, _ = run(METHOD.swept[field](start, jnp.float32(0.01)), half)
  players = ("generator", "discriminator", "ema_params")
  moved = {name for name in players if changed_in(other, state, name)}
  expected = set(players)  # each player learns from the other
  if field == "recognition.ema_decay":
    expected = {"ema_params"}
  assert moved == expected


def test_a_member_starts_as_the_single_run_of_its_noise():
  config = recognition_config()
  config.population.update(seeds=1, vary=("recognition.input_noise=0.1,0.6",))
  members = population.build("recognition", validate(config), MEAN.shape, MEAN)
  params = members.init(jax.random.key(0)).members.discriminator.params
  for i, noise in enumerate((0.1, 0.6)):
    config = recognition_config(recognition__input_noise=noise)
    single = population.build("recognition", validate(config), MEAN.shape, MEAN)
    own = single.init(randomness.root_key(config.seed)).discriminator.params
    of_member = jax.tree.map(lambda leaf, i=i: leaf[i], params)
    for a, b in zip(*map(jax.tree.leaves, (of_member, own)), strict=True):
      np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


def changed_in(a: Any, b: Any, name: str) -> bool:
  of = [getattr(state, name) for state in (a, b)]
  return changed(*(getattr(each, "params", each) for each in of)) > 1e-6


def test_its_error_is_of_the_average_on_test_images_that_have_a_label(trained):
  phase, _, _, _, (state, _) = trained
  config = recognition_config()
  config.evaluation.update(num_samples=40, final_samples=50)
  config = validate(config)
  test = Split(IMAGES[:50], np.where(np.arange(50) % 2, LABELS[:50], -1))
  data = EvaluationData(Dataset("tiny", EXAMPLES, test, 10), None)
  evaluator = make_evaluator(config, data, local_mesh())
  figures = evaluator.measure(evaluator.observe(state, False), False)
  logits = phase.program.functions["logits"](state, PICTURES)
  assert logits.shape == (8, 10)
  averaged = state.replace(discriminator=state.discriminator.replace(params=None))
  images = resident.to_model_range(IMAGES[1:50:2])
  said = phase.program.functions["logits"](averaged, images).argmax(1)
  assert figures["test_error"].value == pytest.approx(
    (np.asarray(said) != LABELS[1:50:2]).mean()
  )
  protocol = evaluator.protocol()
  assert protocol["labels"] == 20 and protocol["permutation_invariant"]


def test_warnings_name_labels_known_by_heart_and_a_won_discriminator():
  def records(**numbers):
    named = {f"recognition/{name}": value for name, value in numbers.items()}
    return [{"phase": "recognition", "step": step, **named} for step in range(1, 22)]

  def kinds(**numbers):
    return {event.kind for event in events(records(**numbers), METHOD.warnings)}

  healthy = dict(labelled_accuracy=1.0, test_error=0.02, unlabelled_loss=0.3)
  assert kinds(**healthy) == set()
  assert kinds(**healthy | {"test_error": 0.4}) == {"overfitted_labels"}
  assert kinds(**healthy | {"unlabelled_loss": 0.001}) == {"collapsed_unlabelled_loss"}


@pytest.mark.parametrize(
  ("fields", "words"),
  [
    ({"train__microbatches": 2}, "train.microbatches=2 is not for recognition"),
    ({"data__balance": True}, "data.balance=True would tell"),
    (
      {"recognition__discriminator_start": "encoder"},
      "needs an autoencoder: choose phases=\\('sae', 'recognition'\\)",
    ),
    (
      {
        "recognition__discriminator_start": "encoder",
        "recognition__discriminator_hidden": (30,),
        "phases": ("sae", "recognition"),
      },
      "begins with 30 units, but the encoder has 24",
    ),
    (
      {
        "recognition__discriminator_start": "encoder",
        "sae__architecture": "convolutional",
        "sae__tied_start": False,
        "phases": ("sae", "recognition"),
      },
      "needs an encoder without convolutions",
    ),
    ({"phases": ("vae", "recognition")}, "recognition can start from sae"),
  ],
)
def test_what_it_cannot_be_is_refused(fields, words):
  config = recognition_config()
  for name, value in fields.items():
    *path, last = name.split("__")
    (config[path[0]] if path else config)[last] = value
  with pytest.raises(UserError, match=words):
    validate(config)


@pytest.mark.parametrize(
  ("fields", "labels", "words"),
  [
    ({"num_classes": 9}, LABELS, "num_classes=9, but tiny has 10"),
    ({"labels_per_class": 200}, LABELS, "labels_per_class=200, but a class of tiny"),
    (
      {"labels_per_class": 0},
      np.where(LABELS, LABELS, -1),
      "tiny has no labelled training image of 0",
    ),
  ],
)
def test_data_that_lack_labels_are_refused(fields, labels, words):
  config = recognition_config()
  config.recognition.update(fields)
  with pytest.raises(UserError, match=words):
    METHOD.check_data(config, DATASET._replace(train=Split(IMAGES, labels)))
  with pytest.raises(UserError, match="labels of two classes or more, and tiny has"):
    METHOD.check_data(recognition_config(), DATASET._replace(num_classes=1))
  test = Split(IMAGES, np.full(len(IMAGES), -1))
  with pytest.raises(UserError, match="no test image of tiny has a label"):
    METHOD.check_data(recognition_config(), DATASET._replace(test=test))
