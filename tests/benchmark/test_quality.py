"""Time to quality: turns, times and the table; our side, and what measures samples."""

import sys
import time
from typing import Any

import numpy as np
import pytest

from configs import digits
from configs.benchmark import QUALITY_TARGETS, SIDES, quality_config
from sgae.benchmark import __main__ as benchmark
from sgae.benchmark import looks, quality, quality_measure, quality_ours
from sgae.benchmark.rows import Side
from sgae.benchmark.worker import Failed
from sgae.config import validate
from sgae.data import sources
from sgae.data.dataset import Dataset, Split
from sgae.evaluation import feature_extractor


class Process:
  """A fake process of a side: its looks are given, as (seconds, distance)."""

  def __init__(self, answers):
    self.answers, self.asked, self.closed = iter(answers), [], False

  def await_start(self):
    return {}

  def request(self, line):
    self.asked.append(line)
    answer = next(self.answers, {})
    if isinstance(answer, Failed):
      raise answer
    return dict(answer)

  def close(self):
    self.closed = True


def look(seconds, rounds=0):
  return {"rounds": rounds, "seconds": seconds, "preparing": 1.0, "compiling": 2.0}


def measured(limit, distances, **answers):
  """Measures fake sides, whose samples have the given distances in turn."""
  turns, notes, said = [], [], []
  processes: dict[str, Any] = {
    name: Process(given) for name, given in answers.items()
  } | {"mixture": Process({"frechet": distance} for distance in distances)}

  def start(module, name) -> Any:
    process = processes[name]
    if module == "side":
      request = process.request

      def noted(line):
        turns.append(name)
        return request(line)

      process.request = noted
    return process

  sides = [Side(name, "side", "mixture", 1) for name in answers]
  found = quality.measure(sides, limit, start, said.append, notes)
  assert all(process.closed for process in processes.values())
  return found, turns, notes, said


def test_the_side_that_has_trained_least_has_the_next_turn_until_it_is_near_enough():
  found, turns, notes, said = measured(
    100,
    [600, 600, 60, 45, 12, 9],
    slow=[look(1.0), look(30.0), look(90.0)],
    fast=[look(10.0), look(40.0, rounds=200), look(50.0)],
  )
  # slow 1, fast 10, slow 30 (60), fast 40 (45), then slow at 30: 90 (12), fast 50 (9)
  assert turns == ["slow", "fast", "slow", "fast", "slow", "fast", "slow"]
  assert quality.seconds_to(found["fast"]) == {50: 40.0, 20: 50.0, 13: 50.0, 10: 50.0}
  assert quality.seconds_to(found["slow"]) == {50: 90.0, 20: 90.0, 13: 90.0, 10: None}
  assert not notes
  assert said[0] == "40.0 s: fast, round 200, distance 45.0"


def test_a_side_ends_at_the_limit_and_one_that_fails_keeps_its_looks():
  found, turns, notes, _ = measured(
    20,
    [30, 30, 30, 30],
    long=[look(5.0), look(25.0), look(50.0)],
    broken=[look(1.0), Failed("no compiler")],
  )
  assert turns == ["long", "broken", "broken", "long"]
  assert [len(found[name]) for name in ("long", "broken")] == [2, 1]
  assert notes == ["broken: no compiler"]


def figures(name, *seconds_and_distances):
  at = [look(s) | {"frechet": distance} for s, distance in seconds_and_distances]
  return quality.figures(name, at)


def test_a_comparison_is_with_the_soonest_other_side_or_says_more_than():
  ours = figures("ours", (10.0, 45), (20.0, 12))
  theirs = [figures("a", (30.0, 50), (900.0, 19)), figures("b", (60.0, 40))]
  # 30 / 10; 900 / 20; never in 900 s: > 900 / 20; we never
  assert quality.times_as_fast(ours, theirs) == ["3.0", "45.0", "> 45.0", "-"]
  assert quality.times_as_fast(ours, []) == ["-"] * len(QUALITY_TARGETS)


def test_the_table_says_what_was_not_reached_and_what_failed():
  found = [figures("ours", (10.0, 45), (20.0, 12)), figures("broken")]
  head, ours, broken, compared = quality.lines(found, ["ours"])
  assert ours.split()[:4] == ["ours", "10.0", "20.0", "20.0"]
  assert "not reached in 20 s" in ours
  assert broken.split() == ["broken", *["-"] * 7]
  assert compared.split() == ["ours,", "times", "as", "fast", *["-"] * 4]
  assert head.endswith("last distance")


def test_compiling_is_until_the_first_call_and_what_that_took_beyond_the_second():
  assert looks.compiling([1.0, 3.0]) == 2.0
  assert looks.compiling([1.0, 3.0, 8.0, 10.0]) == 2.0 + (5.0 - 2.0)
  assert looks.compiling([1.0, 3.0, 4.0, 6.0]) == 2.0  # a second one may be slower


def test_our_side_counts_pretraining_and_fitting_but_no_looks():
  config = digits.get_config()
  config.sae.update(steps=20, log_every=10, evaluate_every=20, save_every=20)
  config.gan.update(steps=40, log_every=10, evaluate_every=40, save_every=40)
  config.gan.coder, config.gan.batch_size = "mixture", 16
  config.gan.update(generator_hidden=(8,), discriminator_hidden=(8,))
  config.gan.mixture.update(components=5, axes=8, rank=4)
  config = validate(config)
  dataset = sources.load(config.data, lambda line: None)
  begun, found = time.perf_counter(), []
  for seen in quality_ours.train(config, dataset, 20, 8):
    time.sleep(0.2)  # what measuring takes
    found.append(seen)
  assert [seen.rounds for seen in found] == [0, 20, 40]
  assert 0 < found[0].preparing < found[0].seconds < found[1].seconds
  assert found[2].seconds + 3 * 0.2 < time.perf_counter() - begun
  assert 0 < found[0].compiling < found[2].compiling < found[2].seconds
  assert found[0].images.shape == (8, 16, 16, 1) and found[0].images.dtype == np.uint8
  assert (found[0].images != found[2].images).any()


def test_samples_are_compared_with_the_test_split(monkeypatch):
  class Rows:
    """An extractor whose features are the first pixels of an image."""

    about = {"image_shape": (28, 28, 1)}
    task = "labels"

    def extract_features(self, mesh):
      del mesh
      classes = np.full((64, 10), 0.1)
      return lambda images: (images[:, 0, :4, 0].astype(np.float32), classes)

  monkeypatch.setattr(feature_extractor, "obtain", lambda *args: Rows())
  noise = np.random.default_rng(0)
  images = noise.integers(0, 250, (64, 28, 28, 1), dtype=np.uint8)
  split = Split(images, np.zeros(64, np.int32))
  dataset = Dataset(name="noise", train=split, test=split, num_classes=10)
  distance = quality_measure.make_distance(quality_config("plain"), dataset)
  assert distance(images) == pytest.approx(0, abs=1e-3)
  # the same spread, every mean moved by 2: 4 features x 2 ** 2
  moved = dataset.test.images.copy()
  moved[:, 0, :4, 0] += 2
  assert distance(moved) == pytest.approx(16, abs=1e-3)


@pytest.mark.parametrize("side", SIDES, ids=lambda side: side.name)
def test_the_config_of_every_side_is_valid_and_looked_at_between_calls(side):
  config = validate(quality_config(side.config))
  assert side.rounds % config.gan.log_every == 0 or side.module != "quality_ours"
  fresh = config.phases == ("gan",)
  assert fresh == (side.config != "mixture")
  convolutional = side.config in ("mixture", "convolutional")
  architecture = "dcgan" if convolutional else "mlp"
  assert config.gan.discriminator_architecture == architecture


def test_quality_runs_only_where_it_is_named(monkeypatch, capsys):
  asked = []

  def compare(*args):
    asked.append(args)
    return []

  monkeypatch.setattr(benchmark, "compare_quality", compare)
  monkeypatch.setattr(benchmark, "ROWS", ())
  for arguments in ([], ["--only=quality", "--limit=7"]):
    monkeypatch.setattr(sys, "argv", ["benchmark", *arguments])
    assert benchmark.main() == 1  # nothing was measured
  assert [limit for limit, *_ in asked] == [7.0]
  monkeypatch.setattr(sys, "argv", ["benchmark", "--only=quality", "--limit=0"])
  with pytest.raises(SystemExit):
    benchmark.main()
  assert "'0' is no number of seconds above 0" in capsys.readouterr().err
