"""MNIST, told which digit to draw.

python launch.py --config=configs/conditional.py
"""

from typing import Any

from configs import mnist
from sgae.config_checks import chosen
from sgae.networks.conditional import JUDGEMENTS

CLASSES = 10  # of both data sets
KINDS = ("projection", *sorted(set(JUDGEMENTS) - {"projection"}))
ARGUMENTS = ("mnist", "fashion_mnist", "unlabelled", *KINDS)


def get_config(arg: str = "") -> Any:
  """Returns the config; `arg` is of `ARGUMENTS`, or several joined by '-'."""
  config = mnist.get_config()
  config.gan.conditional.classes = CLASSES
  for part in arg.split("-"):
    name = chosen("argument", part, ARGUMENTS)
    if name in KINDS:
      config.gan.conditional.discriminator = name
    elif name == "unlabelled":
      config.gan.conditional.classes = 0
    else:
      config.data.name = name
  return config
