"""Super-resolution: images twice or four times as large as those that are given.

    python launch.py --config=configs/super_resolution.py
    python launch.py --mode=upscale --workdir=runs/super_resolution --images=FOLDER

`configs/super_resolution.py:DATA-FACTOR-FORM` (its end may be left out) chooses
fashion_mnist (28x28) or cifar10 (32x32), 2 or 4, and

    pixels       the mean absolute error of pixels alone; the default
    adversarial  with a discriminator, and the features of a classifier that is trained
                 before it
    sparse       an encoder of the small image gives a code, of which the decoder of a
                 trained autoencoder makes the large one

Seed 0, commit 04e96bc, one core of an Intel Xeon, one run each, all 10,000 test images:
the default takes 2 min and has a PSNR of 26.24 dB (Lanczos 19.40).
`:fashion_mnist-2-sparse` has 20.57 dB, of 23.50 that its autoencoder allows.
`:cifar10-2` has 28.78 dB (Lanczos 26.62) after 3,000 steps (2 min 11 s), `:cifar10-4`
22.43 dB (Lanczos 21.36; 1 min 33 s). In 2,000 steps (seed 1)
`:fashion_mnist-2-adversarial` has a feature distance of .0249 and 24.44 dB, pixels
alone have .0351 and 25.10 dB.
"""

from typing import Any

from configs import base
from sgae.config_checks import chosen
from sgae.errors import UserError

DATA = ("fashion_mnist", "cifar10")
FACTORS = ("2", "4")
FORMS = ("pixels", "adversarial", "sparse")


def get_config(arg: str = "") -> Any:
  """Returns the config; `arg` is DATA-FACTOR-FORM, of which the end may be left out.

  Raises:
    UserError: there are no such data, factor or form.
  """
  data, factor, form, *rest = arg.split("-") + ["", "", ""]
  if any(rest):
    raise UserError(f"configs/super_resolution.py:{arg} is too long: choose 3 parts")
  form = chosen("form", form, FORMS)
  earlier = {"pixels": (), "adversarial": ("classifier",), "sparse": ("sae",)}[form]
  config = base.get_config((*earlier, "super_resolution"))
  config.data.source = "tfds"
  config.data.name = chosen("data set", data, DATA)
  fields = config.super_resolution
  fields.factor = int(chosen("factor", factor, FACTORS))
  fields.update(log_every=100, evaluate_every=1000, save_every=1000)
  if form == "adversarial":
    config.seed = 1  # so that its classifier is another than the evaluation's
    fields.update(adversarial_weight=0.01, feature_weight=1.0)
  if form == "sparse":
    fields.update(generator="sparse", batch_size=64)
    config.code.update(num_latents=1024, k=64)
    config.sae.update(steps=4000, evaluate_every=4000, save_every=4000)
  return config
