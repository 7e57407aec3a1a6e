"""Section `vae_gan` of a config, beside the section `vae`.

Encoder and decoder are those that `vae` describes; what it says of their training does
not count here. All fields belong to the experiment but `steps`, `evaluate_every` and
`save_every`, which may change when a run is resumed.
"""

from typing import Any

from sgae.methods.config_fields import cadence_fields, optimizer_fields
from sgae.methods.vae import config as autoencoder


def defaults() -> dict[str, Any]:
  """Returns the section `vae_gan`."""
  return {
    # Widths of the discriminator's layers, which are of the kind of vae.architecture;
    # the last is of the features that images are compared by. Its logit is linear in
    # these.
    "discriminator_hidden": (512, 256),
    # 'leaky_relu', 'relu', 'silu' or 'tanh'; of the features as well.
    "discriminator_activation": "leaky_relu",
    # Weight of KL in the encoder's loss, beside the feature error: 1/2 |f(x) - f(x~)|^2
    # of an image and its reconstruction, in nats as of a unit Gaussian.
    "beta": 1.0,
    # Weight of the feature error in the decoder's loss, beside the adversarial loss
    # (gamma of the paper).
    "reconstruction_weight": 0.01,
    # The discriminator has a cross-entropy of real images and one of generated ones;
    # one that always answers 0 has log 2 = .69 for both. It is not updated in a step
    # where either is below `least_cost`, the decoder is not where either is above
    # `most_cost`, and both are where both would not be. 0 and a large number (1e9)
    # switch this off.
    "least_cost": 0.28,
    "most_cost": 1.08,
    # Decay of the decoder's moving average, per step.
    "ema_decay": 0.999,
    # Images per step, over all devices.
    "batch_size": 128,
    # A schedule counts the updates of each network, without those that are left out.
    "autoencoder_optimizer": _optimizer(),
    "discriminator_optimizer": _optimizer(),
    **cadence_fields(steps=6000),
  }


def _optimizer() -> dict[str, Any]:
  return optimizer_fields(learning_rate=3e-4, beta1=0.5, beta2=0.999)


SECTIONS = {"vae_gan": defaults, **autoencoder.SECTIONS}
