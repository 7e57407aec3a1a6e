"""The loop: resuming after a stop, other experiments, divergence; in one process."""

import io
import json
from contextlib import contextmanager

import numpy as np
import orbax.checkpoint as ocp
import pytest

from sgae.data.placement import choose
from sgae.errors import StoppedBySignal, TrainingDiverged, UserError
from sgae.evaluation.evaluate import evaluate_run
from sgae.evaluation.sample import sample_run
from sgae.methods import METHODS
from sgae.reporting.console import Console
from sgae.reporting.metrics import read_metrics
from sgae.runs import directory
from sgae.training import batches
from tests.runs import (
  CALLS,
  copy_of,
  stopping_console,
  timeless,
  tiny_config,
  train,
)
from tests.systems import saved

REWRITTEN = ("config.json", "metrics.jsonl", "report.html")  # by every start


def test_a_run_that_is_stopped_often_ends_in_the_same_bits(tmp_path, whole_run):
  workdir, stops = tmp_path / "run", []
  for _ in range(5):
    try:
      train(workdir, console=stopping_console(1))
    except StoppedBySignal as stopped:
      assert stopped.exit_code == 143
      stops.append(str(stopped).split(",")[0])
  # a report comes one call late, so each start does two calls
  assert stops == [
    "stopped by SIGTERM at sae step 10",
    "stopped by SIGTERM at gan step 0",
    "stopped by SIGTERM at gan step 10",
    "stopped by SIGTERM after the last step",
  ]
  for phase in ("sae", "gan"):
    step, arrays = saved(workdir, phase)
    expected_step, expected = saved(whole_run, phase)
    assert step == expected_step == 5 * CALLS
    assert all((a == b).all() for a, b in zip(arrays, expected, strict=True))
  assert timeless(workdir) == timeless(whole_run)


@pytest.mark.parametrize("reports", [2, CALLS + 1])
def test_a_stop_is_followed_by_the_same_bits(tmp_path, whole_run, reports):
  workdir = tmp_path / "run"
  with pytest.raises(StoppedBySignal, match="SIGTERM"):
    train(workdir, console=stopping_console(reports))
  train(workdir)
  for phase in ("sae", "gan"):
    expected, arrays = saved(whole_run, phase)[1], saved(workdir, phase)[1]
    assert all((a == b).all() for a, b in zip(arrays, expected, strict=True))


def test_streamed_and_resident_images_give_the_same_bits(tmp_path, whole_run):
  workdir = tmp_path / "run"
  config = tiny_config(data__placement="streamed")
  with pytest.raises(StoppedBySignal):
    train(workdir, config, stopping_console(CALLS + 1))
  train(workdir, config)
  for phase in ("sae", "gan"):
    expected, arrays = saved(whole_run, phase)[1], saved(workdir, phase)[1]
    assert all((a == b).all() for a, b in zip(arrays, expected, strict=True))


def test_images_are_resident_up_to_a_quarter_of_the_memory():
  assert choose("auto", 25, 100).resident
  assert not choose("auto", 26, 100).resident
  assert choose("resident", 1000, 100).resident
  assert not choose("streamed", 1, 100).resident


def test_profile_leaves_a_trace_of_each_phase(tmp_path):
  train(tmp_path / "run", tiny_config(profile__steps=5))
  for phase in ("sae", "gan"):
    traces = list((tmp_path / "run" / "profile" / phase).rglob("*.xplane.pb"))
    assert len(traces) == 1
    assert traces[0].stat().st_size > 0


def test_checkpoints_in_another_directory(tmp_path, whole_run):
  elsewhere = tmp_path / "elsewhere"
  config = tiny_config(checkpoint__directory=str(elsewhere))
  with pytest.raises(StoppedBySignal):
    train(tmp_path / "run", config, stopping_console(CALLS + 1))
  train(tmp_path / "run", config)
  assert not (tmp_path / "run" / "gan").exists()
  expected, arrays = saved(whole_run, "gan")[1], saved(elsewhere, "gan")[1]
  assert all((a == b).all() for a, b in zip(arrays, expected, strict=True))
  sample_run(tmp_path / "run", {}, 2, "npz", Console(io.StringIO()))
  # without it on resume, or with it in another run: refused, not started again
  with pytest.raises(UserError, match="holds another experiment .checkpoint.directory"):
    train(tmp_path / "run")
  with pytest.raises(UserError, match="holds checkpoints of another run than"):
    train(tmp_path / "other", config)


def test_a_finished_run_is_not_changed(whole_run):
  before = {
    path: path.stat().st_mtime_ns
    for path in whole_run.rglob("*")
    if path.is_file() and path.name not in REWRITTEN
  }
  stream = io.StringIO()
  train(whole_run, console=Console(stream))
  assert "sae: all 20 steps are done" in stream.getvalue()
  assert "gan: all 20 steps are done" in stream.getvalue()
  after = {path: path.stat().st_mtime_ns for path in before}
  assert before == after


def test_a_finished_run_is_evaluated_by_another_protocol(tmp_path, whole_run):
  workdir, stream = copy_of(whole_run, tmp_path / "run"), io.StringIO()
  train(workdir, tiny_config(evaluation__final_samples=50), Console(stream))
  assert "gan, step 20: " in stream.getvalue()
  assert "sae, step 20: " not in stream.getvalue()
  stored = json.loads((workdir / "evaluation.json").read_text())
  assert stored["gan"]["protocol"]["samples"] == 50


def test_evaluation_and_samples_need_only_the_directory(tmp_path, whole_run):
  console = Console(io.StringIO())
  evaluate_run(whole_run, {}, console)
  results = json.loads((whole_run / "evaluation.json").read_text())
  assert results["sae"]["step"] == results["gan"]["step"] == 20
  assert 0 < results["sae"]["figures"]["fvu"]["value"] < 1.5
  sample_run(whole_run, {}, 7, "npz", console)
  with np.load(whole_run / "samples" / "samples.npz") as stored:
    seven = stored["arr_0"]
  assert (seven.shape, seven.dtype) == ((7, 8, 8, 3), np.uint8)
  sample_run(whole_run, {}, 3, "npz", console)
  with np.load(whole_run / "samples" / "samples.npz") as stored:
    np.testing.assert_array_equal(stored["arr_0"], seven[:3])


def test_evaluating_twice_gives_the_same_figures_to_the_last_digit(whole_run):
  first = json.loads((whole_run / "evaluation.json").read_text())
  evaluate_run(whole_run, {}, Console(io.StringIO()))
  assert json.loads((whole_run / "evaluation.json").read_text()) == first
  gan = first["gan"]
  assert gan["protocol"]["samples"] == 100
  assert gan["images_seen"] == 2 * 20 * 16  # the autoencoder's are counted as well
  assert set(gan["floor"]) == set(gan["figures"]) - {"copies", "neighbour_ratio"}
  assert gan["floor"]["frechet"]["value"] < gan["figures"]["frechet"]["value"]


def test_the_state_with_the_least_frechet_distance_is_kept_and_shown(tmp_path):
  config = tiny_config(evaluation__keep_best=True, gan__evaluate_every=5)
  config.gan.generator_optimizer.learning_rate = 0.3  # so that the last is not the best
  train(tmp_path / "run", config)
  distances = {
    record["step"]: record["gan/frechet"]
    for record in read_metrics(tmp_path / "run")
    if "gan/frechet" in record
  }
  assert list(distances) == [0, 5, 10, 15, 20]
  best = min(distances, key=lambda step: distances[step])
  assert best < 20
  measured = json.loads((tmp_path / "run" / "evaluation.json").read_text())
  assert measured["gan"]["step"] == best
  stream = io.StringIO()
  sample_run(tmp_path / "run", {}, 2, "npz", Console(stream))
  assert f"2 samples of step {best}:" in stream.getvalue()


def test_images_without_labels_have_a_best_state(tmp_path):
  images = np.random.default_rng(0).integers(0, 256, (60, 8, 8, 1), np.uint8)
  np.savez(tmp_path / "images.npz", images)
  config = tiny_config(evaluation__keep_best=True, gan__evaluate_every=5)
  config.data.update(source="npz", path=str(tmp_path / "images.npz"))
  config.phases = ("gan",)
  config.gan.generator_optimizer.learning_rate = 0.3
  train(tmp_path / "run", config)
  distances = {
    record["step"]: record["gan/frechet"]
    for record in read_metrics(tmp_path / "run")
    if "gan/frechet" in record
  }
  assert list(distances) == [0, 5, 10, 15, 20]
  entry = json.loads((tmp_path / "run" / "evaluation.json").read_text())["gan"]
  assert entry["step"] == min(distances, key=lambda step: distances[step])
  assert entry["protocol"]["features_task"] == "rotation"
  assert not entry["figures"].keys() & {"classes_covered", "class_kl"}
  assert {"frechet", "recall", "coverage", "copies"} <= entry["figures"].keys()
  assert (
    "rotation features of the network" in (tmp_path / "run" / "report.html").read_text()
  )

  config.evaluation.features = "labels"
  with pytest.raises(UserError, match="evaluation.features: auto -> labels"):
    train(tmp_path / "run", config)
  with np.load(tmp_path / "images.npz") as stored:
    np.savez(tmp_path / "images.npz", x_train=stored["arr_0"], x_test=images[:1])
  with pytest.raises(UserError, match="evaluation.keep_best=True .* has 1: give"):
    train(tmp_path / "other", config)


def test_a_phase_ends_when_evaluations_no_longer_get_better(tmp_path):
  config = tiny_config(evaluation__patience=2, gan__evaluate_every=5)
  config.gan.generator_optimizer.learning_rate = 0.0
  train(tmp_path / "run", config)
  assert saved(tmp_path / "run", "gan")[0] == 10
  stream = io.StringIO()
  train(tmp_path / "run", config, Console(stream))
  assert "gan: stopped at step 10 by evaluation.patience" in stream.getvalue()
  assert saved(tmp_path / "run", "gan")[0] == 10


def test_a_second_process_is_refused_while_the_first_trains(tmp_path):
  with (
    directory.claimed(tmp_path, tiny_config(), leader=True),
    pytest.raises(UserError, match="another process trains"),
  ):
    train(tmp_path)
  train(tmp_path)


def test_data_of_another_shape_are_refused(tmp_path, whole_run):
  workdir = copy_of(whole_run, tmp_path / "run")
  record = json.loads((workdir / "config.json").read_text())
  record["image_shape"] = [9, 8, 1]
  (workdir / "config.json").write_text(json.dumps(record))
  with pytest.raises(UserError, match=r"\(8, 8, 1\), but .* \(9, 8, 1\)"):
    train(workdir)


def test_inspection_allows_changes_of_paths_and_nothing_else(whole_run):
  console = Console(io.StringIO())
  evaluate_run(whole_run, {"parallel.devices": 1}, console)
  with pytest.raises(UserError, match="--config.code.k has no effect"):
    evaluate_run(whole_run, {"code.k": 3}, console)
  with pytest.raises(UserError, match="--config.parallel.mode has no effect"):
    evaluate_run(whole_run, {"parallel.mode": "pmap"}, console)


def test_a_full_disk_is_one_line(tmp_path, whole_run, monkeypatch):
  def full(*_, **__):
    raise ValueError("RESOURCE_EXHAUSTED: No space left on device")

  monkeypatch.setattr(ocp.CheckpointManager, "save", full)
  with pytest.raises(UserError, match=r"cannot save to .*No space left"):
    train(tmp_path / "run")


def test_a_directory_with_other_files_is_refused_and_kept(tmp_path):
  (tmp_path / "thesis.txt").write_text("mine")
  with pytest.raises(UserError, match="thesis.txt"):
    train(tmp_path)
  assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_missing_data_leave_no_directory_behind(tmp_path):
  config = tiny_config()
  config.data.update(source="tfds", name="mnist", directory=str(tmp_path / "none"))
  config.data.name = "no_such_dataset"
  with pytest.raises(UserError):
    train(tmp_path / "run", config)
  assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
  "text",
  [
    "",
    "{",
    "5",
    '{"config": {}}',
    '{"config": 1, "environments": [], "image_shape": [8, 8, 1]}',
  ],
)
def test_a_damaged_config_json_is_named(tmp_path, text):
  (tmp_path / "config.json").write_text(text)
  with pytest.raises(UserError, match=r"config\.json is damaged"):
    train(tmp_path)


@contextmanager
def infinite_loss(name):
  """Makes every step of a phase report an infinite loss."""
  method = METHODS[name]

  def poisoned(*args):
    program = method.build(*args)

    def step(state, batch, *, axis=None):
      state, metrics = program.step(state, batch, axis=axis)
      return state, metrics | {"gan/d_loss": metrics["gan/d_loss"] * np.inf}

    return program._replace(step=step)

  METHODS[name] = method._replace(build=poisoned)
  try:
    yield
  finally:
    METHODS[name] = method


def test_divergence_names_the_metric_and_keeps_the_last_good_checkpoint(tmp_path):
  config = tiny_config(gan__steps=10)
  train(tmp_path / "run", config)
  step, before = saved(tmp_path / "run", "gan")
  assert step == 10
  with pytest.raises(TrainingDiverged) as diverged, infinite_loss("gan"):
    train(tmp_path / "run")
  assert diverged.value.exit_code == 3
  assert "gan diverged at step 11: gan/d_loss became inf" in str(diverged.value)
  assert "step 10 is kept" in str(diverged.value)
  step, after = saved(tmp_path / "run", "gan")
  assert step == 10
  assert all((a == b).all() for a, b in zip(before, after, strict=True))


def test_a_state_whose_outputs_overflow_is_evaluated(tmp_path):
  """The update of the last step, whose metrics no step looks at any more."""
  config = tiny_config()
  config.phases = ("sae",)
  config.sae.update(steps=1, log_every=1, evaluate_every=1, save_every=1)
  config.sae.optimizer.learning_rate = 1e38
  train(tmp_path / "run", config)
  stored = json.loads((tmp_path / "run" / "evaluation.json").read_text())
  assert stored["sae"]["figures"]["mse"]["value"] is None
  assert stored["sae"]["figures"]["probe_error"]["value"] is None


def test_batches_that_the_devices_do_not_divide_are_refused():
  with pytest.raises(UserError, match="sae.batch_size=16 is not divisible by 3"):
    batches.check_batches(tiny_config(), 3)
  with pytest.raises(UserError, match="8 devices x train.microbatches=4"):
    batches.check_batches(tiny_config(train__microbatches=4), 8)
  batches.check_batches(tiny_config(train__microbatches=2), 8)


def test_a_batch_larger_than_the_data_is_refused(tmp_path):
  with pytest.raises(UserError, match="gan.batch_size=4096 is more than the 1"):
    train(tmp_path / "run", tiny_config(gan__batch_size=4096))
