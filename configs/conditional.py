"""MNIST by class: configs/mnist.py with the digit to draw as an input.

    python launch.py --config=configs/conditional.py
    python launch.py --workdir=runs/conditional --mode=sample --classes=0-9x10

`configs/conditional.py:ARGUMENT`, or several joined by '-':

    :mnist, :fashion_mnist    the data; MNIST is the default
    :projection, :auxiliary, :concatenation, :adc, :reacgan
                              how the discriminator judges the class
    :unconditional            the control: the same without classes

The autoencoder's codes of each class have 40 Gaussians of their own, so that the
generator draws the class that is asked for from the first round on.

Seed 0, commit 3553b2a, 6 minutes 50 seconds on one of 2 shared cores of an Intel Xeon
next to other work (4 minutes 46 seconds of processor time): Frechet distance 3.26
(standard error .13; 10,000 samples, feature extractor mnist dc386622b326; floor 1.84,
configs/mnist.py 4.65), class accuracy 98.8 % (test images 99.5 %), classification
accuracy score 98.5 % (real images 99.1 %), Frechet distance within classes 8.2, of the
worst class 13.0 (floor 4.7 and 7.3). `:fashion_mnist`, seed 0, commit f9ec325: 4.00
(.16; floor .48, configs/fashion_mnist.py 7.29), class accuracy 90.3 % (test images
91.4 %). Seed 1, commit 73e59c8: 3.60 (.19) and 98.7 %; `:fashion_mnist` 3.91 (.14) and
90.9 %. The time of the control beside it is not measured.
"""

from typing import Any

from configs import mnist
from sgae.config_checks import chosen
from sgae.networks.conditional import JUDGEMENTS

CLASSES = 10  # of both data sets
DATA = ("mnist", "fashion_mnist")
ARGUMENTS = (*DATA, *JUDGEMENTS, "unconditional")


def get_config(arg: str = "") -> Any:
  """Returns the config; `arg` is of `ARGUMENTS`, or several joined by '-'."""
  config = mnist.get_config()
  conditional = config.gan.conditional
  conditional.classes = CLASSES
  for part in arg.split("-"):
    name = chosen("argument", part, ARGUMENTS)
    if name in DATA:
      config.data.name = name
    elif name == "unconditional":
      conditional.classes = 0
    else:
      conditional.discriminator = name
  return config
