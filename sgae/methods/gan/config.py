"""Section `gan` of a config.

All fields belong to the experiment but `steps`, `evaluate_every` and `save_every`,
which may change when a run is resumed.
"""

from typing import Any

from sgae.methods.config_fields import cadence_fields, optimizer_fields


def defaults() -> dict[str, Any]:
  """Returns the section `gan`."""
  return {
    # 'sparse': decoder(code(z)), with the autoencoder's decoder; 'plain': an MLP.
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
    # take each logit for a function of its own image alone.
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
  """Returns what is for a generator that is told a class, and its discriminator."""
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
  """Returns those of convolutions; the help finds their comments by the name."""
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
