"""Error against sparsity: curves of kinds, and the best of all as a front."""

import io
import re

import numpy as np
import pytest
from PIL import Image

from sgae.methods import views
from sgae.reporting import comparison_fronts
from sgae.reporting.comparison import describe
from sgae.runs.fronts import fronts
from tests.comparison_runs import compare, run_of


def sparse_run(name, seed, l0, fvu, **fields):
  run = run_of(name, [], phases=("sae",), seed=seed, **fields)
  figures = {"l0": {"value": l0}, "fvu": {"value": fvu}}
  return run._replace(evaluation={"sae": {"figures": figures, "protocol": {}}})


def test_kinds_of_autoencoders_are_curves_and_the_best_of_them_a_front(tmp_path):
  runs = [
    sparse_run("a", 0, 8.0, 0.30, code__k=8),
    sparse_run("b", 1, 8.0, 0.34, code__k=8),
    sparse_run("c", 0, 32.0, 0.10, code__k=32),
    sparse_run("d", 0, 40.0, 0.20, code__k=64, code__sparsity_map="relu"),
    sparse_run("e", 0, 6.0, 0.50, code__k=64, code__sparsity_map="relu", code__rho=0.1),
  ]
  result = compare(runs, 0)
  (phase, front), *others = fronts(runs, result, views.fronts()).items()
  assert (phase, front["x"], front["y"], others) == ("sae", "l0", "fvu", [])
  assert [curve["name"] for curve in front["curves"]] == [
    "code.sparsity_map='topk'",
    "code.sparsity_map='relu'",
  ]
  topk, relu = (curve["points"] for curve in front["curves"])
  assert [point["x"]["mean"] for point in topk] == [8.0, 32.0]
  assert topk[0]["y"] == {
    "mean": pytest.approx(0.32),
    "spread": pytest.approx(0.04 / 2**0.5),
    "n": 2,
  }
  assert [point["best"] for point in topk + relu] == [True, True, True, False]
  assert [point["x"]["mean"] for point in relu] == [6.0, 40.0]
  text = "\n".join(describe(result | {"fronts": {phase: front}}))
  assert re.search(r"'topk' +8 \+- 0 \(2\) +0.32 \+- 0.0283 \(2\) +yes$", text, re.M)
  assert re.search(r"^ +40 \+- - \(1\) +0.2 \+- - \(1\)$", text, re.M)
  picture = Image.open(io.BytesIO(comparison_fronts.draw({phase: front})))
  assert np.asarray(picture).std() > 0
  assert fronts(runs[:1], compare(runs[:1], 0), views.fronts()) == {}  # no curve
