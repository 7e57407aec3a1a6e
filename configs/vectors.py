"""Activations of another network: a sparse autoencoder on vectors from a file.

    python launch.py --config=configs/vectors.py --config.data.path=activations.npy

The file is a .npy of float16, float32 or float64 [N, D], which may be larger than the
memory, or a .npz with such an array named `activations` (--config.data.array=...).
"""

from typing import Any

from configs import base


def get_config(arg: str = "") -> Any:
  """Returns the config; configs/base.py says where all fields are defined."""
  del arg
  config = base.get_config(("sae",))
  config.data.source = "vectors"
  config.data.path = "activations.npy"
  config.code.update(num_latents=4096, k=32)
  config.sae.update(output="linear", batch_size=1024)
  config.sae.update(steps=5000, log_every=50, evaluate_every=1000, save_every=1000)
  return config
