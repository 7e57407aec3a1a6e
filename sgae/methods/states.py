"""What training carries from step to step: arrays only, bound to no network."""

from typing import Any, NamedTuple

import jax
from flax import struct

from sgae.networks.network import Params


class Batch(NamedTuple):
  """What one step sees of the data.

  Attributes:
    images: float32 in [-1, 1]: [B, H, W, C] for the autoencoder, [U, B, H, W, C] for
      an adversarial round of up to U updates a player.
    labels: int32, the images' classes: [B] or [U, B].
    positions: int32 [B], place of each example in the global batch.
  """

  images: jax.Array
  labels: jax.Array
  positions: jax.Array


class PlayerState(struct.PyTreeNode):
  """One trained network: its parameters and its optimizer's state."""

  params: Params
  optimizer: Any


class AutoencoderState(struct.PyTreeNode):
  """State of the `sae` phase.

  Attributes:
    step: int32 scalar, steps done.
    player: the autoencoder.
    idle_k: int32 [K], steps since each latent last fired.
    settings: float32 scalars that a user sweeps; `make_autoencoder_step` names them.
    key: the run's root key.
  """

  step: jax.Array
  player: PlayerState
  idle_k: jax.Array
  settings: dict[str, jax.Array]
  key: jax.Array


class GanState(struct.PyTreeNode):
  """State of the `gan` phase.

  Attributes:
    step: int32 scalar, adversarial rounds done.
    generator, discriminator: the players.
    average: exponential moving average (EMA) of the generator's parameters, in buffers
      of its own.
    settings: float32 scalars that a user sweeps: `<penalty>_weight` for each penalty in
      use, `ema_decay`, and for a sparse generator `sparsity_weight`, `rho` and
      `decoder_rate_factor`.
    key: the run's root key.
  """

  step: jax.Array
  generator: PlayerState
  discriminator: PlayerState
  average: Params
  settings: dict[str, jax.Array]
  key: jax.Array


class ClassifierState(struct.PyTreeNode):
  """State of the `classifier` phase.

  Attributes:
    step: int32 scalar, steps done.
    player: the classifier.
    key: the run's root key.
  """

  step: jax.Array
  player: PlayerState
  key: jax.Array
