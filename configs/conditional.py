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

Three seeds, commits 767b091 and 6ff53cb, 11 minutes on 2 cores of an AMD EPYC next to
other work: Frechet distance 3.06 (standard deviation .27; 10,000 samples, feature
extractor mnist dc386622b326; floor 1.84, configs/mnist.py 4.65), class accuracy 98.8 %
(.1; test images 99.5 %), Frechet distance within classes 8.5, of the worst class 14.4
(floor 4.7 and 7.3); classification accuracy score 98.6 % (.1; real images 99.1 %).
`:fashion_mnist`: 4.10 (.26; floor .48, configs/fashion_mnist.py 7.29), class accuracy
90.7 % (.4; test images 91.4 %).
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
