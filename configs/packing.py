"""PacGAN: does a discriminator of several images at once keep modes from being lost?

    python launch.py --config=configs/packing.py:ring-2 --config.population.seeds=10

`:DATA-PACKING` chooses the data and how many images are judged as one, 1 to 4. The loss
is the non-saturating one, without penalties; `:DATA-PACKING-default` takes the loss and
penalties of this repository (relativistic, R1, R2) in its place. Lin et al. 2018 (arXiv
1712.04086).

    ring, grid     the networks of configs/ring.py, which are not those of the paper
    quarter, half  Stacked MNIST against a discriminator of a quarter, or half, of the
                   generator's channels, by the protocol of Unrolled GAN (Metz et al.
                   2017, arXiv 1611.02163): images made on the fly, z = 256, 3x3
                   kernels, batches of 128, 25,600 samples. Here the generator's first
                   map is 2x2 and not 4x4, the slope of leaky ReLU .2 and not .3.

The ring, seeds 0 to 4 as one population, next to other work on a shared core of an
Intel Xeon, commit 449948a, 39 to 49 s each: modes of 8 with packing 1 to 4
are 7.6 (standard deviation .9), 8, 8 and 7.6 (.5), samples within 3 sigma .98, .94, .79
and .15. The grid, commit 767b091, AMD EPYC: modes of 25 are 17.2 (2.6), 22.4 (2.7),
16.6 (2.3) and 14.0 (2.5), and 25 with the default loss and penalties; within 3 sigma
.89, .20, .02, .02 and .85. `half`, seed 0, a twelfth of the length
(--config.gan.steps=40000), commit bcdeab4, 17 minutes on a core next to other work: of
1,000 modes 4 without packing, 572, 655 and 516 with 2 to 4 (published, at full length:
628, at best 867); 694 with the default loss and penalties in half as many rounds.
configs/README.md says more.
"""

from typing import Any

from configs import base, ring
from sgae.errors import UserError

DATA = ("ring", "grid", "quarter", "half")
MOST = 4


def get_config(arg: str = "") -> Any:
  """Returns the config; `arg` is DATA-PACKING[-default], or '' for ring-2.

  Raises:
    UserError: it is not.
  """
  data, packing, default = _parts(arg or "ring-2")
  if data in ("ring", "grid"):
    config = ring.get_config()
    config.data.name = data
    config.gan.batch_size = 120  # a multiple of each packing
    config.evaluation.final_samples = 2500
  else:
    config = _stacked(1 if data == "quarter" else 2)
    config.gan.batch_size = 128 if packing != 3 else 129
  config.gan.packing = packing
  if not default:
    config.gan.loss = "non_saturating"
    config.gan.penalties.update(r1=0.0, r2=0.0)
  return config


def _stacked(times: int) -> Any:
  config = base.get_config(("gan",))
  config.data.update(source="stacked", name="mnist", stacked_examples=0)
  gan = config.gan
  gan.update(
    generator="plain",
    sparsity_weight=0.0,
    latent_dim=256,
    generator_architecture="dcgan",
    generator_hidden=(64, 32, 16, 8),
    generator_activation="relu",
    generator_normalization="batch",
    discriminator_architecture="dcgan",
    discriminator_hidden=(2 * times, 4 * times, 8 * times),
    kernel_size=3,
    steps=500_000,
    log_every=100,
    evaluate_every=10_000,
    save_every=10_000,
  )
  for player, rate in (("generator", 1e-4), ("discriminator", 2e-4)):
    gan[f"{player}_optimizer"].update(
      learning_rate=rate, beta1=0.5, beta2=0.99, schedule="constant"
    )
  config.evaluation.final_samples = 25_600
  return config


def _parts(arg: str) -> tuple[str, int, bool]:
  data, _, rest = arg.partition("-")
  packing, _, more = rest.partition("-")
  packings = [str(number) for number in range(1, MOST + 1)]
  if data not in DATA or packing not in packings or more not in ("", "default"):
    raise UserError(
      f"configs/packing.py:{arg} is unknown: choose DATA-PACKING, or DATA-PACKING-"
      f"default, with one of {', '.join(DATA)} and one of {', '.join(packings)}"
    )
  return data, int(packing), more == "default"
