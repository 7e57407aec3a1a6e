"""Translation: networks, step, start from an autoencoder, evaluation, runs."""

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from sgae.config import validate
from sgae.data import resident
from sgae.data.dataset import Dataset, Split
from sgae.devices.mesh import local_mesh
from sgae.evaluation.measures import reference
from sgae.evaluation.measures.reference import EvaluationData
from sgae.methods import METHODS
from sgae.methods.optimizers import SCHEDULES
from sgae.methods.translation.evaluate import TranslationEvaluator, absolute_error
from sgae.methods.translation.networks import taken
from sgae.networks.image_to_image import patch_discriminator, residual_translator
from sgae.reporting import pictures
from sgae.reporting.files import read_json
from sgae.runs.load import load_run
from tests.runs import stopping_console, timeless, tiny_translation_config, train
from tests.systems import (
  IMAGES,
  launch,
  make_phase,
  run_steps,
  saved,
  small_config,
  translation_config,
  two_sided_batches,
)

METHOD = METHODS["translation"]
PICTURES = resident.to_model_range(IMAGES[:8])


def test_networks_keep_the_shape_and_judge_patches():
  for shape in ((7, 6, 3), (4, 4, 1)):
    network = residual_translator(shape, (3, 4), 1, "instance")
    params = network.init(jax.random.key(0))
    images = jax.random.normal(jax.random.key(1), (5, *shape))
    made, _ = network.apply(params, images, train=True)
    assert made.shape == images.shape and float(jnp.abs(made).max()) < 1
    # brightness and contrast of an image are what instance normalization takes away
    scaled, _ = network.apply(params, images[:1], train=False)
    np.testing.assert_allclose(scaled, made[:1], atol=1e-5)
    judge = patch_discriminator(shape[2], (3, 4), "spectral")
    logits, _ = judge.apply(judge.init(jax.random.key(2)), images, train=True)
    assert logits.shape == (5, -(-shape[0] // 4), -(-shape[1] // 4))


def test_the_rate_falls_in_the_second_half():
  rate = SCHEDULES["late_linear"]
  progress = jnp.array([0.0, 0.25, 0.5, 0.75, 1.0])
  np.testing.assert_allclose(rate(progress), [1, 1, 1, 0.5, 0])


@pytest.fixture(scope="module")
def trained():
  """A phase, its start, its compiled steps, their batches, and the last state."""
  phase = make_phase("translation", validate(translation_config()))
  start, stacked = phase.init({}), two_sided_batches(phase, 0, 4)
  run = jax.jit(functools.partial(run_steps, phase))
  return phase, start, run, stacked, run(start, stacked)


def changed(a: Any, b: Any) -> float:
  gaps = jax.tree.map(lambda x, y: jnp.abs(x - y).max(), a, b)
  return max(map(float, jax.tree.leaves(gaps)))


def test_a_step_moves_everything_and_resumes_with_its_history(trained):
  _, start, run, stacked, (state, metrics) = trained
  for name in ("generator", "discriminator"):
    params = [getattr(each, name).params for each in (start, state)]
    for side in range(2):
      assert changed(*[taken(each, side) for each in params]) > 0
  assert int(state.step) == 4 and bool(state.history.any(axis=(2, 3, 4)).all())
  assert all(np.isfinite(values).all() for values in metrics.values())
  assert set(metrics) >= {"translation/cycle", "translation/identity"}
  halves = [
    {name: array[part] for name, array in stacked.items()}
    for part in (slice(2), slice(2, 4))
  ]
  middle, _ = run(start, halves[0])
  resumed, _ = run(middle, halves[1])
  for one, other in zip(
    jax.tree.leaves(resumed.replace(key=0)),
    jax.tree.leaves(state.replace(key=0)),
    strict=True,
  ):
    np.testing.assert_array_equal(one, other)
  forgetful, _ = run(middle.replace(history=0 * middle.history), halves[1])
  assert changed(forgetful.discriminator.params, state.discriminator.params) > 0


@pytest.mark.parametrize("field", sorted(METHOD.swept))
def test_what_may_vary_is_read_from_the_state(trained, field):
  _, start, run, stacked, (state, _) = trained
  other, _ = run(METHOD.swept[field](start, jnp.float32(0.01)), stacked)
  name = field.removeprefix("translation.")
  moves = changed(other.generator.params, state.generator.params)
  if name in ("pair_weight", "semantic_weight", "sparsity_weight", "code.rho"):
    assert moves == 0  # there is no such term
  elif name == "ema_decay":
    assert moves == 0 and changed(other.ema_params, state.ema_params) > 0
  else:
    assert moves > 0


def test_without_an_adversary_the_discriminators_stay():
  fields = dict(adversarial_weight=0.0, pair_weight=1.0, cycle_weight=0.0)
  config = translation_config(identity_weight=0.0, **fields)
  config.translation.update(generator_architecture="mlp")
  config.data.paired = True
  phase = make_phase("translation", config)
  start, stacked = phase.init({}), two_sided_batches(phase, 0, 2)
  state, metrics = jax.jit(functools.partial(run_steps, phase))(start, stacked)
  assert changed(start.discriminator.params, state.discriminator.params) == 0
  assert changed(start.generator.params, state.generator.params) > 0
  assert set(metrics) == {
    f"translation/{name}" for name in ("g_loss", "pair", "g_grad_norm")
  }


def test_the_shared_code_starts_as_the_autoencoder_on_both_sides():
  config = translation_config(generator_architecture="sparse", sparsity_weight=0.1)
  config.code.penalty = "l1"
  config = validate(config)
  sae = make_phase("sae", config)
  earlier = sae.init({})
  phase = make_phase("translation", config)
  state = phase.init({"sae": earlier})
  expected = sae.program.functions["reconstruct"](earlier, PICTURES)
  codes = sae.program.functions["encode"](earlier, PICTURES)
  functions = phase.program.functions
  for direction in ("ab", "ba"):
    made = functions[f"translate_{direction}"](state, PICTURES)
    np.testing.assert_allclose(made, expected, atol=1e-5)
  np.testing.assert_allclose(functions["encode_b"](state, PICTURES), codes, atol=1e-5)
  stacked = two_sided_batches(phase, 0, 2)
  later, metrics = jax.jit(functools.partial(run_steps, phase))(state, stacked)
  assert float(metrics["translation/code_l0"].max()) <= config.code.k
  assert float(metrics["translation/sparsity"].min()) > 0
  params = later.generator.params
  for branch in ("encoder", "decoder"):
    assert changed(*[taken(params[branch], side) for side in range(2)]) > 0


def test_the_classifier_is_taken_over_and_kept():
  config = translation_config(semantic_weight=1.0, generator_architecture="mlp")
  config.phases = ("classifier", "translation")
  config = validate(config)
  classifier = make_phase("classifier", config).init({})
  phase = make_phase("translation", config)
  start = phase.init({"classifier": classifier})
  stacked = two_sided_batches(phase, 0, 2)
  run = jax.jit(functools.partial(run_steps, phase))
  state, metrics = run(start, stacked)
  assert changed(state.fixed["classifier"], classifier.player.params) == 0
  assert float(metrics["translation/semantic"].min()) > 0
  weighty = METHOD.swept["translation.semantic_weight"](start, jnp.float32(5))
  other, _ = run(weighty, stacked)
  assert changed(other.generator.params, state.generator.params) > 0


def test_an_autoencoder_of_both_sides_sees_them_in_turn():
  config = small_config(sae__both_sides=True)
  config.data.second.source = "inverted"
  config.phases = ("sae", "translation")
  phases = [make_phase("sae", validate(each)) for each in (small_config(), config)]
  start = phases[0].init({})
  batch = two_sided_batches(phases[0], 0, 1)
  batch = {name: array[0] for name, array in batch.items()}
  mixed = np.where(
    (np.arange(16) % 2 == 1)[:, None, None, None], batch["second_image"], batch["image"]
  )
  alone, _ = phases[0].step(start, {**batch, "image": jnp.asarray(mixed)})
  both, _ = phases[1].step(start, batch)
  assert changed(alone.player.params, both.player.params) == 0
  first, _ = phases[0].step(start, batch)
  assert changed(first.player.params, both.player.params) > 0


class KnownExtractor:
  """Names an image by its brightness; the two sides name in opposite orders."""

  task = "labels"

  def __init__(self, inverted):
    self.inverted = inverted
    self.about = {
      "image_shape": (4, 4, 1),
      "name": "known",
      "sha256": "",
      "accuracy": 1,
    }

  def extract_features(self, mesh):
    del mesh

    def extract(images):
      bright = images.reshape(len(images), -1).mean(axis=1) / 255
      bright = 1 - bright if self.inverted else bright
      return np.stack([bright, bright**2, 0 * bright], 1), np.stack(
        [0.5 + 0 * bright, bright], 1
      )

    return extract


@pytest.mark.parametrize("most", [20, 10_000])
def test_figures_are_of_the_target_side_and_both_ways(most, monkeypatch):
  # all 40 images of a test split, or 20 that are drawn of them
  monkeypatch.setattr(reference, "REFERENCE_EXAMPLES", most)
  count = 40
  images = np.repeat(np.arange(count), 16).reshape(count, 4, 4, 1).astype(np.uint8) * 6
  labels = (images[:, 0, 0, 0] > 127).astype(np.int32)
  first = Split(images, labels)
  second = Split(255 - images, labels)
  b = EvaluationData(Dataset("b", second, second, 2), KnownExtractor(True))
  dataset = Dataset("a", first, first, 2, second=b.dataset, paired=True)
  data = EvaluationData(dataset, KnownExtractor(False), b)
  evaluator = TranslationEvaluator(validate(translation_config()), data, local_mesh())
  evaluator.run = {
    "ab": lambda state, rows: (255 - rows, rows),
    "ba": lambda state, rows: (255 - rows, rows // 2),
  }
  observed = evaluator.observe(None, True)
  figures = {
    name: found.value for name, found in evaluator.measure(observed, True).items()
  }
  for direction in ("ab", "ba"):
    assert figures[f"accuracy_{direction}"] == 1.0
    assert figures[f"pixel_error_{direction}"] == 0.0
    assert figures[f"frechet_{direction}"] == pytest.approx(0, abs=1e-6)
    assert figures[f"untranslated_accuracy_{direction}"] < 0.1
    assert figures[f"untranslated_pixel_error_{direction}"] > 0.4
    assert figures[f"untranslated_frechet_{direction}"] > 1e-4
  assert figures["cycle_error_ab"] == 0.0 and figures["returned_accuracy_ab"] == 1.0
  tested = b.test.images
  halved = np.mean(tested - tested // 2) / 255
  assert figures["cycle_error_ba"] == pytest.approx(halved, abs=1e-6)
  assert most < count or halved == pytest.approx(0.27, abs=0.02)
  assert figures["returned_accuracy_ba"] < 0.6
  drawn = evaluator.draw(observed)
  assert set(drawn) == {"ab", "ba"}
  assert absolute_error(images[:2], images).value == 0.0
  # other classes that are as many are not compared
  others = dataset._replace(class_names=("cat", "dog"))
  evaluator.sides["a"] = EvaluationData(others, KnownExtractor(False), b)
  found = evaluator.measure(observed, False)
  assert not {"accuracy_ab", "accuracy_ba"} & found.keys()
  assert "returned_accuracy_ab" in found and "frechet_ab" in found


@pytest.fixture(scope="module")
def translated(tmp_path_factory):
  """A whole run of a few steps."""
  whole = tmp_path_factory.mktemp("runs") / "whole"
  train(whole, tiny_translation_config())
  return whole


def test_a_stopped_run_goes_on_bit_for_bit_and_is_evaluated(translated, tmp_path):
  whole, parts, config = translated, tmp_path / "parts", tiny_translation_config()
  with pytest.raises(Exception, match="stopped by SIGTERM"):
    train(parts, config, stopping_console(2))
  train(parts, config)
  expected, resumed = saved(whole, "translation"), saved(parts, "translation")
  assert expected[0] == resumed[0] == 20
  for one, other in zip(expected[1], resumed[1], strict=True):
    np.testing.assert_array_equal(one, other)
  assert timeless(whole)[-1] == timeless(parts)[-1]
  records = timeless(whole)
  assert {"translation/accuracy_ab", "translation/pixel_error_ba"} <= records[-1].keys()
  assert (whole / "report.html").exists()
  protocol = read_json(whole / "evaluation.json")["translation"]["protocol"]
  digests = protocol["features_sha256"], protocol["second_features_sha256"]
  assert len(digests[0]) == 64 and len(set(digests)) == 2


def test_new_images_are_translated_either_way(translated, tmp_path):
  run = load_run(translated)
  images = IMAGES[:5].repeat(2, axis=1).repeat(2, axis=2)
  np.savez(tmp_path / "new.npz", images=images)
  for direction in ("AB", "BA"):
    done = launch(
      "--mode=translate",
      f"--workdir={translated}",
      f"--direction={direction}",
      f"--images={tmp_path / 'new.npz'}",
      f"--output={tmp_path}",
    )
    assert done.returncode == 0, done.stderr
    function = getattr(run, f"translate_{direction.lower()}")
    expected = pictures.to_bytes(function(images))  # uint8, as they are stored
    with np.load(tmp_path / "translate.npz") as stored:
      np.testing.assert_allclose(
        stored["images"].astype(int), np.asarray(expected).astype(int), atol=1
      )
    assert (tmp_path / "translate" / "4.png").exists()


def test_it_learns_the_negatives_of_digits_from_pairs_and_without(tmp_path):
  fields = dict(batch_size=32, steps=300, log_every=100, evaluate_every=300)
  config = tiny_translation_config(generator_hidden=(64,), save_every=300, **fields)
  config.translation.update(pair_weight=10.0, cycle_weight=0.0, identity_weight=0.0)
  config.translation.generator_optimizer.learning_rate = 3e-3
  config.data.paired = True
  config.translation.adversarial_weight = 0.0
  train(tmp_path / "run", config)
  record = timeless(tmp_path / "run")[-1]
  for direction in ("ab", "ba"):  # as they are it is .6
    assert record[f"translation/pixel_error_{direction}"] < 0.12
