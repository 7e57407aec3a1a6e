"""MNIST <-> USPS at 16 pixels: digits of two kinds, translated both ways without pairs.

    python launch.py --config=configs/mnist_usps.py --config.data.second.path=usps.npz

USPS is a .npz file with `x_train` (7,291 images of 16x16, uint8), `y_train`, `x_test`
(2,007) and `y_test`; labels serve the figures alone. MNIST comes through TFDS.

Seed 0, commit b0f2741, 9 minutes next to much other work on 2 shared cores of a Xeon:
the target's classifier names 80.3 % (.4) of translated MNIST and 85.6 % (.8) of
translated USPS rightly, as they are 68.1 and 93.1 %. The wanted 93 and 90 % are not
reached. configs/README.md says more.
"""

from typing import Any

from configs import base

SIDE = 16


def get_config(arg: str = "") -> Any:
  """Returns the config."""
  del arg
  config = base.get_config(("translation",))
  config.data.update(source="tfds", name="mnist", image_size=SIDE)
  config.data.second.update(source="npz", path="usps.npz")
  fields = config.translation
  fields.update(generator_hidden=(16, 32), blocks=2, batch_size=16, steps=2000)
  # size and place of the digits differ, which an identity would hold
  fields.identity_weight = 0.0
  return config
