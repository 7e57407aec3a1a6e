"""Section `super_resolution` of a config.

Ledig et al. 2017 (SRGAN, arXiv 1609.04802); with `generator='sparse'` coupled
dictionaries, Yang et al. 2010. All fields belong to the experiment but `steps`,
`evaluate_every` and `save_every`, which may change when a run is resumed.
"""

from typing import Any

from sgae.methods.config_fields import cadence_fields, optimizer_fields


def defaults() -> dict[str, Any]:
  """Returns the section `super_resolution`."""
  return {
    # How many times as many rows and columns the result has; divides both sides of the
    # data's images. The small images are these, made smaller by Pillow's antialiased
    # bicubic filter and rounded to bytes.
    "factor": 2,
    # 'residual': residual blocks add to the bicubically enlarged image. 'sparse': an
    # encoder gives a sparse code, of which the autoencoder's decoder makes the image.
    "generator": "residual",
    # Channels and number of the residual blocks.
    "channels": 32,
    "blocks": 4,
    # 'sparse': widths between small image and code, and what the updates of the
    # transferred decoder are multiplied by; 0 keeps the autoencoder's own.
    "encoder_hidden": (1024,),
    "decoder_rate_factor": 0.0,
    # 'sparse': weight of Omega(code) in the generator's loss.
    "sparsity_weight": 0.0,
    # Weight in the generator's loss of the mean absolute error of pixels, in [-1, 1].
    "pixel_weight": 1.0,
    # Weight of the adversarial loss; 0: there is no discriminator.
    "adversarial_weight": 0.0,
    # Weight of the squared distance of the features of a classifier, an earlier phase,
    # relative to their size; 0: not computed.
    "feature_weight": 0.0,
    # 'minimax', 'non_saturating', 'least_squares', 'hinge' or 'relativistic' (pairing:
    # each image with what is made of its own small one).
    "loss": "relativistic",
    # Channels of the discriminator's layers of stride 2, which have spectral
    # normalization, and the side of their kernels in pixels.
    "discriminator_hidden": (32, 64, 128),
    "kernel_size": 4,
    # Decay of the moving average of the generator's weights, per step: it makes the
    # images.
    "ema_decay": 0.999,
    # Images per step, over all devices.
    "batch_size": 16,
    "generator_optimizer": _optimizer(1e-3),
    "discriminator_optimizer": _optimizer(2e-4),
    **cadence_fields(steps=6000),
  }


def _optimizer(learning_rate: float) -> dict[str, Any]:
  return optimizer_fields(learning_rate, beta1=0.9, beta2=0.99, schedule="cosine")


SECTIONS = {"super_resolution": defaults}
