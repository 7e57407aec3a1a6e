"""What a likelihood is of, and the likelihoods: p(x|z) in nats per image."""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from sgae import randomness
from sgae.losses.variational import bernoulli_nll, gaussian_nll
from sgae.networks.network import OUTPUT_ACTIVATIONS, Params

LEVELS = 127.5  # grey levels in a unit of model range


class Likelihood(NamedTuple):
  """p(x|z) as pure functions of what the decoder puts out, float32 [..., H, W, C].

  Attributes:
    init: `init() -> params`.
    nll: `nll(params, pixels, outputs) -> nats [...]`; `pixels` from `PIXELS`.
    images: `images(outputs) -> images`, the mean of p(x|z) in model range.
    output: its name in `OUTPUT_ACTIVATIONS`.
  """

  init: Callable[[], Params]
  nll: Callable[[Params, jax.Array, jax.Array], jax.Array]
  images: Callable[[jax.Array], jax.Array]
  output: str


def build_likelihood(config: Any) -> Likelihood:
  """Builds the likelihood that `config.vae` describes."""
  vae = config.vae
  if vae.likelihood == "bernoulli":
    return bernoulli()
  return gaussian(vae.output, per_level=vae.pixels == "dequantised")


def bernoulli() -> Likelihood:
  """Black and white pixels, whose log odds are twice the decoder's outputs.

  So the mean image is tanh(outputs), as it is of a generator: 2 sigmoid(2 a) - 1 =
  tanh(a).
  """

  def nll(params, pixels_bhwc, outputs_bhwc):
    del params
    return bernoulli_nll((pixels_bhwc + 1) / 2, 2 * outputs_bhwc)

  return Likelihood(lambda: {}, nll, jnp.tanh, "tanh")


def gaussian(output: str, per_level: bool) -> Likelihood:
  """Pixels with one learned standard deviation, `params['log_deviation']`.

  Args:
    output: a name in `OUTPUT_ACTIVATIONS`, of the means.
    per_level: whether the density is over grey levels, as of dequantised bytes, where
      the ELBO is a bound on log P of the bytes themselves; else over model range.
  """
  activation = OUTPUT_ACTIVATIONS[output]

  def nll(params, pixels_bhwc, outputs_bhwc):
    value = gaussian_nll(pixels_bhwc, activation(outputs_bhwc), params["log_deviation"])
    size = math.prod(pixels_bhwc.shape[-3:])
    return value + size * math.log(LEVELS) if per_level else value

  return Likelihood(lambda: {"log_deviation": jnp.float32(-1)}, nll, activation, output)


def _binarised(key, images_bhwc, positions_b):
  noise_bhwc = randomness.uniform(key, positions_b, images_bhwc.shape[1:])
  return jnp.where(noise_bhwc < (images_bhwc + 1) / 2, 1.0, -1.0)


def _fixed(key, images_bhwc, positions_b):
  del key, positions_b
  return once(_binarised, images_bhwc)


def _dequantised(key, images_bhwc, positions_b):
  noise_bhwc = randomness.uniform(key, positions_b, images_bhwc.shape[1:])
  return images_bhwc + (noise_bhwc - 0.5) / LEVELS


def _real(key, images_bhwc, positions_b):
  del key, positions_b
  return images_bhwc


# (key, images_bhwc in model range, positions_b) -> what the likelihood is of, in model
# range: of black and white pixels -1 or 1.
PIXELS: dict[str, Callable[..., jax.Array]] = {
  "dynamic": _binarised,
  "fixed": _fixed,
  "dequantised": _dequantised,
  "real": _real,
}
# Those that each likelihood takes.
LIKELIHOODS = {"bernoulli": ("dynamic", "fixed"), "gaussian": ("dequantised", "real")}


def once(pixels: Callable[..., jax.Array], images_bhwc: jax.Array) -> jax.Array:
  """Returns a value of `PIXELS` with noise that an image has whenever it is seen.

  In any run, at any step and place; so the test images of all runs are the same.
  """
  key = randomness.stream_key(randomness.root_key(0), "vae/once")
  return pixels(key, images_bhwc, identities(images_bhwc))


def identities(images_bhwc: jax.Array) -> jax.Array:
  """Returns a number for each image that its pixels alone decide: int32 [B].

  Different images have different numbers but for chance (one pair in 2**32).
  """
  bits_bd = jax.lax.bitcast_convert_type(images_bhwc, jnp.uint32)
  bits_bd = bits_bd.reshape(len(images_bhwc), -1)
  # floats of bytes end in zeros: their high bits are mixed into the low ones
  bits_bd = (bits_bd ^ (bits_bd >> np.uint32(15))) * np.uint32(0x85EBCA6B)
  bits_bd ^= bits_bd >> np.uint32(13)
  # raw words are the same in all versions of NumPy
  words = np.random.PCG64(0).random_raw(-(-bits_bd.shape[1] // 2))
  factors_d = words.astype("<u8").view("<u4")[: bits_bd.shape[1]] | np.uint32(1)
  sums_b = jnp.sum(bits_bd * factors_d[None], axis=1, dtype=jnp.uint32)
  return jax.lax.bitcast_convert_type(sums_b, jnp.int32)
