"""The shipped feature extractors: these commands train them again.

    python launch.py --config=configs/classifier.py --workdir=runs/mnist
    python launch.py --config=configs/classifier.py:fashion_mnist --workdir=runs/fashion
    python -m sgae.pretrained runs/mnist runs/fashion

The last command stores them in the package, with their SHA-256 and test accuracy.
"""

from typing import Any

from configs import base


def get_config(arg: str = "") -> Any:
  """Returns the config; `arg` is the TFDS name, '' means 'mnist'."""
  config = base.get_config(("classifier",))
  config.data.source = "tfds"
  config.data.name = arg or "mnist"
  if arg == "fashion_mnist":
    config.classifier.shift = 1
    config.classifier.flip = True
    config.classifier.dropout = 0.4
    config.classifier.steps = 4000
  return config
