"""What a transcoder asks of its data, and a linear map to compare it with."""

from typing import Any

import numpy as np
from sklearn.linear_model import Ridge

from sgae.data import order
from sgae.data.dataset import Dataset
from sgae.errors import UserError
from sgae.evaluation.measures.codes import reconstruction_measures
from sgae.evaluation.measures.estimate import Estimate

EXAMPLES = 20_000  # training pairs that the map is fitted to, at most
HELD_OUT = 10  # one in as many of them chooses the penalty
# Of squared weights, for each pair, where vectors have a mean squared norm of D.
PENALTIES = (1e-6, 1e-3, 1e-2, 1e-1, 1.0)


def check_data(config: Any, dataset: Dataset) -> None:
  """Refuses vectors whose widths are not those of the networks.

  Raises:
    UserError: says which width the vectors of the second side have.
  """
  sae = config.sae
  second: Any = dataset.second
  taken, given = (side.train.images.shape[-1] for side in (dataset, second))
  if (sae.target_width or taken) != given:
    raise UserError(
      f"{dataset.name} has vectors of width {taken}, {second.name} of width {given}: "
      f"set sae.target_width={given}, not {sae.target_width}"
    )
  if sae.tied_start and taken != given:
    raise UserError(
      f"sae.tied_start=True needs vectors of one width, but {dataset.name} has "
      f"{taken} and {second.name} {given}: set it to False"
    )


def controls(dataset: Dataset) -> dict[str, dict[str, Estimate]]:
  """Returns the figures of a linear map on the test split.

  A layer that is nearly linear is explained by such a map without any code. It is ridge
  regression, whose penalty training pairs choose that it is not fitted to: least
  squares alone would be worse than a constant where there are few pairs.

  Args:
    dataset: pairs of vectors, with the second side.
  """
  second: Any = dataset.second
  taken_nd, given_nd = (
    _flat(order.at_most(side.train, "linear", EXAMPLES).images[:])
    for side in (dataset, second)
  )
  held = np.arange(len(taken_nd)) % HELD_OUT == 0

  def error(penalty):
    fitted = _ridge(taken_nd[~held], given_nd[~held], penalty)
    return np.square(fitted.predict(taken_nd[held]) - given_nd[held]).sum()

  fitted = _ridge(taken_nd, given_nd, min(PENALTIES, key=error))
  test = np.asarray(second.test.images)
  outputs = fitted.predict(_flat(dataset.test.images)).reshape(test.shape)
  mean = np.zeros(test.shape[1:], np.float32)  # vectors are standardised
  return {"linear": reconstruction_measures(test, outputs, mean)}


def _ridge(taken_nd: np.ndarray, given_nd: np.ndarray, penalty: float) -> Ridge:
  return Ridge(penalty * len(taken_nd), solver="cholesky").fit(taken_nd, given_nd)


def _flat(vectors) -> np.ndarray:
  # float64: the products of vectors that lie in few directions are nearly singular
  return np.asarray(vectors, np.float64).reshape(len(vectors), -1)
