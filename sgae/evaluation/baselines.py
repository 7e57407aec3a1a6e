"""What figures of generation stand beside, once per data set: the floor and controls.

The floor is what real training images score in the place of samples. The controls are
images from models without any adversary: Gaussians on the codes of an autoencoder. A
GAN that does not beat them has shown nothing.
"""

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from sklearn.cluster import KMeans
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture
from threadpoolctl import threadpool_limits

from sgae.data import order, resident
from sgae.data.cache import place_of
from sgae.data.dataset import Dataset
from sgae.devices.batched_apply import batched_apply
from sgae.devices.mesh import local_mesh
from sgae.evaluation.feature_extractor import digest_of
from sgae.evaluation.measures import suite
from sgae.evaluation.measures.estimate import Estimate
from sgae.evaluation.measures.reference import EvaluationData
from sgae.methods import METHODS
from sgae.methods.method import Controls
from sgae.methods.sampling import as_stored
from sgae.reporting.console import Console
from sgae.reporting.files import read_json, write_json
from sgae.training.calls import train_in_memory

VERSION = 3  # of all that is below: another one is computed anew
FITTED_CODES = 20_000  # at most, to take seconds
MIXTURE_ITERATIONS = 100
LEAST_CODES = 2  # for each Gaussian, on average; else a control is left out

Estimates = dict[str, Estimate]


class Baselines(NamedTuple):
  """What the figures of a run are compared with.

  Attributes:
    floor: of real training images.
    controls: name -> figures; empty where they are not known.
  """

  floor: Estimates
  controls: dict[str, Estimates]


def floor_figures(data: EvaluationData, count: int) -> Estimates:
  """Returns the figures of `count` training images, drawn without replacement.

  Those of memorisation are left out: a training image is a copy of itself.
  """
  dataset = data.dataset
  indices = order.batch_indices(
    0, "floor", 0, 1, (count,), len(dataset.train.images)
  ).ravel()
  extracted = data.extract(local_mesh())(dataset.train.images[indices])
  names = [name for name in suite.MEASURES if name != "memorisation"]
  return suite.measure(extracted, data.reference, names)


def control_figures(
  config: Any, data: EvaluationData, count: int, console: Console
) -> dict[str, Estimates]:
  """Trains the controls and returns the figures of `count` images of each.

  Args:
    config: any validated config; all that matters here is set.
    data: of the data set.
    count: images.
    console: where progress goes.

  Returns:
    name -> figures, without the controls that few training images do not allow.
  """
  extract = data.extract(local_mesh())
  images = data.dataset.train.images
  fitted = images[:: -(-len(images) // FITTED_CODES)]
  name, controls = controls_method()
  measured: dict[str, Estimates] = {}
  for kind in controls.models:
    console.line(f"Training the {kind} of the controls on {data.dataset.name}, once")
    own = controls.configure(config, kind, len(images))
    encode, decode = _trained(name, controls, own, data.dataset, console)
    # float32 leaves covariances that are not quite symmetric
    codes_nk = np.asarray(encode(fitted), np.float64)
    for control, (of, gaussians, number) in controls.fits.items():
      if of == kind and number * LEAST_CODES <= len(codes_nk):
        # threads cost more than they give on matrices as small as these
        with threadpool_limits(1):
          drawn_nk = GAUSSIANS[gaussians](codes_nk, number, count)
        # they come Gaussian by Gaussian
        drawn_nk = np.random.default_rng(0).permutation(drawn_nk).astype(np.float32)
        extracted = extract(decode(drawn_nk))
        measured[control] = suite.measure(extracted, data.reference, suite.MEASURES)
  return measured


def controls_method() -> tuple[str, Controls]:
  """Returns the method that controls are made of, and how."""
  return next(
    (name, method.controls)
    for name, method in METHODS.items()
    if method.controls is not None
  )


def obtain(
  config: Any,
  data: EvaluationData,
  count: int,
  cache: Path,
  console: Console,
  *,
  controls: bool,
) -> Baselines:
  """Returns the floor and the controls, from the cache where they are known.

  Args:
    config, data, count, console: as for `control_figures`.
    cache: where both are kept.
    controls: whether controls that are not known yet are trained. Points of the plane
      have none.
  """
  digest = data.extractor.about["sha256"] if data.extractor else ""
  _, known_controls = controls_method()
  settings = (VERSION, known_controls.models, known_controls.fits, count, digest)
  path = place_of(cache, "references", digest_of(data.dataset), settings)
  known = read_json(path)
  if "floor" not in known:
    known["floor"] = floor_figures(data, count)
    write_json(path, known)
  if controls and "controls" not in known and data.dataset.mixture is None:
    known["controls"] = control_figures(config, data, count, console)
    write_json(path, known)
  return Baselines(
    _read(known["floor"]),
    {name: _read(figures) for name, figures in known.get("controls", {}).items()},
  )


def _mixture(codes_nk: np.ndarray, components: int, count: int) -> np.ndarray:
  """Draws from a mixture of full covariances that EM fitted to codes."""
  mixture = GaussianMixture(
    components, max_iter=MIXTURE_ITERATIONS, reg_covar=1e-4, random_state=0
  )
  with warnings.catch_warnings():
    # Stopping early is meant: it bounds the time.
    warnings.simplefilter("ignore", ConvergenceWarning)
    mixture.fit(codes_nk)
  return mixture.sample(count)[0]


def _clusters(codes_nk: np.ndarray, clusters: int, count: int) -> np.ndarray:
  """Draws from Gaussians of full covariance, one for each k-means cluster of codes.

  EM costs minutes on hundreds of latents; and a cluster of fewer codes than latents has
  a singular covariance, from which one can draw but with which EM has no likelihood.
  """
  with warnings.catch_warnings():
    # Fewer different codes than clusters are no harm: some clusters stay empty.
    warnings.simplefilter("ignore", ConvergenceWarning)
    labels_n = KMeans(clusters, random_state=0).fit_predict(codes_nk)
  random = np.random.default_rng(0)
  sizes = np.bincount(labels_n, minlength=clusters)
  parts = []
  for cluster, number in enumerate(random.multinomial(count, sizes / len(codes_nk))):
    if number:
      of_cluster_mk = codes_nk[labels_n == cluster]
      mean_k = of_cluster_mk.mean(axis=0)
      noise_nm = random.standard_normal((number, len(of_cluster_mk)))
      deviations_nk = noise_nm @ (of_cluster_mk - mean_k)
      parts.append(mean_k + deviations_nk / np.sqrt(max(len(of_cluster_mk) - 1, 1)))
  return np.concatenate(parts)


# (codes float64 [N, K], number of Gaussians, count) -> codes float64 [count, K]
GAUSSIANS: dict[str, Callable[[np.ndarray, int, int], np.ndarray]] = {
  "mixture": _mixture,
  "clusters": _clusters,
}


def _trained(name, controls: Controls, config, dataset: Dataset, console):
  """Trains a control's model; returns `encode(images)` and `decode(drawn codes)`."""
  mean_image = resident.mean_image(dataset.train.images)
  state = train_in_memory(name, config, dataset, console)
  encode_images = controls.encode(config, mean_image)
  decode_codes = controls.decode(config, mean_image)

  def encoded(state, images):
    return encode_images(state, resident.to_model_range(images))

  def decoded(state, drawn_bk):
    return as_stored(decode_codes(state, drawn_bk))

  encode = batched_apply(encoded, local_mesh())
  decode = batched_apply(decoded, local_mesh())
  return (lambda images: encode(state, images)), (lambda drawn: decode(state, drawn))


def _read(figures: dict[str, Any]) -> Estimates:
  return {name: Estimate(*values) for name, values in figures.items()}
