"""scikit-learn's digits <-> MNIST at 16 pixels, without pairs: CycleGAN in small.

    python launch.py --config=configs/digits_mnist.py

MNIST comes through TFDS, prepared on first use or found through `TFDS_DATA_DIR`; the
digits are inside scikit-learn.
"""

from typing import Any

from configs import base

SIDE = 16


def get_config(arg: str = "") -> Any:
  """Returns the config."""
  del arg
  config = base.get_config(("translation",))
  config.data.update(source="digits", image_size=SIDE)
  config.data.second.update(source="tfds", name="mnist", image_size=SIDE)
  # size and place of the digits differ, which an identity would hold
  config.translation.identity_weight = 0.0
  return config
