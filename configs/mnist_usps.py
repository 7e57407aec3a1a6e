"""MNIST <-> USPS at 16 pixels: unpaired digits of two kinds, translated both ways.

    python launch.py --config=configs/mnist_usps.py --config.data.second.path=usps.npz

USPS is a .npz file with `x_train` (7,291 images of 16x16, uint8), `y_train`, `x_test`
(2,007) and `y_test`; labels serve the figures alone. MNIST comes through TFDS.
"""

from typing import Any

from configs import base

SIDE = 16


def get_config(arg: str = "") -> Any:
  """Returns the config."""
  config = base.get_config(("translation",))
  config.data.update(source="tfds", name="mnist", image_size=SIDE)
  config.data.second.update(source="npz", path="usps.npz")
  config.translation.identity_weight = 0.0
  return config
