"""Section `translation` of a config: images of one side to the other and back.

CycleGAN (Zhu et al. 2017, arXiv 1703.10593): a generator for each direction and a
discriminator for each side. All fields belong to the experiment but `steps`,
`evaluate_every` and `save_every`, which may change when a run is resumed.
"""

from typing import Any

from sgae.methods.config_fields import cadence_fields, optimizer_fields


def defaults() -> dict[str, Any]:
  """Returns the section `translation`."""
  return {
    # 'residual' (convolutions with residual blocks where the image is smallest), 'mlp',
    # or 'sparse': the encoder of one side, a code that both share, the decoder of the
    # other side, as the sections `sae` and `code` say.
    "generator_architecture": "residual",
    # Channels: the first at the image's size, each further one at half the size before
    # it. Of 'mlp' the widths; 'sparse' has none of its own.
    "generator_hidden": (16, 32, 64),
    # Residual blocks at the smallest size.
    "blocks": 3,
    # Of the convolutions: 'instance' or 'none'.
    "generator_normalization": "instance",
    # 'patch' (a logit for each patch) or 'mlp' (one logit).
    "discriminator_architecture": "patch",
    # Channels of strided convolutions, or widths of 'mlp'.
    "discriminator_hidden": (32, 64),
    # Of the convolutions: 'instance', 'spectral' or 'none'.
    "discriminator_normalization": "instance",
    # 'least_squares' (that of the paper), 'minimax', 'non_saturating', 'hinge' or
    # 'relativistic'.
    "loss": "least_squares",
    # Weights of the generators' terms, each summed over both directions; 0: it is not
    # computed. The paper's adversarial term is twice our least squares, which has a
    # factor of one half, so 2 here is 1 there.
    "adversarial_weight": 2.0,
    # Mean absolute error of an image that was translated and back.
    "cycle_weight": 10.0,
    # Mean absolute error of an image of the target side, which should stay as it is.
    "identity_weight": 5.0,
    # Mean absolute error to the true partner, for data in pairs; the discriminators
    # then see the input beside the output (pix2pix, Isola et al. 2017, arXiv
    # 1611.07004).
    "pair_weight": 0.0,
    # Cross entropy between the class that a classifier, an earlier phase, gives to an
    # image and what it gives to the translated one: the semantic term of CyCADA
    # (Hoffman et al. 2018, arXiv 1711.03213). That phase learns the labels of the first
    # side alone, none of the second; it is kept as it is.
    "semantic_weight": 0.0,
    # Of the code's penalty, for 'sparse'.
    "sparsity_weight": 0.0,
    # Earlier translated images of each side that the discriminators are shown in place
    # of half of the new ones; 0: none. They are part of the state.
    "history": 50,
    # Decay of the moving average of the generators' weights, per step: it translates.
    "ema_decay": 0.999,
    # Images of each side in a step, over all devices.
    "batch_size": 32,
    "generator_optimizer": _optimizer(),
    "discriminator_optimizer": _optimizer(),
    **cadence_fields(steps=4000),
  }


def _optimizer() -> dict[str, Any]:
  return optimizer_fields(
    learning_rate=2e-4, beta1=0.5, beta2=0.999, schedule="late_linear"
  )


SECTIONS = {"translation": defaults}
