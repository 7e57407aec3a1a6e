"""Comparing runs: hand-computed tables from run directories made for the purpose."""

import io
import json
import re
from pathlib import Path

import numpy as np
import pytest
from ml_collections import ConfigDict
from PIL import Image

from sgae.errors import UserError
from sgae.reporting.comparison import describe
from sgae.reporting.console import Console
from sgae.runs import compare as comparison
from sgae.runs import directory
from sgae.runs.compare_directories import compare_runs
from tests.commands import forked
from tests.comparison_runs import (
  SELECTS_BY,
  compare,
  config_of,
  evaluation_of,
  run_of,
  two_groups,
  with_images,
)
from tests.systems import launch

ROOT = Path(__file__).parents[1]


def test_groups_are_seeds_of_one_experiment_and_named_by_what_differs():
  groups = compare(two_groups(), 0)["groups"]
  assert [(g["name"], g["runs"], g["seeds"]) for g in groups] == [
    ("phases=('gan',)", ["a", "b"], [0, 1]),
    ("phases=('sae', 'gan')", ["c"], [0]),
  ]
  # what a resume may change and where checkpoints lie make no other experiment,
  # the length of a phase that was run does
  places = ConfigDict({"directory": "gs://here", "keep": 7})
  same = run_of("d", [9.0], seed=2, parallel__mode="pmap", checkpoint=places)
  longer = run_of("e", [9.0], seed=3, gan__steps=4000)
  idle = run_of("f", [9.0], seed=4, sae__steps=50)
  groups = compare([run_of("a", [9.0]), same, longer, idle], 0)["groups"]
  assert [(g["name"], g["seeds"]) for g in groups] == [
    ("gan.steps=2000", [0, 2, 4]),
    ("gan.steps=4000", [3]),
  ]


def test_groups_that_few_fields_do_not_tell_apart_have_their_first_runs_name():
  both = ("sae", "gan")
  runs = [
    run_of("a", [9.0]),
    run_of("b", [9.0], phases=both, sae__steps=100),
    run_of("c", [9.0], phases=both, sae__steps=200),
    run_of("d", [9.0], gan__batch_size=2, gan__latent_dim=2, gan__loss="hinge"),
    run_of("e", [9.0], gan__generator_hidden=(8,), code__k=2, code__rho=0.1, seed=1),
    run_of(
      "f", [9.0], gan__batch_size=2, gan__latent_dim=2, gan__loss="hinge", code__k=2
    ),
  ]
  assert [group["name"] for group in compare(runs, 0)["groups"]] == [
    "a",  # the others change seven of its fields
    "b",
    "c",
    "gan.batch_size=2, gan.latent_dim=2, gan.loss='hinge'",
    "code.k=2, code.rho=0.1, gan.generator_hidden=(8,)",
    "f",
  ]
  assert [g["name"] for g in compare(runs[:1], 0)["groups"]] == ["a"]


def test_figures_have_mean_and_standard_deviation_over_seeds():
  baseline, pretrained = compare(two_groups(), 0)["groups"]
  # 10 and 14: mean 12, deviations of 2, sqrt(8 / (2 - 1))
  assert baseline["figures"]["gan"]["frechet"] == {
    "mean": 12.0,
    "spread": pytest.approx(8**0.5),
    "n": 2,
  }
  assert pretrained["figures"]["gan"]["frechet"] == {
    "mean": 6.0,
    "spread": None,
    "n": 1,
  }


@pytest.mark.parametrize(
  "field", ["samples", "importance_samples", "importance_examples", "test_labels"]
)
def test_figures_of_different_protocols_are_refused(field):
  runs = [run_of("a", [9.0], seed=0), run_of("b", [9.0], seed=1)]
  runs[1].evaluation["gan"]["protocol"][field] = 7
  with pytest.raises(UserError, match="b with 7: evaluate both with the same") as one:
    compare(runs, 0)
  assert f"a was evaluated with {field}=" in str(one.value)


def test_images_and_seconds_to_a_target_count_the_phases_before():
  baseline, pretrained = compare(two_groups(), 20.0)["groups"]
  # a: 20 at 1,000 images; b: from 40 to 14, 20/26 of the way from 1,000 to 2,000
  images_a, images_b = 1000.0, 1000 + 1000 * 20 / 26
  assert baseline["images_to_target"] == {
    "mean": pytest.approx((images_a + images_b) / 2),
    "spread": pytest.approx((images_b - images_a) / 2**0.5),
    "n": 2,
    "reached": 2,
  }
  # c: from 60 to 12, 40/48 of the way from 0 to 1,000 images or 0 to 200 s, after
  # 1,000 images and 10 s of pretraining
  assert pretrained["images_to_target"]["mean"] == pytest.approx(1000 + 1000 * 40 / 48)
  assert pretrained["seconds_to_target"]["mean"] == pytest.approx(10 + 200 * 40 / 48)


def test_a_target_that_some_never_reach_is_counted():
  baseline, pretrained = compare(two_groups(), 12.0)["groups"]
  assert baseline["images_to_target"]["reached"] == 1
  assert baseline["images_to_target"]["mean"] == pytest.approx(1800.0)
  assert pretrained["images_to_target"] == {
    "mean": 2000.0,  # exactly at an evaluation
    "spread": None,
    "n": 1,
    "reached": 1,
  }
  text = "\n".join(describe(compare(two_groups(), 12.0)))
  assert "1,800 +- - (1 of 2)" in text
  assert "not reached (0 of 2)" in "\n".join(describe(compare(two_groups(), 7.0)))


def test_the_usual_target_is_the_worst_groups_best_mean():
  # means of the baseline: 100, 30, 12; lowest of the other: 6
  for runs in (two_groups(), two_groups()[::-1]):
    assert compare(runs, 0)["target"] == 12.0
  # also where the best is not the last
  assert compare([run_of("a", [9.0, 3.0, 5.0])], 0)["target"] == 3.0


def test_runs_are_compared_where_all_of_them_have_come():
  result = compare(two_groups(), 0)
  # baseline ends at 2,000 images and 200 s, the other at 4,000 and 610
  assert (result["same_images_at"], result["same_seconds_at"]) == (2000.0, 200.0)
  baseline, pretrained = result["groups"]
  assert baseline["same_images"]["mean"] == 12.0
  assert pretrained["same_images"]["mean"] == 12.0  # its step 100
  # at 200 s, 190 of its 200 s between 60 and 12
  assert pretrained["same_seconds"]["mean"] == pytest.approx(60 - 48 * 190 / 200)
  # a run that begins after the others end is not known there
  late = run_of("d", [50.0, 5.0], phases=("sae", "gan"), seed=1)
  short = run_of("e", [50.0, 20.0], gan__steps=3000)
  short = with_images(short, 2, 900)
  late_group, short_group = compare([late, short], 0)["groups"]
  assert late_group["same_images"] == {"mean": None, "spread": None, "n": 0}
  assert short_group["same_images"]["mean"] == 20.0


def test_curves_are_means_where_all_seeds_are_known():
  runs = two_groups()[:2]
  runs[1] = with_images(runs[1], 2, 500)  # its second evaluation
  (group,) = compare(runs, 0)["groups"]
  curve = group["curves"]["images"]
  assert curve["x"] == [0.0, 500.0, 1000.0, 2000.0]
  # a: 100, 60, 20, 10; b: 100, 40, and a third of the way to 14, 14
  assert curve["mean"] == pytest.approx([100.0, 50.0, (20 + 40 - 26 / 3) / 2, 12.0])
  assert curve["spread"][1] == pytest.approx(20 / 2**0.5)


def test_runs_without_distances_are_compared_by_their_figures():
  runs = [run_of("a", [], seed=0), run_of("b", [], seed=1)]
  result = compare(runs, 0)
  assert result["target"] is None
  text = "\n".join(describe(result))
  assert "1 +- 0 (2)" in text
  assert "nothing over images and time" in text
  assert "nothing over images and time" in "\n".join(describe(compare(runs, 4.0)))
  json.dumps(result, allow_nan=False)
  # beside runs that have some, they did not reach anything
  mixed = [*runs[:1], run_of("c", [9.0, 3.0], seed=1)]
  (group,) = compare(mixed, 4.0)["groups"]
  assert (group["images_to_target"]["reached"], len(group["runs"])) == (1, 2)


def test_floor_and_controls_stand_beneath():
  first, second = two_groups()[:2]
  floor = {"frechet": {"value": 1.5, "error": 0.05}}
  controls = {"AE + mixture": {"frechet": {"value": 9.25, "error": None}}}
  second = second._replace(evaluation=evaluation_of(14.0, floor=floor))
  third = run_of("d", [3.0], seed=5)
  # a floor belongs to the data set: the first run that has one gives it
  later = {"frechet": {"value": 1.7, "error": 0.05}}
  third = third._replace(evaluation=evaluation_of(3.0, controls=controls, floor=later))
  lines = describe(compare([first, second, third], 0))
  table = lines[lines.index("") + 1 :]
  rows = [re.split(r"\s{2,}", line) for line in table[:4]]
  assert rows[0] == ["gan", "seeds", "frechet", "recall"]
  assert rows[1] == ["a", "3", "9 +- 5.57 (3)", "0.5 +- 0 (3)"]
  assert rows[2] == ["floor (real images)", "1.5 (0.05)", "-"]
  assert rows[3] == ["AE + mixture", "9.25", "-"]


def test_another_method_is_followed_by_its_own_measure():
  def flow_run(name, distances, seed):
    run = run_of(name, [5.0], phases=("sae", "gan"), seed=seed)
    config = {**run.config, "flow": {"steps": 300}}
    config["phases"] = ["sae", "gan", "flow"]
    records = [record for record in run.records if "gan/frechet" not in record]
    for step, distance in enumerate(distances):
      records.append(
        {
          "phase": "flow",
          "step": step,
          "images_seen": 10 * step,
          "seconds": float(step),
          "flow/test_bits": distance,
        }
      )
    figures = {"bits": {"value": distances[-1]}}
    evaluation = {"flow": {"figures": figures}, **run.evaluation}
    return run._replace(config=config, records=records, evaluation=evaluation)

  runs = [flow_run("a", [9.0, 5.0], 0), flow_run("b", [7.0, 3.0], 1)]
  runs.append(run_of("c", [1.0], seed=2))  # which has no curve: another measure
  selects_by = SELECTS_BY | {"flow": "flow/test_bits"}
  result = comparison.compare(runs, 0, selects_by)
  assert (result["measure"], result["phases"]) == ("test_bits", ["gan", "flow"])
  curve = result["groups"][0]["curves"]["images"]
  assert (curve["x"], curve["mean"]) == ([1000.0, 1010.0], [8.0, 4.0])
  assert result["groups"][1]["curves"]["images"]["x"] == []
  text = "\n".join(describe(result))
  assert "to a test bits" in text and re.search(r"^flow +seeds +bits$", text, re.M)
  # the length of a phase makes another experiment, whatever the method
  longer = runs[1]._replace(config={**runs[1].config, "flow": {"steps": 9}})
  groups = comparison.compare([runs[0], longer], 0, selects_by)["groups"]
  assert [group["name"] for group in groups] == ["flow.steps=300", "flow.steps=9"]


@pytest.mark.parametrize(
  ("second", "words"),
  [
    (run_of("b", [9.0]), "same run"),
    (run_of("b", [9.0])._replace(image_shape=[8, 8, 1]), "digits 8x8x1"),
    (
      run_of("b", [9.0], data__source="tfds", seed=1),
      "a was trained on digits 16x16x1",
    ),
    (
      run_of("b", [9.0], seed=1)._replace(evaluation={"gan": {"step": 1}}),
      "no figures",
    ),
    (
      run_of("b", [9.0], seed=1)._replace(
        evaluation=evaluation_of(1.0, protocol={"samples": 500})
      ),
      "samples=1000, b with 500",
    ),
  ],
)
def test_what_cannot_be_compared_is_refused(second, words):
  with pytest.raises(UserError, match=re.escape(words)) as refusal:
    compare([run_of("a", [9.0]), second], 0)
  assert "\n" not in str(refusal.value)


def of_bytes(run, digest):
  counts = {"train": [9, 16, 16, 1], "test": [2, 16, 16, 1], "num_classes": 3}
  return run._replace(data=counts | {"sha256": digest})


def test_data_are_the_same_where_their_bytes_are():
  one, again, moved = (
    run_of("ab"[seed], [9.0], data__source="npz", data__path=path, seed=seed)
    for seed, path in ((0, "/a.npz"), (1, "/a.npz"), (1, "/b.npz"))
  )
  one, moved = of_bytes(one, "1"), of_bytes(moved, "1")
  assert len(compare([one, moved], 0)["groups"]) == 1
  with pytest.raises(UserError, match="were trained on other images under one name"):
    compare([one, of_bytes(again, "2")], 0)
  with pytest.raises(UserError, match="compare runs on the same data"):
    compare([one, of_bytes(moved, "2")], 0)


def test_parts_of_one_data_set_make_groups_of_their_own():
  few, many = (of_bytes(run_of(f"{n}", [9.0], data__examples=n), n) for n in (20, 80))
  groups = compare([few, many], 0)["groups"]
  assert [group["name"] for group in groups] == [
    "data.examples=20",
    "data.examples=80",
  ]
  raw, white = (
    run_of(f"{on}", [9.0], data__source="patches", data__whitened=on, seed=on)
    for on in (False, True)
  )
  assert len(compare([raw, white], 0)["groups"]) == 2


def test_seconds_of_members_are_said_to_be_of_all_of_them():
  runs = [run_of("a", [9.0]), run_of("b", [9.0], gan__batch_size=2)]
  runs[1] = runs[1]._replace(together=4)
  lines = describe(compare(runs, 0) | {"fronts": {}})
  said = [line for line in lines if "members in one program" in line]
  assert said == ["seconds of gan.batch_size=2 are of 4 members in one program"]


def write_run(path, run):
  path.mkdir()
  config = config_of(phases=tuple(run.config["phases"]), seed=run.config["seed"])
  data = {"train": [1498, 16, 16, 1]}
  directory.write(path, config, data, "digits", "1 x cpu", None)
  lines = "".join(json.dumps(record) + "\n" for record in run.records)
  (path / "metrics.jsonl").write_text(lines)
  (path / "evaluation.json").write_text(json.dumps(run.evaluation))


def refused(names, target, workdir):
  with pytest.raises(UserError) as refusal:
    compare_runs(names, target, str(workdir), Console(io.StringIO()), SELECTS_BY, {})
  assert "\n" not in str(refusal.value)
  return str(refusal.value)


def test_what_is_no_evaluated_run_is_refused_and_nothing_written(tmp_path):
  for run in two_groups():
    write_run(tmp_path / run.name, run)
  (tmp_path / "c" / "evaluation.json").unlink()
  (tmp_path / "b" / "evaluation.json").write_text("{")
  a, b, c, out = (str(tmp_path / name) for name in ("a", "b", "c", "out"))
  assert "names no run" in refused([], 0, out)
  assert f"{tmp_path} holds no run" in refused([a, str(tmp_path)], 0, out)
  assert "twice" in refused([a, f"{tmp_path}/b/../a"], 0, out)
  assert f"--workdir={c} --mode=evaluate" in refused([a, c], 0, out)
  assert "damaged" in refused([a, b], 0, out)
  assert "--target=-1" in refused([a], -1, out)
  assert "--target=nan" in refused([a], float("nan"), out)
  assert not (tmp_path / "out").exists()


def test_fields_of_a_config_say_nothing_of_runs_that_have_their_own():
  done = forked("--mode=compare", "--runs=a,b", "--config.seed=1")
  assert done.returncode == 2
  assert "--config.seed is not read by --mode=compare" in done.stderr
  assert len(done.stderr.splitlines()) == 1


def test_the_command_prints_and_writes(tmp_path):
  for run in two_groups():
    write_run(tmp_path / run.name, run)
  names = ",".join(str(tmp_path / name) for name in "abc")
  done = launch(
    "--mode=compare", f"--runs={names}", "--target=20", f"--workdir={tmp_path}/out"
  )
  assert done.returncode == 0, done.stderr
  assert re.search(r"phases=\('gan',\) +1,385 \+- 544 \(2 of 2\)", done.stdout)
  written = json.loads((tmp_path / "out" / "compare.json").read_text())
  assert written["target"] == 20.0
  assert [group["runs"] for group in written["groups"]] == [["a", "b"], ["c"]]
  assert np.asarray(Image.open(tmp_path / "out" / "compare.png")).std() > 0
