"""The fingerprint of a data set: every byte counts, and what differs is named."""

import numpy as np

from sgae.data.dataset import Dataset, Split
from sgae.data.fingerprint import differences, fingerprint
from sgae.data.stacked import stack

PIXELS = np.random.default_rng(0).integers(0, 256, (12_000, 2, 2, 1), dtype=np.uint8)


def dataset(images=PIXELS, classes=3, name="a"):
  labels = (np.arange(len(images)) % classes).astype(np.int32)
  return Dataset(
    name, Split(images, labels), Split(images[:5], labels[:5].copy()), classes
  )


def test_one_changed_pixel_or_label_is_another_data_set():
  before = fingerprint(dataset())
  assert before["train"] == [12_000, 2, 2, 1]
  assert before["test"] == [5, 2, 2, 1]
  assert differences(before, fingerprint(dataset(PIXELS.copy(), name="b"))) == []
  pixels = PIXELS.copy()
  pixels[7_777, 1, 0, 0] ^= 1
  relabelled = dataset()
  relabelled.test.labels[2] += 1
  for other in (dataset(pixels), relabelled):
    (line,) = differences(before, fingerprint(other))
    assert "other pixels or labels" in line


def test_counts_and_classes_are_named_before_the_digest():
  changes = differences(
    fingerprint(dataset()), fingerprint(dataset(PIXELS[:90], classes=2))
  )
  assert changes == [
    "training images [N, H, W, C]: [12000, 2, 2, 1] -> [90, 2, 2, 1]",
    "classes: 3 -> 2",
  ]
  assert differences({}, fingerprint(dataset())) == []  # of an older version


def test_an_endless_data_set_is_known_by_what_it_is_made_of():
  pixels = PIXELS.copy()
  pixels[11_999] ^= 1  # which no sparse choice of stacked examples need contain
  before, after = (
    fingerprint(stack(dataset(images), 2, 0)) for images in (PIXELS, pixels)
  )
  assert before["train"][1:] == [2, 2, 2]
  assert differences(before, after)
