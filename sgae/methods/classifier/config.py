"""Section `classifier` of a config: the network whose features measures compare.

It is trained as a phase of its own, or on first use where none is shipped.
All fields belong to the experiment but `steps`, `evaluate_every` and `save_every`,
which may change when a run is resumed.
"""

from typing import Any

from sgae.methods.config_fields import cadence_fields, optimizer_fields


def defaults() -> dict[str, Any]:
  """Returns the section `classifier`."""
  return {
    # What it learns: 'labels', or 'rotation': which of four rotations an image was
    # given, which needs no labels. Images that are not square are flipped: mirrored,
    # upside down, both or neither.
    "task": "labels",
    # Classes; as many as the data have, and 4 for 'rotation'.
    "num_classes": 10,
    # Widths of the three convolutions (stride 2) and of the hidden layer.
    "channels": (24, 48, 64),
    "num_features": 128,
    # Images are moved by up to so many pixels each way, and mirrored or not.
    "shift": 2,
    "flip": False,
    # Share of the features that are dropped in training, in [0, 1).
    "dropout": 0.3,
    "batch_size": 256,
    "optimizer": optimizer_fields(
      learning_rate=2e-3, beta1=0.9, beta2=0.999, schedule="cosine"
    ),
    **cadence_fields(steps=3000),
  }


SECTIONS = {"classifier": defaults}
