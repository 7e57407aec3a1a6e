"""Edits of runs are measured beside each other and set against controls."""

import io
import json

import numpy as np
import pytest

from sgae.data.dataset import Split
from sgae.editing import __main__ as command
from sgae.editing import edits, figures, points
from sgae.editing.points import Reference, reference_points
from sgae.editing.trained import open_run
from sgae.reporting.console import Console
from tests.runs import tiny_config, train

RANDOM = np.random.default_rng(0)


def test_latents_of_one_class_are_purer_than_chance():
  labels = np.arange(300) % 3
  pure = np.maximum(np.eye(3)[labels] + 0.1 * RANDOM.normal(size=(300, 3)), 0)
  found = figures.purity_figures(Reference(pure, labels), 3)
  assert found["latents"].value == 1
  assert 1 / 3 < found["chance"].value < 0.7
  mixed = RANDOM.normal(size=(300, 3))
  signed = figures.purity_figures(Reference(mixed, labels), 3)
  assert signed["latents"].value < 0.7


def test_levels_are_read_off_the_curve():
  rows = [
    {"success": 0.0, "pixel_change": 0.0, "feature_change": 0.0, "touched": 0.0},
    {"success": 1.0, "pixel_change": 0.2, "feature_change": 2.0, "touched": 0.5},
  ]
  found = figures.level_figures(rows)
  assert found["success"] == 1 and found["touched"] == 0.5
  assert found["pixel_change_at_0.5"] == pytest.approx(0.1)
  assert found["feature_change_at_0.8"] == pytest.approx(1.6)


def test_a_run_is_measured_in_both_spaces(whole_run, tmp_path):
  asked = [f"tiny={whole_run},{whole_run}", f"--output={tmp_path}"]
  assert command.main([*asked, "--samples=6", "--inverted=2"]) == 0
  stored = json.loads((tmp_path / "editing.json").read_text())
  assert list(stored) == ["tiny code", "tiny latent"]
  for found in stored.values():
    for rows in found["edits"].values():
      assert len(rows) == len(figures.STRENGTHS)
      # strength 0 is no edit, and no sample is edited towards its own class
      assert set(rows[0].values()) == {0}
    assert found["stability"] == pytest.approx(1)  # of a run with itself
  few, whole = (stored["tiny code"]["edits"][way][-1] for way in ("few", "class"))
  assert 0 < few["touched"] <= 10 / 24 + 1e-6 and few["touched"] < whole["touched"]
  assert (tmp_path / "editing.png").read_bytes().startswith(b"\x89PNG")
  assert command.main(["none=/no/run"]) == 2


def test_samples_of_one_class_are_edited_towards_the_others(whole_run, tmp_path):
  trained = open_run(whole_run, {}, "code", Console(io.StringIO()), -1, tmp_path)
  found = figures.edit_figures(trained, reference_points(trained), 1)
  assert len(found["class"]) == len(figures.STRENGTHS)


def test_what_cannot_be_measured_is_one_line(whole_run, tmp_path, monkeypatch, capsys):
  asked = [f"tiny={whole_run}", f"--output={tmp_path}"]
  for flag in ("samples", "inverted"):
    assert command.main([*asked, f"--{flag}=0"]) == 2
    assert f"--{flag}=0 is too small" in capsys.readouterr().err
  # as of features of rotations, which name no classes
  monkeypatch.setattr(command, "make_classes", lambda trained: None)
  assert command.main(asked) == 2
  assert "evaluation.features='labels'" in capsys.readouterr().err


@pytest.mark.parametrize(
  ("entries", "words"),
  [
    (["runs/edit"], "'runs/edit' is not allowed: write NAME=RUN"),
    (["a=x,"], "'a=x,' is not allowed: write NAME=RUN"),
    (["a=x", "a=y"], "a= is given twice: write its runs once"),
  ],
)
def test_names_and_runs_that_cannot_be_read_are_one_line(entries, words, capsys):
  assert command.main(entries) == 2
  assert words in capsys.readouterr().err


def test_a_member_that_diverged_is_left_out(tmp_path, capsys):
  config = tiny_config(gan__loss="wasserstein")
  rate = "gan.generator_optimizer.learning_rate=0.001,1e38"
  config.population.vary = (rate,)
  train(tmp_path / "run", config)
  asked = [f"tiny={tmp_path / 'run'}", f"--output={tmp_path}"]
  assert command.main([*asked, "--samples=6", "--inverted=2"]) == 0
  assert capsys.readouterr().out.count("member 1 diverged, and is left out") == 1
  stored = json.loads((tmp_path / "editing.json").read_text())
  assert list(stored) == ["tiny code", "tiny latent"]
  assert "stability" not in stored["tiny code"]


def test_effects_are_the_atoms_of_a_linear_decoder(whole_run, tmp_path):
  trained = open_run(whole_run, {}, "code", Console(io.StringIO()), -1, tmp_path)
  reference = reference_points(trained)
  # in place of the decoder, two atoms
  atoms = np.zeros((24, 64), np.float32)
  atoms[3, 5], atoms[4, 6] = 2, -1

  def images(states, points):
    del states
    return (points @ atoms).reshape(-1, 8, 8, 1)

  linear = trained._replace(space=trained.space._replace(images=images))
  found = figures.effects(linear, reference)
  used = np.flatnonzero(reference.points.std(axis=0))
  spread = reference.points.std(axis=0)[used]
  np.testing.assert_allclose(found, spread[:, None] * atoms[used], atol=1e-4)


def test_projections_keep_what_they_say(whole_run, tmp_path):
  trained = open_run(whole_run, {}, "code", Console(io.StringIO()), -1, tmp_path)
  reference = reference_points(trained)
  ways = figures.directions(trained, reference)
  points, own = reference.points[:9], np.asarray(reference.classes)[:9]
  changes = {name: way(points, own, 4) for name, way in ways.items()}
  norms = {
    name: np.linalg.norm(change, axis=1).sum() for name, change in changes.items()
  }
  assert norms["principal"] < norms["principals"] < norms["class"]
  assert norms["random"] == pytest.approx(norms["class"], rel=1e-5)
  axes = edits.principal(reference.points, 10).directions
  rest = changes["class"] - changes["principals"]
  np.testing.assert_allclose(rest @ axes.T, 0, atol=1e-4)


def test_classes_and_directions_are_of_all_of_sorted_data(
  whole_run, tmp_path, monkeypatch
):
  trained = open_run(whole_run, {}, "code", Console(io.StringIO()), -1, tmp_path)
  data, train = trained.data.dataset, trained.data.dataset.train
  by_class = np.argsort(train.labels, kind="stable")
  ordered = Split(train.images[by_class], train.labels[by_class])
  monkeypatch.setattr(trained.data, "dataset", data._replace(train=ordered))
  monkeypatch.setattr(points, "REFERENCE", 100)
  reference = reference_points(trained)
  assert 50 < len(reference.points) <= 100
  assert set(np.asarray(reference.classes)) == set(range(10))
