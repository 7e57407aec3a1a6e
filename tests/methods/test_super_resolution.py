"""Super-resolution: small images, who learns from what, starts, evaluation, files."""

import functools
import io
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

from sgae.config import validate
from sgae.data import resident
from sgae.data.dataset import Dataset, Split
from sgae.devices.mesh import local_mesh
from sgae.errors import UserError
from sgae.evaluation.evaluate import evaluate_run
from sgae.evaluation.image_to_image import image_to_image_run
from sgae.evaluation.measures import restoration
from sgae.evaluation.measures.reference import EvaluationData
from sgae.methods import METHODS, population
from sgae.methods.inheritance import inherit
from sgae.methods.super_resolution.evaluate import make_evaluator
from sgae.methods.super_resolution.networks import downscale
from sgae.reporting.console import Console
from sgae.reporting.files import read_json
from sgae.reporting.pictures import to_bytes
from sgae.runs.load import load_run
from tests.runs import tiny_upscaling_config, train
from tests.systems import EXAMPLES, IMAGES, MEAN, batches, make_phase, run_steps
from tests.systems import small_config as small_config_of_all

NAME = "super_resolution"
METHOD = METHODS[NAME]
ALL_TERMS = dict(
  super_resolution__adversarial_weight=0.1, super_resolution__feature_weight=0.1
)
SPARSE = dict(super_resolution__generator="sparse", code__sparsity_map="batch_topk")


def small_config(*phases: str, **fields: Any) -> Any:
  config = small_config_of_all(**fields)
  config.phases = (*phases, NAME)
  return config


def finished(config, *names):
  """Returns untrained states of earlier phases."""
  return {name: make_phase(name, config).init({}) for name in names}


def changed(a: Any, b: Any) -> float:
  gaps = jax.tree.map(lambda x, y: jnp.abs(x - y).max(), a, b)
  return max(map(float, jax.tree.leaves(gaps)), default=0.0)


@pytest.fixture(scope="module")
def adversarial():
  """A phase with all terms, its start, its compiled steps, its batches."""
  config = validate(small_config("classifier", **ALL_TERMS))
  earlier = finished(config, "classifier")
  phase = make_phase(NAME, config)
  run = jax.jit(functools.partial(run_steps, phase))
  return phase, phase.init(earlier), run, batches(phase, 0, 4), earlier


def test_a_member_has_the_functions_of_all_settings():
  """Also of a term whose weight is 0 in the config, and in some members."""
  config = small_config()
  config.population.update(vary=("super_resolution.adversarial_weight=0,0.1",))
  shape = IMAGES.shape[1:]
  assert "discriminate" in population.build_one(NAME, validate(config), shape).functions
  config.population.vary = ()
  alone = population.build_one(NAME, validate(config), shape)
  assert "discriminate" not in alone.functions


@pytest.mark.parametrize("factor", [2, 4])
def test_small_images_are_those_of_pillow(factor):
  images = np.random.default_rng(0).integers(0, 256, (4, 28, 32, 1), dtype=np.uint8)
  found = to_bytes(downscale(resident.to_model_range(images), factor))
  size = (32 // factor, 28 // factor)
  for image, small in zip(images, np.asarray(found), strict=True):
    expected = Image.fromarray(image[..., 0]).resize(size, Image.Resampling.BICUBIC)
    # but for ties in rounding
    gap = np.abs(np.asarray(expected, int) - small[..., 0])
    assert gap.max() <= 1 and gap.mean() < 0.01
  assert found.shape == (4, 28 // factor, 32 // factor, 1)


def test_a_step_moves_both_players_and_what_is_fixed_stays(adversarial):
  _, start, run, stacked, _ = adversarial
  first, second = ({k: v[i : i + 2] for k, v in stacked.items()} for i in (0, 2))
  state, metrics = run(start, first)
  assert all(np.isfinite(values).all() for values in metrics.values())
  assert changed(start.generator.params, state.generator.params) > 1e-4
  assert changed(start.discriminator.params, state.discriminator.params) > 1e-5
  assert changed(start.fixed, state.fixed) == 0
  # the average of two steps: decays .1 and 2 / 11
  gap = changed(state.ema_params, state.generator.params)
  assert 0 < gap < changed(start.generator.params, state.generator.params)
  resumed, _ = run(state, second)
  whole, _ = run(run(start, first)[0], second)
  for a, b in zip(jax.tree.leaves(resumed), jax.tree.leaves(whole), strict=True):
    assert jnp.array_equal(a, b)


def test_each_weight_is_read_from_the_state(adversarial):
  _, start, run, stacked, _ = adversarial
  one = {name: array[:1] for name, array in stacked.items()}
  _, metrics = run(start, one)
  total = sum(
    float(start.settings[f"{weight}_weight"]) * float(metrics[f"{NAME}/{term}"][0])
    for weight, term in (
      ("pixel", "pixel_error"),
      ("adversarial", "adversarial"),
      ("feature", "feature_error"),
    )
  )
  assert float(metrics[f"{NAME}/g_loss"][0]) == pytest.approx(total, rel=1e-5)
  for name in ("pixel_weight", "adversarial_weight", "feature_weight"):
    other = start.replace(settings=start.settings | {name: jnp.float32(3)})
    _, seen = run(other, one)
    norm, same = f"{NAME}/g_grad_norm", f"{NAME}/d_grad_norm"
    assert abs(seen[norm][0] / metrics[norm][0] - 1) > 1e-3, name
    assert seen[same][0] == metrics[same][0]  # the discriminator reads none of them


def test_the_classifier_is_taken_over_and_others_are_left_out(adversarial):
  phase, start, _, _, earlier = adversarial
  features = earlier["classifier"].player.params
  for name in phase.program.inherits:
    assert changed(start.fixed["features"][name], features[name]) == 0
  assert set(phase.program.inherits) == {"conv_0", "conv_1", "conv_2", "hidden"}
  plain = make_phase(NAME, validate(small_config()))
  state = plain.init({})
  assert (state.discriminator.params, state.fixed) == ({}, {})
  assert set(state.settings) == {"pixel_weight", "ema_decay"}
  assert set(plain.program.functions) == {"upscale", "downscale"}


def test_pixels_alone_are_learnt_better_than_by_interpolation(optimised):
  """Checked boards of two grey levels, which no fixed filter restores."""
  del optimised
  rng = np.random.default_rng(0)
  cells = rng.integers(0, 2, (512, 4, 4, 1), dtype=np.uint8) * 200 + 20
  images = cells.repeat(2, axis=1).repeat(2, axis=2)
  fields = dict(super_resolution__channels=8, super_resolution__steps=150)
  config = validate(small_config(**fields))
  phase = make_phase(NAME, config, np.zeros((8, 8, 1), np.float32))
  picks = rng.integers(0, 448, (150, 16))
  stacked = resident.gather(Split(images, np.zeros(512, np.int32)), picks)
  stacked["position"] = jnp.tile(jnp.arange(16), (150, 1))
  start = phase.init({})
  state, _ = jax.jit(functools.partial(run_steps, phase))(start, stacked)
  small = downscale(resident.to_model_range(images[448:]), 2)
  before, after = (
    restoration.psnr(
      np.asarray(to_bytes(phase.program.functions["upscale"](each, small))),
      images[448:],
    ).mean()
    for each in (start, state)
  )
  assert after > before + 3


@pytest.fixture(scope="module")
def sparse():
  config = validate(small_config("sae", **SPARSE))
  earlier = finished(config, "sae")
  return make_phase(NAME, config), earlier


def test_a_sparse_generator_keeps_the_decoder_that_it_takes(sparse):
  phase, earlier = sparse
  taken = earlier["sae"].player.params
  start = phase.init(earlier)
  for name in ("decoder", "sparsity"):
    assert changed(start.generator.params[name], taken[name]) == 0
  assert changed(start.fixed["autoencoder"], taken) == 0
  run = jax.jit(functools.partial(run_steps, phase))
  stacked = batches(phase, 0, 3)
  state, metrics = run(start, stacked)
  assert changed(state.generator.params["decoder"], taken["decoder"]) == 0
  encoder = start.generator.params["encoder"]
  assert changed(state.generator.params["encoder"], encoder) > 1e-4
  assert metrics[f"{NAME}/l0"][-1] == 4  # batch top-k has k on average
  assert float(state.generator.params["sparsity"]["threshold"]) > 0  # after_update
  # the encoder sees the small image: a code of as many latents, an image of full size
  made = phase.program.functions["upscale"](state, jnp.zeros((2, 2, 2, 1)))
  assert made.shape == (2, 4, 4, 1)
  free = start.replace(
    settings=start.settings | {"decoder_rate_factor": jnp.float32(1)}
  )
  moved, _ = run(free, stacked)
  assert changed(moved.generator.params["decoder"], taken["decoder"]) > 1e-4


def test_a_sparse_generator_is_judged_by_features_too():
  config = validate(
    small_config("sae", "classifier", **SPARSE, super_resolution__feature_weight=0.1)
  )
  earlier = finished(config, "sae", "classifier")
  phase = make_phase(NAME, config)
  start = phase.init(earlier)
  given = earlier["classifier"].player.params
  assert changed(start.fixed["features"]["conv_0"], given["conv_0"]) == 0
  decoder = earlier["sae"].player.params["decoder"]
  assert changed(start.generator.params["decoder"], decoder) == 0
  _, metrics = run_steps(phase, start, batches(phase, 0, 2))
  assert (metrics[f"{NAME}/feature_error"] > 0).all()


def test_the_evaluator_measures_beside_interpolation_and_the_ceiling(sparse):
  phase, earlier = sparse
  images = np.random.default_rng(1).integers(0, 256, (70, 4, 4, 1), dtype=np.uint8)
  data = EvaluationData(
    Dataset("tiny", EXAMPLES, Split(images, np.arange(70) % 10), 10), None
  )
  config = validate(small_config("sae", evaluation__num_samples=50, **SPARSE))
  evaluator = make_evaluator(config, data, local_mesh())
  state = phase.init(earlier)
  observed = evaluator.observe(state, True)
  figures = evaluator.measure(observed, True)
  assert set(figures) == {"psnr", "inconsistency"}  # too small for SSIM
  small = downscale(resident.to_model_range(images), 2)
  np.testing.assert_array_equal(observed.small, to_bytes(small))
  made = np.asarray(to_bytes(phase.program.functions["upscale"](state, small)))
  assert figures["psnr"].value == pytest.approx(restoration.psnr(made, images).mean())
  assert evaluator.controls is not None
  controls = evaluator.controls(observed)
  assert set(controls) == {"nearest", "bilinear", "bicubic", "lanczos", "autoencoder"}
  by_pillow = [
    np.asarray(Image.fromarray(x[..., 0]).resize((4, 4), Image.Resampling.LANCZOS))
    for x in observed.small
  ]
  expected = restoration.psnr(np.stack(by_pillow)[..., None], images).mean()
  assert controls["lanczos"]["psnr"].value == pytest.approx(expected, abs=0.01)
  # pixels that are repeated and averaged again are the small image
  again = controls["nearest"]["inconsistency"].value
  assert again < controls["bilinear"]["inconsistency"].value
  seen = evaluator.observe(state, False)
  assert len(seen.small) == 50 and seen.ceiling is None
  picture = evaluator.draw(seen)["upscaled"]
  assert picture.shape[1] == 16 * 58 + 2  # as many columns, of 4 times 14 pixels
  assert evaluator.protocol()["reference_samples"] == 70


@pytest.fixture(scope="module")
def run(tmp_path_factory):
  workdir = tmp_path_factory.mktemp("upscaling") / "run"
  train(workdir, tiny_upscaling_config())
  return workdir


def test_new_small_images_become_large_ones(run, tmp_path):
  small = np.random.default_rng(2).integers(0, 256, (3, 6, 6, 1), dtype=np.uint8)
  np.savez(tmp_path / "new.npz", images=small)
  said = io.StringIO()
  place = str(tmp_path / "new.npz")
  image_to_image_run(run, {}, "upscale", place, Console(said), output=tmp_path)
  assert "3 images of 12x12 pixels by super_resolution of step 10" in said.getvalue()
  with np.load(tmp_path / "upscale.npz") as stored:
    images = stored["images"]
  expected = load_run(run).function("upscale")(resident.to_model_range(small))
  np.testing.assert_array_equal(images, to_bytes(np.asarray(expected)))
  for wrong in ((1, 1, 1, 1), (1, 6, 6, 3)):  # not broadcast
    with pytest.raises(UserError, match="is not what the run takes"):
      load_run(run).upscale(np.zeros(wrong, np.float32))
  np.savez(tmp_path / "large.npz", images=np.zeros((1, 12, 10, 1), np.uint8))
  # they are cut and resized, as the data of the run were
  place = str(tmp_path / "large.npz")
  image_to_image_run(run, {}, "upscale", place, Console(said), output=tmp_path)
  np.savez(tmp_path / "rgb.npz", images=np.zeros((1, 6, 6, 3), np.uint8))
  with pytest.raises(UserError, match="6x6 pixels with 3 channels, but the run takes"):
    place = str(tmp_path / "rgb.npz")
    image_to_image_run(run, {}, "upscale", place, Console(said), output=tmp_path)


def test_a_run_is_evaluated_beside_controls(run, tmp_path):
  said = io.StringIO()
  evaluate_run(run, {}, Console(said), output=tmp_path)
  entry = read_json(tmp_path / "evaluation.json")[NAME]
  names = {"psnr", "ssim", "inconsistency", "feature_distance", "frechet"}
  assert names < set(entry["figures"])
  assert set(entry["controls"]) == {"nearest", "bilinear", "bicubic", "lanczos"}
  assert names < set(entry["controls"]["bicubic"])
  assert "lanczos" in said.getvalue()


@pytest.mark.parametrize(
  ("phases", "fields", "words"),
  [
    ((), {"feature_weight": 1.0}, "feature_weight=1.0 compares the features of a"),
    ((), {"generator": "sparse"}, "needs the decoder of an autoencoder: choose phases"),
    (
      ("sae",),
      {"generator": "sparse", "feature_weight": 1.0},
      r"choose phases=\('sae', 'classifier', 'super_resolution'\), or 0",
    ),
    ((), {"sparsity_weight": 0.1}, "sparsity_weight=0.1 is of a code, which super_res"),
    ((), {"pixel_weight": 0.0}, "pixel_weight=0 leaves no loss: set one of"),
    (("sae",), {"generator": "sparse", "sparsity_weight": 1.0}, "needs a code.penalty"),
  ],
)
def test_wrong_choices_are_refused(phases, fields, words):
  config = small_config(*phases)
  config.super_resolution.update(fields)
  config.code.penalty, config.gan.sparsity_weight = "none", 0.0
  with pytest.raises(UserError, match=words) as refusal:
    validate(config)
  assert str(refusal.value).isprintable()


def test_codes_with_places_and_data_that_do_not_fit_are_refused():
  config = small_config("sae", super_resolution__generator="sparse")
  config.sae.architecture = "convolutional"
  with pytest.raises(UserError, match="another sae.architecture than 'convolutional'"):
    validate(config)
  for images, factor, words in (
    (IMAGES, 3, "factor=3 does not divide the 4x4 pixels of tiny"),
    (np.zeros((9, 1, 1, 5), np.float32), 2, "is for images, and tiny has none"),
    (np.zeros((9, 4, 4, 1), np.float32), 2, "images of bytes, and tiny has float32"),
  ):
    split = Split(images, np.zeros(len(images), np.int32))
    config = small_config(super_resolution__factor=factor)
    with pytest.raises(UserError, match=words):
      METHOD.check_data(config, Dataset("tiny", split, split, 10))


def test_what_it_gives_is_the_average(sparse):
  phase, earlier = sparse
  state = phase.init(earlier)
  assert METHOD.gives(state)["generator"] is state.ema_params
  assert set(inherit(NAME, earlier)) == {"encoder", "sparsity", "decoder"}
  assert MEAN.shape == (4, 4, 1)
