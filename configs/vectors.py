"""Activations of another network: a sparse autoencoder on vectors from a file.

    python launch.py --config=configs/vectors.py --config.data.path=activations.npy

The file is a .npy of float16, float32 or float64 [N, D], which may be larger than the
memory, or a .npz with such an array named `activations` (--config.data.array=...).

`:transcoder` learns what a layer of that network gives from what it takes: row i of one
file belongs to row i of the other. Where targets have another width than inputs,
--config.sae.target_width names it.

    python launch.py --config=configs/vectors.py:transcoder \\
      --config.data.path=inputs.npy --config.data.second.path=targets.npy
"""

from typing import Any

from configs import base
from sgae.errors import UserError


def get_config(arg: str = "") -> Any:
  """Returns the config; configs/base.py says where all fields are defined."""
  if arg not in ("", "transcoder"):
    raise UserError(f"the argument :{arg} is unknown: choose :transcoder, or none")
  config = base.get_config(("sae",))
  config.data.source = "vectors"
  config.data.path = "activations.npy"
  config.code.update(num_latents=4096, k=32)
  config.sae.update(output="linear", batch_size=1024)
  config.sae.update(steps=5000, log_every=50, evaluate_every=1000, save_every=1000)
  if arg:
    config.data.paired = True
    config.data.path = "inputs.npy"
    config.data.second.update(source="vectors", path="targets.npy")
    config.sae.update(transcoder=True, tied_start=False)
  return config
