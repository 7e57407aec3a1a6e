"""What a transcoder is compared with: the best linear map between the two sides."""

import numpy as np
from sklearn.linear_model import LinearRegression

from sgae.data import order
from sgae.data.dataset import Dataset
from sgae.evaluation.measures.codes import reconstruction_measures
from sgae.evaluation.measures.estimate import Estimate

EXAMPLES = 60_000  # training pairs that the map is fitted to, at most


def controls(dataset: Dataset) -> dict[str, dict[str, Estimate]]:
  """Returns the figures of a linear map of least squares on the test split.

  A layer that is nearly linear is explained by such a map without any code.

  Args:
    dataset: pairs of vectors, with the second side.
  """
  second = dataset.second
  assert second is not None  # `checks.py` asks for one
  taken, given = (
    order.at_most(side.train, "linear", EXAMPLES).images[:]
    for side in (dataset, second)
  )
  fitted = LinearRegression().fit(_flat(taken), _flat(given))
  test = second.test.images
  outputs = fitted.predict(_flat(dataset.test.images)).reshape(test.shape)
  mean = np.zeros(test.shape[1:], np.float32)  # vectors are standardised
  return {"linear": reconstruction_measures(np.asarray(test), outputs, mean)}


def _flat(vectors) -> np.ndarray:
  return np.asarray(vectors).reshape(len(vectors), -1)
