"""Sparse autoencoders, generative adversarial networks, and the two combined.

From Python:

- `load_run(workdir)`: a trained run, with pure functions bound to its weights.
- `load_saelens(folder)`: an autoencoder that SAELens has written, or that was exported
  for it.
- `train(config, workdir)`: trains a config, with a progress bar.
- `losses`, `networks`: pure functions and (init, apply) pairs.
- `methods`: what can be trained, such as `methods.gan.build(config, image_shape)`.
- `evaluation`: measures of generation, feature extractor, floor and controls.

Everything is imported when it is first used.
"""

from typing import TYPE_CHECKING

from sgae import lazy

if TYPE_CHECKING:
  from sgae import evaluation, losses, methods, networks
  from sgae.runs.layouts import load_saelens
  from sgae.runs.load import load_run
  from sgae.training.start import train

__all__ = [
  "evaluation",
  "load_run",
  "load_saelens",
  "losses",
  "methods",
  "networks",
  "train",
]

__getattr__ = lazy.attach(
  __name__,
  {
    "evaluation": "sgae.evaluation",
    "load_run": "sgae.runs.load",
    "load_saelens": "sgae.runs.layouts",
    "losses": "sgae.losses",
    "methods": "sgae.methods",
    "networks": "sgae.networks",
    "train": "sgae.training.start",
  },
)
