"""Fashion-MNIST, with the settings of configs/mnist.py.

    python launch.py --config=configs/fashion_mnist.py

20 minutes on 2 shared cores of an Intel Xeon, at commit 5300b6c, seed 0: Frechet
distance 10.4 (standard error .4; 10,000 samples, feature extractor fashion_mnist
10c98a0982b3; floor .5, AE + mixture of 100: 9.5, of 10: 14.0, SAE + 100 clusters:
12.7), precision .91, recall .44, all ten classes.
"""

from typing import Any

from configs import mnist


def get_config(arg: str = "") -> Any:
  """Returns the config; configs/base.py says where all fields are defined."""
  config = mnist.get_config(arg)
  config.data.name = "fashion_mnist"
  return config
