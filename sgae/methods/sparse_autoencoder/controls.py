"""Controls: autoencoders with Gaussians on their codes, without an adversary.

A GAN that does not beat them has shown nothing (Lucic et al. 2018, arXiv 1711.10337;
Ghosh et al. 2020, arXiv 1903.12436).
"""

from typing import Any

import numpy as np
from ml_collections import ConfigDict, FrozenConfigDict

from sgae.methods.method import Controls
from sgae.methods.sparse_autoencoder.config import code_defaults, defaults
from sgae.methods.sparse_autoencoder.networks import build_autoencoder

# The plain autoencoder has no sparsity, the sparse one is that of the defaults.
MODELS: dict[str, dict[str, Any]] = {
  "AE": {
    "code": {"num_latents": 16, "sparsity_map": "none", "penalty": "none"},
    "sae": {
      "encoder_hidden": (512, 256),
      "decoder_hidden": (256, 512),
      "tied_start": False,
      "unit_norm_atoms": False,
      "auxiliary_weight": 0.0,
      "steps": 5000,
      "log_every": 50,
    },
  },
  "SAE": {
    "code": {"num_latents": 512, "sparsity_map": "topk", "k": 64, "penalty": "none"},
    "sae": {
      "encoder_hidden": (),
      "decoder_hidden": (),
      "tied_start": True,
      "unit_norm_atoms": True,
      "auxiliary_weight": 1 / 32,
      "auxiliary_k": 32,
      "steps": 1000,
      "log_every": 50,
    },
  },
}


def configure(config: Any, kind: str, batch_size: int) -> Any:
  """Returns the config that trains one of `MODELS`, whatever the run's own says.

  Args:
    config: of a run.
    kind: a key of `MODELS`.
    batch_size: images of a step, at most.
  """
  fields = config.to_dict() | {"sae": defaults(), "code": code_defaults()}
  own: Any = ConfigDict(fields)
  own.update(seed=0, phases=("sae",))
  own.train.microbatches, own.data.balance = 1, False
  own.precision.compute = "float32"
  for section, values in MODELS[kind].items():
    own[section].update(values)
  own.sae.batch_size = min(own.sae.batch_size, batch_size)
  own.sae.optimizer.schedule = "cosine"
  return FrozenConfigDict(own)


def decode(config: Any, mean_image: np.ndarray) -> Any:
  """Returns `f(state, drawn_bk) -> images_bhwc`.

  What is drawn from a Gaussian is no code yet: the sparsity map makes it as sparse as
  codes are.
  """
  autoencoder = build_autoencoder(config, mean_image)

  def decode_drawn(state, drawn_bk):
    params = state.player.params
    code = autoencoder.sparsify(params, drawn_bk, train=False)
    return autoencoder.decode(params, code)

  return decode_drawn


CONTROLS = Controls(
  models=MODELS,
  # name -> (model, key of `baselines.GAUSSIANS`, how many Gaussians)
  fits={
    "AE + mixture of 10": ("AE", "mixture", 10),
    "AE + mixture of 100": ("AE", "mixture", 100),
    "SAE + 100 Gaussian clusters": ("SAE", "clusters", 100),
  },
  configure=configure,
  decode=decode,
)
