"""The default config: 1,797 handwritten digits of scikit-learn, no download.

python launch.py
"""

from typing import Any

from configs import base
from sgae.config_checks import no_kinds


def get_config(arg: str = "") -> Any:
  """Returns the config; configs/base.py says where all fields are defined."""
  no_kinds(arg)
  config = base.get_config(("sae", "gan"), also=("classifier",))
  config.data.source = "digits"
  config.data.image_size = 16
  config.code.num_latents = 256
  config.code.k = 32
  config.sae.batch_size = 128
  config.gan.batch_size = 128
  config.gan.generator_hidden = (256, 256)
  config.gan.discriminator_hidden = (256, 256)
  config.gan.steps = 6000
  config.gan.log_every = 100
  config.gan.evaluate_every = 1000
  config.gan.save_every = 1000
  config.classifier.steps = 600
  config.classifier.evaluate_every = 300
  config.classifier.save_every = 300
  config.classifier.batch_size = 128
  return config
