"""Archetypal dictionaries: points of the training images, and atoms near mixtures."""

from collections.abc import Mapping
from typing import Any

import jax
import numpy as np

from sgae.data import order, resident
from sgae.data.dataset import Dataset
from sgae.devices import processes
from sgae.errors import UserError
from sgae.methods.clusters import k_means
from sgae.networks import archetypes
from sgae.networks.network import Params

TURNS = 10  # of k-means, at most
IMAGES_EACH = 20  # that a point is fitted to, at most


def prepare(
  config: Any, dataset: Dataset, inherited: Mapping[str, Params]
) -> tuple[dict[str, Params], int]:
  """Returns the points, where the config has any: centres of k-means, mean subtracted.

  They are the same for every seed of a run, which is what makes dictionaries alike.
  Of many images some are drawn: the first might be of few classes.

  Args:
    config: validated.
    dataset: the data.
    inherited: not used.

  Returns:
    ({'points': float32 [M, D]}, how many training images were read for them).
  """
  del inherited
  if not config.sae.archetypes:
    return {}, 0
  count = IMAGES_EACH * config.sae.archetypes
  chosen = order.at_most(dataset.train, "archetypes", count).images
  images = np.asarray(resident.to_model_range(chosen[:]))
  mean = resident.mean_image(dataset.train.images)
  centred_nd = (images - mean[None]).reshape(len(images), -1)
  fitted = k_means(centred_nd, config.sae.archetypes, TURNS, seed=0)
  points = fitted.cluster_centers_.astype(np.float32)
  return {"points": processes.from_leader(points)}, len(images)


def check_data(config: Any, dataset: Dataset) -> None:
  """Refuses more points than there are training images."""
  if config.sae.archetypes > len(dataset.train.images):
    raise UserError(
      f"sae.archetypes={config.sae.archetypes} is more than the "
      f"{len(dataset.train.images)} training images that they are centres of: choose "
      "fewer"
    )


def with_hull(params: Params, points_md: jax.Array) -> Params:
  """Returns parameters of an autoencoder with those of its atoms in a branch `hull`."""
  hull = archetypes.init(points_md, len(params["decoder"]["atoms"]))
  return with_atoms(params | {"hull": hull})


def with_atoms(params: Params) -> Params:
  """Returns parameters whose decoder has the atoms that the branch `hull` says."""
  made = archetypes.atoms(params["hull"])
  return params | {"decoder": params["decoder"] | {"atoms": made}}


def after_update(params: Params, relaxation: float) -> Params:
  """Returns parameters that an update has moved, within their bounds again."""
  return with_atoms(params | {"hull": archetypes.projected(params["hull"], relaxation)})
