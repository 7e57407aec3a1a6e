"""A method is what its folder defines: one written here works in all modes.

It is trained, resumed, evaluated, drawn and sampled by the code that launch.py runs,
which knows it only by its entry in `METHODS`.
"""

import io
import json
from unittest import mock

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import struct

from configs import base
from sgae.config import validate
from sgae.data import resident
from sgae.errors import StoppedBySignal, UserError
from sgae.evaluation.evaluate import evaluate_run
from sgae.evaluation.measures.estimate import mean_estimate
from sgae.evaluation.sample import sample_run
from sgae.methods import METHODS
from sgae.methods.config_fields import cadence_fields
from sgae.methods.method import Evaluator, Method, Program, Sampling
from sgae.reporting import pictures
from sgae.reporting.console import Console
from sgae.reporting.contents import MethodReport
from sgae.training import run
from tests.runs import stopping_console, timeless
from tests.systems import saved

# The method, in 30 lines: it moves an image towards the mean of the data, at a rate.


class MeanState(struct.PyTreeNode):
  step: jax.Array
  image: jax.Array
  settings: dict[str, jax.Array]
  key: jax.Array


def build(config, image_shape, mean_image=None):
  settings = {"rate": config.mean.rate}

  def init(key, settings=settings, inherited=None):
    settings = {name: jnp.float32(value) for name, value in settings.items()}
    return MeanState(jnp.int32(0), jnp.zeros(image_shape), settings, key)

  def step(state, batch, *, axis=None):
    error = batch["image"].mean(axis=0) - state.image
    image = state.image + state.settings["rate"] * error
    return state.replace(step=state.step + 1, image=image), {
      "mean/error": (error**2).mean()
    }

  def generate(state, latents):
    return jnp.tile(state.image, (len(latents), 1, 1, 1))

  sampling = Sampling((1,), lambda state, key, at: jnp.zeros((len(at), 1)), generate)
  functions = {"generate": lambda state, latents: state.image}
  batch_shape = (config.mean.batch_size,)
  return Program(
    batch_shape, settings, init, step, ("mean/error",), functions, sampling
  )


def make_evaluator(config, data, mesh):
  test = np.asarray(resident.to_model_range(data.dataset.test.images))
  return Evaluator(
    observe=lambda state, full: np.asarray(state.image),
    measure=lambda image, full: {
      "error": mean_estimate(((test - image) ** 2).mean((1, 2, 3)))
    },
    draw=lambda image: {"mean": pictures.grid(image[None], 1)},
    detail=lambda image: {},
    protocol=lambda: {"reference_samples": len(test)},
  )


METHOD = Method(
  title="Mean image",
  sections={"mean": lambda: {"rate": 0.1, "batch_size": 16, **cadence_fields(20)}},
  uses=lambda config: ("mean",),
  check=lambda config: None,
  inputs=lambda config: ("image",),
  build=build,
  evaluate=make_evaluator,
  report=MethodReport("Mean image"),
  warnings=(),
  gives=lambda state: {"image": state.image},
  selects_by="mean/error",
  generates=True,
)


@pytest.fixture(autouse=True)
def table():
  with mock.patch.dict(METHODS, mean=METHOD):
    yield


def toy_config(**fields):
  config = base.get_config(("mean",), also=("classifier",))
  config.classifier.update(steps=10, log_every=10, channels=(4, 4, 4))
  config.evaluation.update(final_samples=100, controls=False)
  config.mean.update(log_every=5, evaluate_every=10, save_every=10)
  config.mean.update(fields)
  return config


def train(workdir, config, console=None):
  run.train(validate(config), workdir, console or Console(io.StringIO()))


def test_it_can_be_trained_resumed_evaluated_and_sampled(tmp_path):
  whole, parts = tmp_path / "whole", tmp_path / "parts"
  train(whole, toy_config())
  with pytest.raises(StoppedBySignal):
    train(parts, toy_config(), stopping_console(2))
  train(parts, toy_config())
  (step, arrays), (_, expected) = saved(parts, "mean"), saved(whole, "mean")
  assert step == 20
  assert all((a == b).all() for a, b in zip(arrays, expected, strict=True))
  assert timeless(parts) == timeless(whole)
  losses = [r["mean/error"] for r in timeless(whole) if "mean/error" in r]
  assert losses[-1] < losses[0]

  output = io.StringIO()
  evaluate_run(whole, {}, Console(output))
  figures = json.loads((whole / "evaluation.json").read_text())["mean"]["figures"]
  assert 0 < figures["error"]["value"] < 1
  assert "mean, step 20" in output.getvalue()
  assert (whole / "images" / "mean_mean_000020.png").exists()
  assert "Mean image" in (whole / "report.html").read_text()
  sample_run(whole, {}, 3, "npz", Console(io.StringIO()))
  with np.load(whole / "samples" / "samples.npz") as stored:
    assert stored["arr_0"].shape == (3, 8, 8, 3)


def test_its_fields_are_checked_like_all_others(tmp_path):
  config = toy_config()
  with pytest.raises(AttributeError, match="ratee"):
    config.mean.ratee = 1.0
  train(tmp_path / "run", config)
  with pytest.raises(UserError, match="mean.rate: 0.1 -> 0.2"):
    train(tmp_path / "run", toy_config(rate=0.2))
  train(tmp_path / "run", toy_config(steps=30))
  METHODS["mean"] = METHOD._replace(inputs=lambda config: ("a", "b"))
  with pytest.raises(UserError, match="needs 'a' of each example"):
    train(tmp_path / "other", toy_config())
