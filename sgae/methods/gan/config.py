"""Section `gan` of a config.

All fields belong to the experiment but `steps`, `evaluate_every` and `save_every`,
which may change when a run is resumed.
"""

from typing import Any

from sgae.methods.config_fields import cadence_fields, optimizer_fields


def defaults() -> dict[str, Any]:
  """Returns the section `gan`."""
  return {
    # 'sparse': decoder(code(z)), with the autoencoder's decoder; 'plain': noise ->
    # image, by generator_architecture.
    "generator": "sparse",
    # Noise -> pre-activations of the code, for 'sparse': 'network', or 'mixture', a
    # mixture of Gaussians fitted to the codes of the training images before the first
    # round, plus a network that starts at zero.
    "coder": "network",
    "mixture": _mixture_fields(),
    # Length of the noise z.
    "latent_dim": 64,
    # 'normal' or 'uniform' (in [-1, 1)).
    "latent_distribution": "normal",
    # 'mlp', 'dcgan' or 'residual' (as in R3GAN), for what makes the image
    # ('plain') or the code ('sparse': 'mlp' for sae.architecture='mlp', another for
    # 'convolutional'); for the discriminator also 'autoencoder' or
    # 'sparse_autoencoder', whose errors are energies.
    "generator_architecture": "mlp",
    "discriminator_architecture": "mlp",
    # Widths between noise and code ('sparse') or noise and image ('plain'), and
    # between image and logit. 'dcgan': channels of layers of stride 2. 'residual':
    # channels of stages, each half or twice the size of the one before.
    "generator_hidden": (512, 512),
    "generator_activation": "leaky_relu",
    # Last activation of a 'plain' generator or an 'autoencoder': 'linear' or 'tanh'.
    "generator_output": "tanh",
    "discriminator_hidden": (512, 512),
    "discriminator_activation": "leaky_relu",
    # 'fresh', or 'encoder': its first layers are the autoencoder's encoder's, or
    # 'autoencoder': a 'sparse_autoencoder' is the trained one.
    "discriminator_start": "fresh",
    # Side of the kernels in pixels, for 'dcgan'.
    "kernel_size": 4,
    # 'none', or for 'dcgan' 'batch' (over all devices), 'layer', 'group' or
    # 'spectral'. A discriminator with 'batch' can have no penalty, since those
    # take each logit for a function of its own image, or of its group (see
    # deviation_group), alone.
    "generator_normalization": "none",
    "discriminator_normalization": "none",
    **gan_fields(),
    # 'minimax', 'non_saturating', 'least_squares', 'hinge', 'wasserstein' or
    # 'relativistic' (pairing); for an energy 'margin' (EBGAN) or 'equilibrium' (BEGAN).
    "loss": "relativistic",
    "energy": _energy_fields(),
    "conditional": _conditional_fields(),
    # Weights of the discriminator's penalties, gamma of gamma/2 |grad|^2 for r1 and
    # r2, lambda for the gradient penalty; 0: not computed.
    "penalties": {"r1": 1.0, "r2": 1.0, "gradient_penalty": 0.0},
    # Weight of Omega(code) in the generator's loss.
    "sparsity_weight": 1e-4,
    # Multiplies the updates of the generator's decoder; 0 freezes it.
    "decoder_rate_factor": 1.0,
    # Decay of the generator's moving average, per generator update.
    "ema_decay": 0.999,
    # Updates of each player in one round; a round is a step of this phase.
    "discriminator_updates": 1,
    "generator_updates": 1,
    # Real images per update, over all devices.
    "batch_size": 256,
    "generator_optimizer": _optimizer(),
    "discriminator_optimizer": _optimizer(),
    **cadence_fields(steps=2000),
  }


def _optimizer() -> dict[str, Any]:
  return optimizer_fields(learning_rate=6e-4, beta1=0.0, beta2=0.99, schedule="cosine")


def _augmentation_fields() -> dict[str, Any]:
  """Returns how images are altered before the discriminator, real and generated ones.

  In the updates of both players (DiffAugment, Zhao et al. 2020); by an adaptive chance
  this is ADA (Karras et al. 2020). Losses and penalties see altered images.
  """
  return {
    # Some of 'mirror', 'shift' (by up to an eighth of the shorter side, edges
    # repeated), 'cutout' (a square of half the side becomes grey) and 'colour'
    # (brightness, saturation, contrast). For digits 'shift' and 'cutout' alone.
    "kinds": (),
    # How likely each kind is, for each image; with a target the most that it rises to.
    "probability": 1.0,
    # ADA: the chance starts at 0, rises while r_t is above this, and falls below it;
    # .6 in the paper. 0: the chance is fixed.
    "target": 0.0,
    # ADA: real images in which the chance goes from 0 to 1.
    "speed": 500_000,
  }


def _consistency_fields() -> dict[str, Any]:
  """Returns how logits are held alike where images are altered once more (bCR)."""
  return {
    # Kinds as those of augmentation, always applied.
    "kinds": ("shift",),
    # Weights of the squared difference of logits, of real and of generated images; 10
    # in the paper. 0: not computed.
    "real": 0.0,
    "fake": 0.0,
  }


def _lecam_fields() -> dict[str, Any]:
  """Returns the pull of logits to averages of the other kind of images (LeCam)."""
  return {
    # In the discriminator's loss; .3 in the paper for CIFAR-10. 0: not computed.
    "weight": 0.0,
    # Of the averages, per round; those that ADA reads too.
    "decay": 0.99,
    # Rounds before it begins; it needs averages, so that the first is without it.
    "start": 1000,
  }


def _energy_fields() -> dict[str, Any]:
  """Returns what is for a discriminator that is an energy.

  An 'autoencoder' is dense, with the widths of `discriminator_hidden` down to its code,
  the last one, and back; 'sparse_autoencoder' is that of the sections sae and code. The
  energy of an image is its mean squared error over pixels, which lie in [-1, 1].
  """
  return {
    # For 'margin': energy from which on generated images are left alone. Of MNIST the
    # mean image, in place of each image, has .27.
    "margin": 0.1,
    # Weight in the generator's loss of the mean squared cosine between the
    # discriminator's codes of generated images (pulling-away term); 0: not computed.
    "pulling_away": 0.0,
    # For 'equilibrium': energy of generated images over that of real ones that is
    # wanted, in (0, 1]; less gives sharper and less varied images.
    "gamma": 0.5,
    # For 'equilibrium': lambda_k, how fast k goes there, per unit of energy.
    "balance_rate": 0.05,
  }


def _conditional_fields() -> dict[str, Any]:
  """Returns what is for a conditional generator and its discriminator."""
  return {
    # Classes of the data; 0: unlabelled, images of no class in particular.
    "classes": 0,
    # Length of the generator's embedding of the class, joined to the noise.
    "embedding": 32,
    # How the class is judged: 'projection' (in the logit), 'concatenation' (a plane
    # beside the image), or by a term of its own: 'auxiliary' (logits of the classes,
    # ACGAN), 'adc' (of real and of generated classes) or 'reacgan' (data to data).
    "discriminator": "projection",
    # Weight of that term in both players' losses.
    "weight": 1.0,
    # Length of the vectors that 'reacgan' compares.
    "width": 512,
  }


def gan_fields() -> dict[str, Any]:
  """Returns those of convolutions, and of what keeps a discriminator from overfitting.

  The help finds their comments by the function's name.
  """
  return {
    # For 'residual': blocks in each stage, and groups of the 3x3 convolutions,
    # which divide twice each width.
    "residual": {"blocks": 1, "groups": 1},
    # Self-attention of 'dcgan' and 'residual' (Zhang et al. 2019): after which maps, by
    # their rows in pixels (in cells of a sparse code that the generator makes), as
    # (16,). 'dcgan' has the sizes between the image and the dense layer, 'residual'
    # that of the image too. A discriminator with it is differentiated twice for R1
    # and R2.
    "generator_attention": (),
    "discriminator_attention": (),
    # Heads of each, which divide an eighth and a half of the map's channels.
    "attention_heads": 1,
    "augmentation": _augmentation_fields(),
    "consistency": _consistency_fields(),
    "lecam": _lecam_fields(),
    # Images that the discriminator judges as one, in its channels (PacGAN); divides a
    # device's share of the batch.
    "packing": 1,
    # Neighbours in the batch (packs of them) of which the discriminator sees how much
    # they differ (minibatch standard deviation), in a further layer of as many features
    # as the last of discriminator_hidden; divides a device's share. 0: none.
    "deviation_group": 0,
    # For 'minimax', 'non_saturating' and 'least_squares': the discriminator's target of
    # real images is this far below 1.
    "label_smoothing": 0.0,
    # For the same: share of images, real and generated, whose targets are swapped.
    "label_noise": 0.0,
    # Chance that an update of either player leaves out a hidden unit of the
    # discriminator, another choice for each image; the others are scaled up. For 'mlp',
    # and for 'autoencoder' between image and code. 0: none is left out.
    "discriminator_dropout": 0.0,
  }


def _mixture_fields() -> dict[str, Any]:
  return {
    # Gaussians; with classes as many for each of them, which divide them.
    "components": 300,
    # Principal axes of the codes that they lie in.
    "axes": 128,
    # Directions that each of them varies in; less than gan.latent_dim.
    "rank": 48,
    # Training images that it is fitted to, at most.
    "examples": 60_000,
    # Whether adversarial training moves it.
    "trained": False,
  }


SECTIONS = {"gan": defaults}
