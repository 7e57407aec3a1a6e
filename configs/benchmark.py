"""The configs of the speed benchmark: the seed article's shapes.

python -m sgae.benchmark
"""

from typing import Any

import jax

from configs import seed
from sgae.benchmark.rows import ACTIVE, Row

PART = 32  # size of a convolutional microbatch on a CPU (images)


def config_of(row: Row, precision: str) -> Any:
  """Returns the config of a row, in one of `rows.PRECISIONS`."""
  config = seed.get_config()
  config.precision.compute = "bfloat16" if precision == "bfloat16" else "float32"
  config.code.penalty, config.sae.sparsity_weight = "none", 0.0
  if row.network == "sae":
    config.phases = ("sae",)
    config.code.update(num_latents=row.latents, sparsity_map="topk", k=ACTIVE)
    config.sae.update(
      encoder_hidden=(),
      decoder_hidden=(),
      output="linear",
      tied_start=True,
      unit_norm_atoms=True,
      batch_size=row.batch,
    )
    return config
  config.phases = ("gan",)
  config.gan.update(batch_size=row.batch, discriminator_updates=1, generator_updates=1)
  if row.network == "dcgan":
    config.gan.update(
      generator_architecture="dcgan",
      generator_hidden=(128, 64),
      discriminator_architecture="dcgan",
      discriminator_hidden=(64, 128),
      kernel_size=4,
    )
    # Larger parts do not fit into a CPU's cache; on a GPU, parts would only be slower.
    if jax.default_backend() == "cpu" and row.line != "sampling":
      config.train.microbatches = -(-row.batch // PART)
    config.gan.discriminator_optimizer.update(
      name="adam", learning_rate=2e-4, beta1=0.5
    )
  if row.penalised:
    config.gan.loss = "relativistic"
    config.gan.penalties.update(r1=1.0, r2=1.0)
    config.gan.discriminator_optimizer.update(
      name="adam", learning_rate=2e-4, beta1=0.0
    )
    config.gan.generator_optimizer.beta1 = 0.0
  return config
