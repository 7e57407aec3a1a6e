"""A second side that is made of the first: its images in another form.

So the true partner of each image is known, which training need not use.
"""

from collections.abc import Callable

import numpy as np

from sgae.data.dataset import Dataset, Reading, Split


def inverted(images: np.ndarray) -> np.ndarray:
  """Returns the negatives of images uint8 [N, H, W, C]."""
  return 255 - images


def edges(images: np.ndarray) -> np.ndarray:
  """Returns the edges of images uint8 [N, H, W, C].

  The morphological gradient: the largest less the smallest value among the 3x3 pixels
  around each, channel by channel; what is outside repeats the border.
  """
  padded = np.pad(images, ((0, 0), (1, 1), (1, 1), (0, 0)), mode="edge")
  height, width = images.shape[1:3]
  largest, smallest = images.copy(), images.copy()
  for row in range(3):
    for column in range(3):
      moved = padded[:, row : row + height, column : column + width]
      np.maximum(largest, moved, out=largest)
      np.minimum(smallest, moved, out=smallest)
  return largest - smallest


KINDS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
  "inverted": inverted,
  "edges": edges,
}


def derive(dataset: Dataset, kind: str) -> Dataset:
  """Returns a data set whose example i is another form of example i.

  Args:
    dataset: images, uint8.
    kind: a key of `KINDS`.
  """

  def of(split: Split) -> Split:
    return split._replace(images=KINDS[kind](np.asarray(split.images)))

  stored = dataset.stored_train
  return dataset._replace(
    name=f"{kind} {dataset.name}",
    train=of(dataset.train),
    test=of(dataset.test),
    read=Reading(f"{kind} images of {dataset.read.source or dataset.name}"),
    stored_train=None if stored is None else of(stored),
  )
