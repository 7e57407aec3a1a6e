"""Where the members of populations end: the values of the histogram, its picture."""

import io

import numpy as np
from PIL import Image

from sgae.reporting import comparison_spreads
from sgae.runs.spreads import spreads
from tests.comparison_runs import compare, run_of


def test_members_of_a_population_are_a_histogram_whatever_their_settings():
  single, other = run_of("a", [30.0]), run_of("b", [9.0], seed=1)
  members = [
    run_of(f"grid, member {i}", [value], gan__batch_size=2 + i)._replace(
      population="grid", together=4
    )
    for i, value in enumerate([80.0, 20.0, 40.0])
  ]
  runs = [single, *members, other._replace(population="two", together=2)]
  found = spreads(runs, compare(runs, 0))
  assert found == {
    "grid": {"members": 4, "values": [20.0, 40.0, 80.0]},
    "two": {"members": 2, "values": [9.0]},
  }
  for some in (found, {"two": found["two"]}, {"two": {"members": 1, "values": [0.0]}}):
    picture = Image.open(io.BytesIO(comparison_spreads.draw(some, "Frechet distance")))
    assert np.asarray(picture).std() > 0
  assert spreads([single], compare([single], 0)) == {}


def test_the_histogram_is_of_the_phase_that_was_trained_last():
  phases = ("vae", "gan")
  run = run_of("a", [9.0], phases=phases)._replace(population="p", together=1)
  vae = {"figures": {"frechet": {"value": 200.0}}}
  # as a file that was stored with sorted names gives them
  run = run._replace(evaluation={"gan": run.evaluation["gan"], "vae": vae})
  found = spreads([run], compare([run], 0))
  assert found == {"p": {"members": 1, "values": [9.0]}}
