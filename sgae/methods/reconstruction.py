"""What methods that encode and reconstruct images have in common in evaluation."""

import numpy as np

from sgae.data import order
from sgae.data.dataset import Dataset, Split, are_vectors, has_label, labelled
from sgae.evaluation.measures.codes import largest
from sgae.evaluation.measures.estimate import Estimate
from sgae.evaluation.measures.probes import probe_error
from sgae.methods.sampling import COLUMNS
from sgae.reporting import pictures

ATOMS_DRAWN, ATOM_COLUMNS = 200, 20
PAIRS_DRAWN = 20  # images with their reconstructions
EXAMPLES_PROBED = 60_000  # training images that probes are fitted to, at most
MOST_CLASSES = 20  # that a linear probe tells apart


def probed(dataset: Dataset) -> np.ndarray | None:
  """Returns the training images that a probe of codes is fitted to.

  None where there is nothing to tell apart, or too much, or nothing to test it on.
  """
  if not has_label(dataset.test):
    return None
  train = train_probed(dataset)
  classes = len(np.unique(train.labels))
  return train.images if 1 < classes <= MOST_CLASSES else None


def probe_of(
  dataset: Dataset, train_codes_nk: np.ndarray, test_codes: np.ndarray
) -> Estimate:
  """Returns the test error of a linear probe that is fitted to codes.

  Args:
    dataset: with the labels.
    train_codes_nk: float [N, K], of the images that `probed` gives.
    test_codes: float [M, K] or, with places, [M, h, w, K], of the test images.
  """
  test = labelled(Split(test_codes, dataset.test.labels))
  labels = train_probed(dataset).labels
  return probe_error(train_codes_nk, labels, largest(test.images), test.labels)


def train_probed(dataset: Dataset) -> Split:
  """Returns the labelled training examples that probes are fitted to."""
  return order.at_most(labelled(dataset.train), "probe", EXAMPLES_PROBED)


def draw_reconstructions(
  images: np.ndarray, labels: np.ndarray, outputs: np.ndarray, atoms: np.ndarray
) -> dict[str, np.ndarray]:
  """Draws images with their reconstructions, and atoms; nothing of vectors.

  Args:
    images: as stored, [N, H, W, C].
    labels: int [N] of the images; of sorted classes some of each are drawn.
    outputs: float32 [N, H, W, C] in model range, their reconstructions.
    atoms: float32 [A, H, W, C].
  """
  shape = images.shape[1:]
  if pictures.are_points(shape):  # whose atoms show nothing
    rows = order.shown_rows(labels, pictures.POINTS_SHOWN)
    return {"reconstructions": pictures.points(images[rows], outputs[rows])}
  if are_vectors(shape):
    return {}
  rows = order.shown_rows(labels, PAIRS_DRAWN)
  pairs = [images[rows], outputs[rows]]
  if images.dtype == np.float32:  # patches, which have no range of their own
    pairs = [part / np.abs(images[rows]).max() for part in pairs]
  return {
    "reconstructions": pictures.pairs(*pairs, COLUMNS),
    "atoms": pictures.atoms(atoms, ATOM_COLUMNS),
  }
