"""Time to learn a dictionary: `python -m sgae.benchmark.dictionaries`.

Ours and scikit-learn's MiniBatchDictionaryLearning see the same examples as often, one
after the other. Both dictionaries are scored alike: by the objective of held-out
examples, 1/2 |x - u D|^2 + alpha |u|_1, with codes that scikit-learn's coordinate
descent finds. `--only=patches,mnist` chooses data, `--epochs` how often training
examples are seen, `--json=PATH` keeps what was measured.
"""

import sys
import time
import warnings
from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from sklearn.decomposition import MiniBatchDictionaryLearning, sparse_encode
from sklearn.exceptions import ConvergenceWarning

from configs.benchmark import DICTIONARIES, dictionary_config
from sgae.benchmark import options
from sgae.config import validate
from sgae.data import resident, sources
from sgae.data.dataset import Dataset
from sgae.errors import UserError
from sgae.methods import METHODS
from sgae.training.calls import calls_in_memory

SCORED = 2000  # held-out examples, at most
MOST_ITERATIONS = 10_000  # of coordinate descent, for the score


def ours(config: Any, dataset: Dataset) -> np.ndarray:
  """Trains the dictionary of a config's only phase; returns its atoms [K, D]."""
  (name,) = config.phases
  mean = resident.mean_image(dataset.train.images)
  program = METHODS[name].build(config, mean.shape, mean)
  state = None
  for _, latest, _ in calls_in_memory(name, config, program, dataset):
    state = latest
  atoms: Any = METHODS[name].gives(state)["decoder"]["atoms"]
  return np.asarray(jax.block_until_ready(atoms))


def scikit_learns(config: Any, dataset: Dataset) -> np.ndarray:
  """Trains scikit-learn's dictionary with the same numbers; returns its atoms."""
  (name,) = config.phases
  fields = config[name]
  signals_nd = signals_of(dataset, dataset.train.images)
  epochs = fields.steps * fields.batch_size / len(signals_nd)
  learner: Any = MiniBatchDictionaryLearning  # whose annotations know no None
  model = learner(
    n_components=config.code.num_latents,
    alpha=fields.alpha,
    batch_size=fields.batch_size,
    max_iter=round(epochs),
    max_no_improvement=None,
    tol=0.0,
    fit_algorithm="cd",
    positive_code=config.code.sparsity_map == "relu",
    random_state=config.seed,
  )
  with warnings.catch_warnings():
    warnings.simplefilter("ignore", ConvergenceWarning)
    return model.fit(signals_nd).components_


SIDES: dict[str, Callable[[Any, Dataset], np.ndarray]] = {
  "sgae": ours,
  "scikit-learn": scikit_learns,
}


def signals_of(dataset: Dataset, images: np.ndarray) -> np.ndarray:
  """Returns images minus the mean of the training images, float32 [N, D]."""
  centred = np.asarray(resident.to_model_range(images))
  centred = centred - resident.mean_image(dataset.train.images)
  return centred.reshape(len(images), -1)


def score(config: Any, dataset: Dataset, atoms_kd: np.ndarray) -> tuple[float, float]:
  """Returns the mean objective of held-out examples, and its standard error."""
  (name,) = config.phases
  alpha = config[name].alpha
  signals = signals_of(dataset, dataset.test.images[:SCORED]).astype(np.float64)
  atoms_kd = atoms_kd.astype(np.float64)
  with warnings.catch_warnings():
    warnings.simplefilter("ignore", ConvergenceWarning)
    codes_nk = sparse_encode(
      signals,
      atoms_kd,
      algorithm="lasso_cd",
      alpha=alpha,
      max_iter=MOST_ITERATIONS,
      positive=config.code.sparsity_map == "relu",
    )
  residual = signals - codes_nk @ atoms_kd
  objective_n = 0.5 * (residual**2).sum(axis=1) + alpha * np.abs(codes_nk).sum(axis=1)
  return float(objective_n.mean()), float(objective_n.std() / len(objective_n) ** 0.5)


def measure(config: Any, dataset: Dataset, side: str) -> dict[str, Any]:
  """Trains one side; returns its seconds, compilation with it, and its objective."""
  began = time.perf_counter()
  atoms_kd = SIDES[side](config, dataset)
  seconds = time.perf_counter() - began
  objective, error = score(config, dataset, atoms_kd)
  return {"side": side, "seconds": seconds, "objective": objective, "error": error}


def main() -> int:
  """Measures what was asked for and prints each side as it is done."""
  parser = options.parser("sgae.benchmark.dictionaries", __doc__, tuple(DICTIONARIES))
  parser.add_argument("--epochs", type=int, default=3, help="3 by default")
  args = parser.parse_args()
  if args.epochs < 1:
    parser.error(f"--epochs={args.epochs} is not allowed: choose 1 or more")
  found = []
  for name in args.only:
    config = validate(dictionary_config(name, args.epochs))
    try:
      dataset = sources.load(config.data, options.say)
    except UserError as error:
      parser.error(str(error))
    for side in SIDES:
      found.append({"data": name} | measure(config, dataset, side))
      options.say(
        "{data}: {side} {seconds:.1f} s, held-out objective {objective:.5f} +- "
        "{error:.5f}".format(**found[-1])
      )
    mine, theirs = found[-2:]
    options.say(f"{name}: {theirs['seconds'] / mine['seconds']:.1f} times as fast")
  options.keep(args.json, found)
  return 0


if __name__ == "__main__":
  sys.exit(main())
