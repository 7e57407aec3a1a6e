"""Networks as pairs of pure functions (init, apply); Flax stays behind them.

`sparse_autoencoder` puts one together with one of the sparsity maps `topk`,
`batch_topk`, `jumprelu`, `gated`, `relu`, `sigmoid`.
"""

from typing import TYPE_CHECKING

from sgae import lazy

if TYPE_CHECKING:
  from sgae.networks.public import (
    batch_topk,
    gated,
    jumprelu,
    relu,
    sigmoid,
    sparse_autoencoder,
    topk,
  )

__all__ = [
  "batch_topk",
  "gated",
  "jumprelu",
  "relu",
  "sigmoid",
  "sparse_autoencoder",
  "topk",
]

__getattr__ = lazy.attach(__name__, dict.fromkeys(__all__, "sgae.networks.public"))
