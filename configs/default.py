"""Every field there is, with its meaning and unit. Other configs start from this one.

A field marked [fixed] belongs to the experiment: a run directory that was started with
one value refuses to go on with another. The others may change when a run is resumed.
All fields of `sae`, `gan` and `classifier` are [fixed] but `steps`, `evaluate_every`,
`save_every`.
"""

from typing import Any

from ml_collections import ConfigDict


def get_config(arg: str = "") -> Any:
  """Returns the defaults, locked: a field that is not here cannot be set.

  `arg` is what follows a colon in --config and is not used.
  """
  del arg
  config = ConfigDict(
    {
      # Seed of everything random: weights, noise, order of examples. [fixed]
      "seed": 0,
      # Phases in order: ('sae', 'gan'), ('gan',) for the baseline with fresh weights,
      # ('sae',), or ('classifier',), whose features measures stand on. [fixed]
      "phases": ("sae", "gan"),
      "data": {
        # 'digits' (inside scikit-learn, needs no download), 'tfds', 'npz' (arrays in a
        # file), 'folder' (image files), 'mixture' (points of the plane) or 'stacked'
        # (grey TFDS images, several in the channels of one). [fixed]
        "source": "digits",
        # TFDS name, e.g. 'mnist', 'fashion_mnist', 'cifar10'; or for 'mixture' 'ring'
        # or 'grid'. [fixed]
        "name": "mnist",
        # Where TFDS data lie; '' = $TFDS_DATA_DIR, else ~/tensorflow_datasets.
        "directory": "",
        # The .npz file or the folder of images; '' for the other sources. What may be
        # in it: sgae/data/npz.py and folder.py. Without a test split the first of every
        # ten examples make it (in the order of the arrays, or of the sorted file
        # names), whatever the seed. [fixed]
        "path": "",
        # Side in pixels that images are resized to; 0 = as stored, which 'mixture'
        # needs. 'folder' cuts the square in the centre out first. [fixed]
        "image_size": 0,
        # For 'stacked': digits in an image, which are its channels, 2, 3 or 4. [fixed]
        "stacked_digits": 3,
        # For 'stacked': training images, the same ones in each epoch (128,000: the
        # protocol of VEEGAN and PacGAN); 0: each is made on the fly and never seen
        # again (that of Unrolled GAN and R3GAN). [fixed]
        "stacked_examples": 128_000,
        # Training images on each device ('resident'), or on the host and read ahead
        # ('streamed'); the same examples either way. 'auto': resident where they take
        # no more than a quarter of a device's memory.
        "placement": "auto",
        # Decoded images and compiled programs; '' = $SGAE_CACHE_DIR, else
        # $XDG_CACHE_HOME/sgae, else ~/.cache/sgae.
        "cache_directory": "",
      },
      "precision": {
        # Numbers that networks compute in: 'float32' or 'bfloat16'; parameters, codes,
        # images and losses stay float32. [fixed]
        "compute": "float32",
      },
      "train": {
        # Parts in which each batch is taken, one after the other, to need less memory;
        # gives the update of the whole batch. Divides a device's share of it.
        "microbatches": 1,
      },
      # Checks that slow a run down: stop where a NaN first appears, refuse a random key
      # that is used twice and arrays that broadcast by rank.
      "debug": False,
      "profile": {
        # Steps of each phase that are traced into <workdir>/profile/<phase> for
        # TensorBoard or Perfetto, after those that compile; 0: none. Rounded up to
        # whole compiled calls.
        "steps": 0,
      },
      "parallel": {
        # How steps are compiled: 'jit', 'shard_map' or 'pmap'.
        "mode": "jit",
        # Number of devices; 0 = all. Divides every batch size.
        "devices": 0,
      },
      # The sparse code, one for autoencoder and generator.
      "code": {
        # Latents; at each place, for sae.architecture='convolutional'. [fixed]
        "num_latents": 512,
        # 'relu', 'sigmoid', 'topk', 'batch_topk', 'jumprelu', or 'none' for a plain
        # autoencoder. [fixed]
        "sparsity_map": "topk",
        # Active latents per example (over all places of a convolutional code), for
        # 'topk' and 'batch_topk'. [fixed]
        "k": 64,
        # Start of the learned threshold and width of its gradient's kernel, for
        # 'jumprelu', in units of the pre-activation. [fixed]
        "threshold": 0.1,
        "bandwidth": 0.1,
        # Omega: 'none', 'l1', 'kl' (needs 'sigmoid') or 'l0' (needs 'jumprelu').
        # [fixed]
        "penalty": "l1",
        # Mean activation that 'kl' asks for, in (0, 1). [fixed]
        "rho": 0.05,
      },
      "sae": {
        # 'mlp', or 'convolutional': a code [h, w, num_latents] with places, whose
        # layers are convolutions of stride 2. The code's own is one of them, so n
        # hidden widths divide height and width by 2 ** (n + 1).
        "architecture": "mlp",
        # Widths (channels) between image and code, and between code and image, as many
        # for 'convolutional'; none: linear, and then the decoder's atoms are images
        # (patches of images).
        "encoder_hidden": (),
        "decoder_hidden": (),
        # Hidden activation: 'leaky_relu', 'relu', 'silu' or 'tanh'.
        "activation": "leaky_relu",
        # Last activation of the decoder: 'linear' or 'tanh', which lets a generator on
        # top of it draw a clean background.
        "output": "tanh",
        # Side of the kernels in pixels, for 'convolutional'.
        "kernel_size": 4,
        # Start the encoder as the decoder's transpose (both must be linear).
        "tied_start": True,
        # Keep atoms at norm 1.
        "unit_norm_atoms": True,
        # Weight of Omega(code) in the autoencoder's loss.
        "sparsity_weight": 0.0,
        # Weight of the loss that revives dead latents; 0: no such loss.
        "auxiliary_weight": 1 / 32,
        # Dead latents that one example may use in it.
        "auxiliary_k": 32,
        # A latent is dead when it has not fired in this many steps.
        "dead_after": 100,
        # Images per step, over all devices.
        "batch_size": 256,
        "optimizer": _optimizer(learning_rate=1e-3, beta1=0.9, beta2=0.999),
        # Steps of the phase, and steps between metric lines (also the steps in one
        # compiled call), pictures and checkpoints. log_every divides the others. A
        # schedule ends at `steps`: under one that decays, a run that is made longer is
        # not the run that had them from the start.
        "steps": 1000,
        "log_every": 50,
        "evaluate_every": 500,
        "save_every": 500,
      },
      "gan": {
        # 'sparse': decoder(code(z)), with the autoencoder's decoder; 'plain': an MLP.
        "generator": "sparse",
        # Length of the noise z.
        "latent_dim": 64,
        # 'normal' or 'uniform' (in [-1, 1)).
        "latent_distribution": "normal",
        # 'mlp', 'dcgan' or 'residual' (as in R3GAN), for what makes the image
        # ('plain') or the code ('sparse': 'mlp' for sae.architecture='mlp', another for
        # 'convolutional').
        "generator_architecture": "mlp",
        "discriminator_architecture": "mlp",
        # Widths between noise and code ('sparse') or noise and image ('plain'), and
        # between image and logit. 'dcgan': channels of layers of stride 2. 'residual':
        # channels of stages, each half or twice the size of the one before.
        "generator_hidden": (512, 512),
        "generator_activation": "leaky_relu",
        # Last activation of the 'plain' generator: 'linear' or 'tanh'.
        "generator_output": "tanh",
        "discriminator_hidden": (512, 512),
        "discriminator_activation": "leaky_relu",
        # Side of the kernels in pixels, for 'dcgan'.
        "kernel_size": 4,
        # 'none', or for 'dcgan' 'batch' (over all devices), 'layer', 'group' or
        # 'spectral'. A discriminator with 'batch' can have no penalty, since those
        # take each logit for a function of its own image alone.
        "generator_normalization": "none",
        "discriminator_normalization": "none",
        # For 'residual': blocks in each stage, and groups of the 3x3 convolutions,
        # which divide twice each width.
        "residual": {"blocks": 1, "groups": 1},
        # 'minimax', 'non_saturating', 'least_squares', 'hinge', 'wasserstein' or
        # 'relativistic' (pairing).
        "loss": "relativistic",
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
        "generator_optimizer": _optimizer(
          learning_rate=6e-4, beta1=0.0, beta2=0.99, schedule="cosine"
        ),
        "discriminator_optimizer": _optimizer(
          learning_rate=6e-4, beta1=0.0, beta2=0.99, schedule="cosine"
        ),
        # As in `sae`, in rounds.
        "steps": 2000,
        "log_every": 50,
        "evaluate_every": 500,
        "save_every": 500,
      },
      # The network whose last hidden layer gives the features that measures compare.
      # Trained by its own phase, or on first use where none is shipped for the data.
      "classifier": {
        # Classes; as many as the data have.
        "num_classes": 10,
        # Widths of the three convolutions (stride 2) and of the hidden layer.
        "channels": (24, 48, 64),
        "num_features": 128,
        # Images are moved by up to so many pixels each way, and mirrored or not.
        "shift": 2,
        "flip": False,
        # Share of the features that are dropped in training, in [0, 1).
        "dropout": 0.3,
        "batch_size": 256,
        "optimizer": _optimizer(
          learning_rate=2e-3, beta1=0.9, beta2=0.999, schedule="cosine"
        ),
        # As in `sae`.
        "steps": 3000,
        "log_every": 50,
        "evaluate_every": 500,
        "save_every": 500,
      },
      # How generation is measured: at `gan.evaluate_every`, and after training. What is
      # in a measure stands in sgae/evaluation/; those that the data do not allow
      # (no labels, no modes) are left out.
      "evaluation": {
        # In training: of 'frechet', 'kernel', 'manifold', 'classes', 'modes',
        # 'mixture' and 'memorisation'. After training all of them are taken.
        "measures": ("frechet", "manifold", "classes", "modes", "mixture"),
        # Samples that are measured in training, and after it; there no more than there
        # are training images.
        "num_samples": 2000,
        "final_samples": 10000,
        # Train the controls of the data set (an autoencoder with a Gaussian mixture on
        # its codes) in the first `--mode=evaluate` that meets it.
        "controls": True,
        # Keep the state of least Frechet distance in training apart, and sample from
        # it and evaluate it.
        "keep_best": False,
        # End the gan phase after so many evaluations without a smaller Frechet
        # distance; 0: never.
        "patience": 0,
      },
      "checkpoint": {
        # Where checkpoints go; '' = the run directory. Several machines need a place
        # that all can reach: a shared folder, or gs://bucket/run (see README). [fixed]
        "directory": "",
        # Newest checkpoints of each phase that are kept.
        "keep": 2,
      },
    }
  )
  return config.lock()


def _optimizer(
  learning_rate: float, beta1: float, beta2: float, schedule: str = "constant"
) -> dict:
  return {
    # 'adam', 'rmsprop' (beta2 is its decay) or 'sgd' (beta1 is its momentum).
    "name": "adam",
    "learning_rate": learning_rate,
    "beta1": beta1,
    "beta2": beta2,
    # 'constant', 'linear' or 'cosine', to 0 at the phase's last update.
    "schedule": schedule,
    # Updates over which the rate rises to its full size.
    "warmup_updates": 0,
  }
