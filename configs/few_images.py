"""GANs of few images: does a discriminator that sees them altered overfit less?

    python launch.py --config=configs/few_images.py:mnist-1000-ada

`:DATA-COUNT-KIND` chooses the data (mnist, fashion_mnist, cifar10), how many training
images there are, as many of each class, and the kind:

    none         images as they are
    diffaugment  altered in both players' updates (Zhao et al. 2020, arXiv 2006.10738)
    ada          altered by a chance that follows r_t (Karras et al. 2020, arXiv
                 2006.06676), target .6

Digits and clothes are shifted and cut, photographs mirrored and recoloured as well.
MNIST and Fashion-MNIST have a dense pair with the rates and penalties of
configs/mnist.py:plain, CIFAR-10 that of configs/cifar10.py. Distances are to the whole
test split, on the features of a classifier of all training images.
`--config.population.seeds=3` trains three seeds at once, on the same images, which
`--config.data.examples_seed` chooses.

In a short form (--config.gan.steps=2000), seeds 0 to 2, 4 to 7 minutes each next to
other work on a core of an AMD EPYC, commits bcdeab4 and 1cfeb66, Frechet distance
(standard deviation) with `none`, `ada`, `diffaugment`: 1,000 digits 117 (4), 119 (2),
168 (6), gan/overfitting .64, .62, .12; 5,000 digits 104 (3), 105 (2), 172 (8); 200
images of Fashion-MNIST 76.9 (3.7) with 1.7 % copies, 73.4 (1.7) with .6 %, 73.8 (2.1)
without.
All are still falling. The full length is not measured. configs/README.md says more.
"""

from typing import Any

from configs import base, cifar10
from sgae.errors import UserError

DATA = ("mnist", "fashion_mnist", "cifar10")
KINDS = ("none", "diffaugment", "ada")


def get_config(arg: str = "") -> Any:
  """Returns the config; `arg` is DATA-COUNT-KIND, or '' for mnist-1000-ada.

  Raises:
    UserError: it is not.
  """
  data, count, kind = _parts(arg or "mnist-1000-ada")
  if data == "cifar10":
    config = cifar10.get_config()
    config.gan.augmentation.kinds = ("mirror", "colour", "shift", "cutout")
  else:
    config = _dense()
    config.data.name = data
    config.gan.augmentation.kinds = ("shift", "cutout")
  config.data.examples = count
  if kind == "none":
    config.gan.augmentation.kinds = ()
  elif kind == "ada":
    config.gan.augmentation.target = 0.6
  config.gan.update(steps=20_000, log_every=100, evaluate_every=1000, save_every=5000)
  config.evaluation.update(controls=False)
  config.evaluation.measures = ("frechet", "manifold", "classes", "memorisation")
  return config


def _dense() -> Any:
  config = base.get_config(("gan",))
  config.data.source = "tfds"
  gan = config.gan
  gan.update(generator="plain", sparsity_weight=0.0, batch_size=128, ema_decay=0.9995)
  gan.penalties.update(r1=0.3, r2=0.3)
  for player in ("generator", "discriminator"):
    gan[f"{player}_optimizer"].schedule = "constant"
  return config


def _parts(arg: str) -> tuple[str, int, str]:
  data, _, rest = arg.partition("-")
  count, _, kind = rest.partition("-")
  known = data in DATA and kind in KINDS
  if not known or not count.isdecimal() or not int(count):  # 0 would be all of them
    raise UserError(
      f"configs/few_images.py:{arg} is unknown: choose DATA-COUNT-KIND with one of "
      f"{', '.join(DATA)}, a number of images and one of {', '.join(KINDS)}"
    )
  return data, int(count), kind
