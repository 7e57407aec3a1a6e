"""Stacked MNIST: images with one digit in each channel, whose modes are known.

Each combination of classes is a mode: three digits have 1,000. The data are an endless
list; a hash of e chooses the base images of example e, independently and with
replacement (`order.stack_indices`). Two protocols read it:

- fixed: the first 128,000 examples are the data set (VEEGAN, Srivastava et al. 2017,
  arXiv 1705.07761; PacGAN, Lin et al. 2018, arXiv 1712.04086);
- on the fly: every batch takes new examples (Unrolled GAN, Metz et al. 2017, arXiv
  1611.02163; R3GAN, Huang et al. 2024, arXiv 2501.05441).
"""

import abc
import dataclasses
from typing import Any

import jax
import numpy as np

from sgae.data import order, tfds
from sgae.data.dataset import Dataset, Split
from sgae.errors import UserError

DIGITS = (2, 3, 4)  # allowed in config.data.stacked_digits
NUM_TEST = 26_000  # VEEGAN and PacGAN count modes in as many samples
_FIRST_TEST = 2**62  # number of the first test example, far from those of training


@dataclasses.dataclass(frozen=True)
class Endless(abc.ABC):
  """An endless list that stores only its base; replaces an array in a `Split`.

  Attributes:
    base: [N, ...], on the host or, inside a step, on the device.
    digits: base examples per stacked example, D.
  """

  base: Any
  digits: int

  def __len__(self) -> int:
    return order.ENDLESS

  def __getitem__(self, numbers: Any) -> Any:
    """Returns the examples of a slice, or of integers of any shape, on the host."""
    if isinstance(numbers, slice):
      numbers = np.arange(*numbers.indices(len(self)))
    return self.stack(self.choose(numbers))

  def choose(self, numbers: np.ndarray) -> np.ndarray:
    """Returns the base indices int32 [..., D] of examples numbered int [...]."""
    return order.stack_indices(numbers, self.digits, len(self.base))

  @abc.abstractmethod
  def stack(self, indices: Any) -> Any:
    """Returns the examples [...] with the base indices int [..., D]."""


@dataclasses.dataclass(frozen=True)
class StackedImages(Endless):
  """Images uint8 [..., H, W, D] from a base uint8 [N, H, W]."""

  @property
  def shape(self) -> tuple[int, int, int, int]:
    height, width = self.base.shape[1:]
    return len(self), height, width, self.digits

  @property
  def nbytes(self) -> int:
    """Size of the base (bytes)."""
    return self.base.nbytes

  def stack(self, indices: Any) -> Any:
    return self.base[indices].swapaxes(-3, -2).swapaxes(-2, -1)


@dataclasses.dataclass(frozen=True)
class StackedLabels(Endless):
  """Mode numbers int32 [...] from labels int32 [N]; the first digit counts most."""

  classes: int

  def stack(self, indices: Any) -> Any:
    labels = self.base[indices]
    number = labels[..., 0]
    for digit in range(1, self.digits):
      number = number * self.classes + labels[..., digit]
    return number


jax.tree_util.register_dataclass(StackedImages, ["base"], ["digits"])
jax.tree_util.register_dataclass(StackedLabels, ["base"], ["digits", "classes"])


def stack(base: Dataset, digits: int, examples: int) -> Dataset:
  """Returns a data set of stacked images.

  Args:
    base: grey images, uint8 [N, H, W, 1].
    digits: D, base images per stacked image (channels).
    examples: size of the training split (examples), held in memory as uint8: 301 MB for
      128,000 of three MNIST digits; 0: `ENDLESS`, made on the fly.

  Returns:
    Images uint8 [N, H, W, D], labels d1 c^(D-1) + ... + dD for c classes, so that
    num_classes is c^D. The training split is made of `base.train` alone; the test split
    of `base.test` alone, 26,000 fixed examples in both protocols.

  Raises:
    UserError: the images are not grey, or there are too many modes.
  """
  channels = base.train.images.shape[-1]
  if channels != 1:
    raise UserError(
      f"data.source='stacked' puts grey images into channels, but {base.name!r} has "
      f"{channels} channels: choose a data.name such as 'mnist'"
    )
  modes = base.num_classes**digits
  if modes >= 2**31:
    raise UserError(
      f"data.stacked_digits={digits} of {base.num_classes} classes make {modes:,} "
      "modes, which int32 cannot number: choose fewer digits, or another data.name"
    )

  def endless(split: Split) -> Split:
    lists: Any = (
      StackedImages(split.images[..., 0], digits),
      StackedLabels(split.labels, digits, base.num_classes),
    )
    return Split(*lists)

  def part(split: Split, numbers: slice) -> Split:
    images, labels = (array[numbers] for array in endless(split))
    return Split(np.ascontiguousarray(images), labels)

  test = part(base.test, slice(_FIRST_TEST, _FIRST_TEST + NUM_TEST))
  train = part(base.train, slice(examples)) if examples else endless(base.train)
  read = base.read._replace(
    source=f"{digits} images of {base.read.source or base.name} in each",
    split="made of the test images alone",
  )
  return Dataset(f"stacked {base.name}", train, test, modes, read=read)


def train_shape(config: Any) -> tuple[int, int, int, int]:
  """Returns the shape (N, H, W, D) of the training images, from metadata alone.

  Args:
    config: the ConfigDict `config.data`.

  Raises:
    UserError: the base is not prepared, or the images are made on the fly.
  """
  if not config.stacked_examples:
    raise UserError(
      "data.stacked_examples=0 makes endless images: give the shape of as many as the "
      "device shall hold, such as --images=60000x28x28x3"
    )
  _, height, width, _ = tfds.train_shape(config)
  return config.stacked_examples, height, width, config.stacked_digits
