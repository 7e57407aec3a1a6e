"""Super-resolution: images twice or four times as large as those that are given.

python launch.py --config=configs/super_resolution.py
python launch.py --config=configs/super_resolution.py:cifar10-2
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
