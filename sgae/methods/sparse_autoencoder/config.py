"""Sections `sae` and `code` of a config: the sparse autoencoder and its code.

All fields belong to the experiment but `steps`, `evaluate_every` and `save_every`,
which may change when a run is resumed.
"""

from typing import Any

from sgae.methods.config_fields import cadence_fields, optimizer_fields


def code_defaults() -> dict[str, Any]:
  """Returns the section `code`: the sparse code that other methods may use as well."""
  return {
    # Latents; at each place, for sae.architecture='convolutional'.
    "num_latents": 512,
    # 'relu', 'sigmoid', 'topk', 'batch_topk', 'jumprelu', 'gated' (a latent has a gate
    # and a size; a penalty is on the gates), or 'none' for a plain autoencoder.
    "sparsity_map": "topk",
    # Active latents per example (over all places of a convolutional code), for
    # 'topk' and 'batch_topk'.
    "k": 64,
    # Start of the learned threshold and width of its gradient's kernel, for
    # 'jumprelu', in units of the pre-activation.
    "threshold": 0.1,
    "bandwidth": 0.1,
    # Omega: 'none', 'l1', 'kl' (needs 'sigmoid') or 'l0' (needs 'jumprelu').
    "penalty": "l1",
    # Mean activation that 'kl' asks for, in (0, 1).
    "rho": 0.05,
  }


def defaults() -> dict[str, Any]:
  """Returns the section `sae`."""
  return {
    # 'mlp'; 'lista': an encoder of a few iterations of sparse coding with learnt
    # weights, and a linear decoder (Gregor & LeCun 2010); or 'convolutional': a code
    # [h, w, num_latents] with places, whose layers are convolutions of stride 2. The
    # code's own is one of them, so n hidden widths divide height and width by
    # 2 ** (n + 1).
    "architecture": "mlp",
    # Widths (channels) between image and code, and between code and image, as many
    # for 'convolutional'; none: linear, and then the decoder's atoms are images
    # (patches of images).
    "encoder_hidden": (),
    "decoder_hidden": (),
    # Hidden activation: 'leaky_relu', 'relu', 'silu' or 'tanh'.
    "activation": "leaky_relu",
    # Last activation of the decoder: 'linear', or 'tanh', for clean backgrounds.
    "output": "tanh",
    # Side of the kernels in pixels, for 'convolutional'.
    "kernel_size": 4,
    # Self-attention of 'convolutional' (Zhang et al. 2019): after which maps, by their
    # rows in pixels, as (7,). The encoder has the sizes from half the image's to the
    # code's, at which the code is attended before it is made sparse; the decoder those
    # of its hidden layers, and takes it along into a generator.
    "encoder_attention": (),
    "decoder_attention": (),
    # Heads of each, which divide an eighth and a half of the map's channels.
    "attention_heads": 1,
    # Iterations after the first one, for 'lista'.
    "lista_iterations": 3,
    # Train on the images of both sides of the data, half of each batch from either.
    "both_sides": False,
    # Encode the vectors of the first side and make those of the second
    # (data.paired=True): a transcoder (Dunefsky et al. 2024, arXiv 2406.11944), such as
    # from what goes into a layer of another network to what comes out of it. All errors
    # are those of the second side.
    "transcoder": False,
    # Width of the vectors that a transcoder makes; 0: that of the vectors it encodes.
    "target_width": 0,
    # Start the encoder as the decoder's transpose (both must be linear).
    "tied_start": True,
    # Keep atoms at norm 1.
    "unit_norm_atoms": True,
    **_dictionary_fields(),
    # Weight of Omega(code) in the autoencoder's loss.
    "sparsity_weight": 0.0,
    # Take 'l1', which has its weight, of each latent times the norm of its atom, for
    # unit_norm_atoms=False: then large atoms do not make it cheap.
    "penalty_by_norms": False,
    # By how much the exponent p of 'l1', the sum of f^p, falls from 1 over `steps`: .8
    # ends at .2 (p-annealing). The weight stays as it is; 0: no powers.
    "p_annealing": 0.0,
    # Weight of the loss that revives dead latents; 0: no such loss.
    "auxiliary_weight": 1 / 32,
    # Dead latents that one example may use in it.
    "auxiliary_k": 32,
    # A latent is dead when it has not fired in this many steps.
    "dead_after": 100,
    # Images per step, over all devices.
    "batch_size": 256,
    "optimizer": optimizer_fields(learning_rate=1e-3, beta1=0.9, beta2=0.999),
    **cadence_fields(steps=1000),
  }


def _dictionary_fields() -> dict[str, Any]:
  """Returns what is asked of parts of the dictionary, and of its atoms."""
  return {
    # Numbers of latents, rising, the last code.num_latents: the first so many
    # reconstruct alone as well, and their errors are added up, so that early latents
    # are of general use (Matryoshka); (): the whole code alone.
    "matryoshka": (),
    # Points of the training images, centres of k-means, that atoms are mixtures of, at
    # least code.num_latents. It needs decoder_hidden=() and unit_norm_atoms=False, and
    # does better with tied_start=False, as points are alike. 0: atoms are free.
    "archetypes": 0,
    # How far an atom may be from such a mixture, in mean norms of the points.
    "relaxation": 0.1,
  }


SECTIONS = {"sae": defaults, "code": code_defaults}
