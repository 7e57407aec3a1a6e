"""Fits a mixture of Gaussians to the codes of an autoencoder, before the first round.

With it the generator begins as the control "SAE + Gaussian clusters" (see
sgae/methods/sparse_autoencoder/controls.py), and adversarial training goes on from
there.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from sklearn.decomposition import PCA
from threadpoolctl import threadpool_limits

from sgae.data import order, resident
from sgae.data.dataset import Dataset
from sgae.devices import processes
from sgae.devices.batched_apply import batched_apply
from sgae.devices.mesh import local_mesh
from sgae.errors import UserError
from sgae.methods.clusters import k_means
from sgae.methods.sparse_autoencoder.networks import build_autoencoder, code_shape
from sgae.networks.network import Params

TURNS = 20  # of k-means, at most: with 1,000 components the last ones move little


def prepare(
  config: Any, dataset: Dataset, inherited: Mapping[str, Params]
) -> tuple[dict[str, Params], int]:
  """Returns the generator's branch `mixture`, where the config has one.

  Args:
    config: validated.
    dataset: the data.
    inherited: with the autoencoder's branches `encoder`, `sparsity` and `decoder`.

  Returns:
    (branches, how many training images were read for them).
  """
  if config.gan.coder != "mixture":
    return {}, 0
  mixture, train = config.gan.mixture, dataset.train.images
  images, labels = order.at_most(dataset.train, "mixture", mixture.examples)
  autoencoder = build_autoencoder(config, resident.mean_image(train))

  def encode(params, images):
    images = resident.to_model_range(images)
    return autoencoder.encode(params, images, train=False)[1]

  pre_nk = batched_apply(encode, local_mesh())(inherited, images)
  classes = config.gan.conditional.classes
  fitted = fit(
    pre_nk.reshape(len(images), -1),
    mixture.components,
    mixture.axes,
    mixture.rank,
    config.seed,
    labels if classes else None,
    classes,
  )
  return {"mixture": processes.from_leader(fitted)}, len(images)


def check_examples(config: Any, dataset: Dataset) -> None:
  """Refuses a mixture that is larger than the data, or than a code."""
  if config.gan.coder != "mixture":
    return
  mixture, images = config.gan.mixture, dataset.train.images
  count = min(len(images), mixture.examples)
  size = int(np.prod(code_shape(config, images.shape[1:])))
  for field, most, of in (
    ("components", count, f"the {count} training images that it is fitted to"),
    ("axes", min(count, size), f"{size} pre-activations of {count} training images"),
  ):
    if mixture[field] > most:
      raise UserError(
        f"gan.mixture.{field}={mixture[field]} is more than {of} allow: choose {most} "
        "or fewer"
      )
  if classes := config.gan.conditional.classes:
    own = mixture.components // classes
    labels = order.at_most(dataset.train, "mixture", mixture.examples).labels
    least = np.bincount(labels, minlength=classes).min()
    if own > least:
      raise UserError(
        f"gan.mixture.components={mixture.components} has {own} for each class, and a "
        f"class has {least} of {count} training images: choose {least * classes} or "
        "fewer"
      )


def fit(
  pre_nk: np.ndarray,
  components: int,
  axes: int,
  rank: int,
  seed: int,
  labels_n: np.ndarray | None = None,
  classes: int = 0,
) -> dict[str, np.ndarray]:
  """Fits a Gaussian of low rank to each k-means cluster of pre-activations.

  Clusters are found in the leading principal coordinates, and each varies along its own
  principal axes there.

  Args:
    pre_nk: float32 [N, K], N at least `components`.
    components, axes, rank: as in `sgae.networks.mixture.Mixture`.
    seed: of k-means and of the principal axes.
    labels_n: int [N]; each class has clusters of its own, as many. None: all images
      share them.
    classes: K, which divides `components`.

  Returns:
    float32 arrays, as `Mixture.init` names them.
  """
  # one thread: the sums of several come in no fixed order
  with threadpool_limits(1):
    principal: Any = PCA(axes, random_state=seed).fit(pre_nk)
    coordinates_np = principal.transform(pre_nk)
    clusters_n = _clusters(coordinates_np, components, seed, labels_n, classes)
    means = np.zeros((components, axes), np.float32)
    factors = np.zeros((components, axes, rank), np.float32)
    order = np.argsort(clusters_n, kind="stable")
    sizes = np.bincount(clusters_n, minlength=components)
    for cluster, members in enumerate(np.split(order, np.cumsum(sizes)[:-1])):
      if len(members):
        points_mp = coordinates_np[members]
        means[cluster] = points_mp.mean(axis=0)
        deviations, directions = _principal_axes(points_mp - means[cluster], rank)
        factors[cluster, :, : len(deviations)] = directions.T * deviations
  rows = sizes.reshape(classes, -1) if classes else sizes
  shares = rows / rows.sum(axis=-1, keepdims=True)
  return {
    "cumulative": np.cumsum(shares, axis=-1).astype(np.float32),
    "means": means,
    "factors": factors,
    "basis": principal.components_.astype(np.float32),
    "mean": principal.mean_.astype(np.float32),
    "scale": np.maximum(coordinates_np.std(axis=0), 1e-6).astype(np.float32),
  }


def _clusters(coordinates_np, components, seed, labels_n, classes) -> np.ndarray:
  """Returns the cluster of each example; those of a class are in a row."""
  if labels_n is None:
    return k_means(coordinates_np, components, TURNS, seed).labels_
  clusters_n, own = np.zeros(len(labels_n), int), components // classes
  for number in range(classes):
    members = labels_n == number
    found = k_means(coordinates_np[members], own, TURNS, seed).labels_
    clusters_n[members] = number * own + found
  return clusters_n


def _principal_axes(centred_mp: np.ndarray, rank: int) -> tuple[np.ndarray, np.ndarray]:
  """Returns the standard deviations along the first `rank` axes at most, and these."""
  _, singular, directions = np.linalg.svd(centred_mp, full_matrices=False)
  deviations = singular[:rank] / np.sqrt(max(len(centred_mp) - 1, 1))
  return deviations, directions[:rank]
