"""Section `vae` of a config: the variational autoencoder.

All fields belong to the experiment but `steps`, `evaluate_every` and `save_every`,
which may change when a run is resumed. `evaluation.importance_samples` and
`evaluation.importance_examples` say how its likelihood is measured.
"""

from typing import Any

from sgae.methods.config_fields import cadence_fields, optimizer_fields


def defaults() -> dict[str, Any]:
  """Returns the section `vae`."""
  return {
    # 'mlp', or 'convolutional': convolutions of stride 2 and a dense layer at the
    # narrow end, as in DCGAN.
    "architecture": "mlp",
    # Latents K, 2 or more, and widths (channels) between image and latents, and between
    # latents and image.
    "latent_dim": 50,
    "encoder_hidden": (200, 200),
    "decoder_hidden": (200, 200),
    # Hidden activation: 'leaky_relu', 'relu', 'silu' or 'tanh'.
    "activation": "tanh",
    # Side of the kernels in pixels, for 'convolutional'.
    "kernel_size": 4,
    # p(x|z): 'bernoulli', or 'gaussian' with one learned variance.
    "likelihood": "bernoulli",
    # What p(x|z) is of. For 'bernoulli' each pixel is black or white with its grey
    # level as probability: 'dynamic', drawn anew at each step, or 'fixed', drawn once
    # for each image. For 'gaussian': 'dequantised', bytes plus uniform noise, or
    # 'real', values in [-1, 1] as they are.
    "pixels": "dynamic",
    # Mean image: 'tanh' or, for 'gaussian', 'linear'.
    "output": "tanh",
    # q(z|x) and p(z): 'gaussian' with a standard normal prior, 'laplace' with a Laplace
    # prior of scale 1, whose latents are near zero or far from it, or 'spike_and_slab',
    # where latents are exactly zero with a probability (Tonolini et al. 2019).
    "posterior": "gaussian",
    # For 'spike_and_slab': prior probability that a latent is not zero, and how steep
    # the sigmoid is whose gradient a gate has.
    "active_share": 0.01,
    "gate_sharpness": 10.0,
    # Weight of the KL term (beta-VAE: Higgins et al. 2017), and steps over which it
    # rises to that from 0; 0: none.
    "beta": 1.0,
    "beta_warmup": 0,
    # Nats of KL per latent, averaged over the batch, that cost nothing; 0: none.
    "free_bits": 0.0,
    # Images per step, over all devices.
    "batch_size": 100,
    "optimizer": optimizer_fields(
      learning_rate=1e-3, beta1=0.9, beta2=0.999, schedule="cosine"
    ),
    **cadence_fields(steps=10000),
  }


SECTIONS = {"vae": defaults}
