"""What the discriminator of recognition starts from."""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp

from sgae import randomness
from sgae.data import order, resident
from sgae.data.dataset import Dataset
from sgae.methods.gan.starts import from_encoder
from sgae.methods.recognition.networks import draw_noise
from sgae.networks.network import Params
from sgae.networks.noisy_mlp import NoisyMlp

STARTS = ("fresh", "encoder")
AUTOENCODERS = ("sae", "sparse_coding")  # methods whose encoder it can start from
EXAMPLES = 500  # training images, at most, that the units are scaled to


def prepare(
  config: Any, dataset: Dataset, inherited: Mapping[str, Params]
) -> tuple[dict[str, Any], int]:
  """Returns the images that the units are scaled to, as the branch `examples`."""
  del inherited
  images = dataset.train.images
  count = min(EXAMPLES, len(images))
  chosen = order.batch_indices(
    config.seed, "recognition/start", 0, 1, (count,), len(images)
  )[0]
  examples = resident.gather(dataset.train, chosen)["image"]
  return {"examples": examples}, count


def started(
  discriminator: NoisyMlp,
  params: Params,
  inherited: Mapping[str, Any],
  key: jax.Array,
  settings: Mapping[str, Any],
) -> Params:
  """Returns fresh parameters with an encoder's directions, scaled to images.

  Args:
    discriminator: the network.
    params: fresh ones.
    inherited: the branches `encoder` and `examples`, each where there is one.
    key: for the noise.
    settings: with `input_noise` and `hidden_noise`.
  """
  if "encoder" in inherited:
    taken = from_encoder(params, inherited["encoder"])["Dense_0"]
    fresh, kernel = params["Dense_0"]["kernel"], taken["kernel"]
    # its directions, as long as fresh ones: as quick to turn
    norms = jnp.linalg.norm(kernel, axis=0)
    longer = jnp.linalg.norm(fresh, axis=0) / jnp.maximum(norms, 1e-12)
    params = params | {"Dense_0": taken | {"kernel": kernel * longer[None]}}
  if "examples" not in inherited:  # of a run that starts from another's weights
    return params
  images = inherited["examples"]
  positions = jnp.arange(len(images))
  key = randomness.stream_key(key, "recognition/start")
  noise = draw_noise(key, positions, discriminator.widths, settings)
  return discriminator.fitted(params, images, noise)
