"""Time to learn a dictionary: both sides learn, and are scored alike."""

import jax.numpy as jnp
import numpy as np
import pytest

from configs.benchmark import DICTIONARIES, dictionary_config
from sgae.benchmark import dictionaries
from sgae.config import validate
from sgae.data.dataset import Dataset, Split
from sgae.methods.sparse_coding.solvers import objective, solve_to_gap


def of_known_atoms() -> Dataset:
  """Returns patches that are sums of two of eight atoms."""
  random = np.random.default_rng(0)
  atoms = random.normal(size=(8, 16))
  atoms /= np.linalg.norm(atoms, axis=1, keepdims=True)

  def split(count):
    codes = random.normal(size=(count, 8)) * (random.uniform(size=(count, 8)) < 0.25)
    images = (codes @ atoms).reshape(-1, 4, 4, 1).astype(np.float32)
    return Split(images, np.zeros(count, np.int32))

  return Dataset("tiny", split(400), split(50), 1)


def test_both_sides_learn_and_are_scored_by_the_same_objective():
  config = dictionary_config("patches", 3)
  config.code.num_latents = 8
  config.sparse_coding.update(batch_size=20, steps=60, log_every=10, iterations=30)
  config.sparse_coding.update(evaluate_every=60, save_every=60, window=10)
  config, dataset = validate(config), of_known_atoms()
  fresh = np.random.default_rng(1).normal(size=(8, 16))
  fresh /= np.linalg.norm(fresh, axis=1, keepdims=True)
  at_first, _ = dictionaries.score(config, dataset, fresh)
  for side in dictionaries.SIDES:
    found = dictionaries.measure(config, dataset, side)
    assert found["objective"] < 0.7 * at_first
    assert found["seconds"] > 0
  signals = jnp.asarray(dictionaries.signals_of(dataset, dataset.test.images))
  atoms = jnp.float32(fresh)
  codes, _ = solve_to_gap(
    atoms, signals, 0.1, solver="fista", most=5000, tolerance=1e-5, signed=True
  )
  expected = float(objective(signals, atoms, codes, 0.1).mean())
  assert at_first == pytest.approx(expected, rel=1e-3)


def test_an_epoch_sees_each_example_about_once():
  for name, count in DICTIONARIES.items():
    config = validate(dictionary_config(name, 2))
    seen = config.sparse_coding.steps * config.sparse_coding.batch_size
    assert 0.95 < seen / (2 * count) <= 1
