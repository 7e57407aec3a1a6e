"""MNIST with 100 labels: a semi-supervised GAN names the classes.

    python launch.py --config=configs/recognition.py

`configs/recognition.py:START` chooses what the discriminator starts from, and
`:START-LABELS` how many labelled images there are (20, 50, 100, 200, 1000 or all):

    :fresh  fresh weights; the default
    :sae    the first layer has the directions of a sparse autoencoder's encoder

The networks are those of Salimans et al. 2016, dense, so that no order of the pixels
would change anything; there 300 epochs (180,000 steps) come to .93 % (.065). Here are
20,000 steps with rates that fall to 0: 26 minutes on one core of an Intel Xeon that
does other work as well, test error 2.16 % (standard deviation .28: 1.81, 2.14, 2.49,
2.39 and 1.99 %), seed 0, label draws 0 to 4, commit 04e96bc (draw 2: 363ecad; 3 and 4:
c622059); `:sae`, draw 0, 2.57 %. `--config.recognition.label_draw=1` draws other
labelled images.

In a short form (`--config.recognition.steps=3000`), seed 0, label draw 0, commit
06dca2d: test error 10.5 % (.3) in 4 min 47 s; `:sae` 11.5 % (.3) in 5 min, the encoder
included.
"""

from typing import Any

from configs import base
from sgae.config_checks import chosen

STARTS = ("fresh", "sae")
# Labelled images in all -> of each class.
LABELS = {"100": 10, "20": 2, "50": 5, "200": 20, "1000": 100, "all": 0}


def get_config(arg: str = "") -> Any:
  """Returns the config; `arg` is START or START-LABELS, or '' for the first of both.

  Raises:
    UserError: there is no such start, or number of labels.
  """
  first, _, labels = arg.partition("-")
  start = chosen("start", first, STARTS)
  phases = ("sae", "recognition") if start == "sae" else ("recognition",)
  config = base.get_config(phases)
  config.data.source = "tfds"
  config.data.name = "mnist"
  if start == "sae":
    # an atom for each unit of the discriminator's first layer
    config.code.num_latents = 1000
    config.sae.update(steps=1500, evaluate_every=1500, save_every=1500)
    config.recognition.discriminator_start = "encoder"
  fields = config.recognition
  fields.labels_per_class = LABELS[chosen("number of labels", labels, tuple(LABELS))]
  fields.update(log_every=100, evaluate_every=1000, save_every=1000)
  return config
