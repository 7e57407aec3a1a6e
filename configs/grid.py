"""A grid of 25 Gaussians: does the GAN cover every mode?

    python launch.py --config=configs/grid.py

One run takes 14 s on 2 shared cores of an AMD EPYC, 8 s of it training. Ten seeds
(--config.population.seeds=10), 2,500 samples of each; mean +- standard deviation over
seeds, see configs/ring.py:

| seeds with all 25 modes | within 3 sigma | sigma_hat / sigma | reverse KL, nats |
|---|---|---|---|
| 10 of 10 | 85.0 +- 2.2 % (perfect: 98.9 %) | 0.78 +- 0.02 | 0.0062 +- 0.0014 |
"""

from typing import Any

from configs import ring


def get_config(arg: str = "") -> Any:
  """Returns the config of configs/ring.py with the grid as data."""
  config = ring.get_config(arg)
  config.data.name = "grid"
  return config
