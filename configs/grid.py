"""A grid of 25 Gaussians: does the GAN cover every mode?

    python launch.py --config=configs/grid.py

One run takes 20 s on 2 cores of an Intel Xeon that others use as well, 12 s of it
training. Ten seeds, trained in one program in 66 s there by
`python -m sgae.benchmark.mixtures`, 2,500 samples of each; mean +- standard
deviation over seeds, see configs/ring.py:

| seeds with all 25 modes | within 3 sigma | sigma_hat / sigma | reverse KL, nats |
|---|---|---|---|
| 10 of 10 | 85.8 +- 2.0 % (perfect: 98.9 %) | 0.78 +- 0.05 | 0.0064 +- 0.0023 |
"""

from typing import Any

from configs import ring


def get_config(arg: str = "") -> Any:
  """Returns the config of the ring, on the grid."""
  config = ring.get_config(arg)
  config.data.name = "grid"
  return config
