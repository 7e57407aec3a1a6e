"""What identifies a data set: its counts, shapes and classes, and digests of its bytes.

A run keeps the fingerprint of the data that it was started on; where they lie may then
change, but not what they are.
"""

import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from sgae.data.dataset import Dataset, names_of_classes
from sgae.data.stacked import Endless
from sgae.data.vectors import Vectors

DIGESTED_IMAGES = 10_000  # at most: reading all of a large data set would take minutes

_MEANINGS = {
  "train": "training images [N, H, W, C]",
  "test": "test images [N, H, W, C]",
  "num_classes": "classes",
}


def digest_of(dataset: Dataset, most: int = DIGESTED_IMAGES) -> str:
  """Returns a digest that identifies a data set, 64 hexadecimal digits.

  Args:
    dataset: the data; its name does not count.
    most: of each split, so many examples at most, at even distances; 0: all, and of a
      split that is made when it is read all that it is made of.
  """
  digest = hashlib.sha256(str(dataset.num_classes).encode())
  for images, labels in (dataset.train, dataset.test):
    stride = -(-len(images) // most) if most else 1
    for each in (images, labels):
      whole: Any = each
      if not most and isinstance(whole, Endless | Vectors):
        whole = whole.base
      array = whole[::stride]
      digest.update(str((array.shape, array.dtype)).encode())
      digest.update(np.ascontiguousarray(array).data)
  return digest.hexdigest()


def fingerprint(dataset: Dataset) -> dict[str, Any]:
  """Returns what tells a data set from all others, in what JSON can hold.

  Every byte counts: `train` and `test` are shapes [N, H, W, C], `num_classes` is a
  number, `class_names` are what samples are asked for by and are not compared, `sha256`
  is the digest of all images and labels. A start reads all of them anyway; MNIST takes
  0.06 s on a core of an Intel Xeon. `second` is that of the second side.
  """
  found = {
    "train": list(dataset.train.images.shape),
    "test": list(dataset.test.images.shape),
    "num_classes": dataset.num_classes,
    "class_names": list(names_of_classes(dataset)),
    "sha256": digest_of(dataset, most=0),
  }
  if dataset.second is not None:
    found["second"] = fingerprint(dataset.second)
  return found


def differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
  """Names what differs between two fingerprints; [] where the data are the same.

  Args:
    before, now: from `fingerprint`; what `before` lacks is not compared.
  """
  found = [
    f"{meaning}: {before[name]} -> {now[name]}"
    for name, meaning in _MEANINGS.items()
    if name in before and before[name] != now[name]
  ]
  if not found and before.get("sha256", now["sha256"]) != now["sha256"]:
    found = ["as many of the same shape, but other pixels or labels"]
  if "second" in before and "second" in now:
    of_second = differences(before["second"], now["second"])
    found += [f"second side: {line}" for line in of_second]
  return found
