"""Baselines for figures of generation, once per data set: the floor and the controls.

The floor is the score of real training images in place of samples. The controls are
samples of models without an adversary: Gaussians fitted to the codes of an autoencoder.
Adversarial training is of use only if it beats them.
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
from sgae.data.cache import place_of, require_writable
from sgae.data.dataset import Dataset, Split
from sgae.data.fingerprint import digest_of
from sgae.devices.batched_apply import batched_apply
from sgae.devices.mesh import local_mesh
from sgae.evaluation.measures import suite
from sgae.evaluation.measures.estimate import Estimate
from sgae.evaluation.measures.reference import EvaluationData
from sgae.methods import METHODS
from sgae.methods.method import Controls
from sgae.methods.sampling import as_stored
from sgae.reporting.console import Console
from sgae.reporting.files import read_json, write_json
from sgae.training.calls import train_in_memory

VERSION = 5  # increase it when figures change: otherwise old cached ones are used
FITTED_CODES = 20_000  # at most: with these, fitting takes seconds
MIXTURE_ITERATIONS = 100
LEAST_CODES = 2  # per Gaussian, on average; with fewer a control is left out

Estimates = dict[str, Estimate]


class Baselines(NamedTuple):
  """What the figures of a run are compared with.

  Attributes:
    floor: figures of real training images.
    controls: name -> figures; empty if they are not known.
  """

  floor: Estimates
  controls: dict[str, Estimates]


def floor_examples(dataset: Dataset, count: int) -> Split:
  """Returns `count` training examples, drawn without replacement.

  They are drawn from all that are stored, of which a run may have few.
  """
  return order.drawn(dataset.everything.train, "floor", count)


def floor_figures(data: EvaluationData, count: int) -> Estimates:
  """Returns the figures of `count` training images, drawn without replacement.

  Memorisation is left out: each training image is a copy of itself.
  """
  images = floor_examples(data.dataset, count).images
  extracted = data.extract_features(local_mesh())(images)
  names = [name for name in suite.MEASURES if name != "memorisation"]
  return suite.measure(extracted, data.reference, names)


def control_figures(
  config: Any, data: EvaluationData, count: int, console: Console
) -> dict[str, Estimates]:
  """Trains the controls and returns the figures of `count` images of each.

  Args:
    config: any validated config; the fields that matter are overwritten.
    data: the data set with its feature extractor.
    count: samples of each control (images).
    console: where progress goes.

  Returns:
    name -> figures, without the controls that need more training images.
  """
  extract_features = data.extract_features(local_mesh())
  images = data.dataset.train.images
  fitted_images = images[:: -(-len(images) // FITTED_CODES)]
  name, controls = METHODS.providing("controls")
  measured: dict[str, Estimates] = {}
  for kind in controls.models:
    console.line(f"Training the {kind} of the controls on {data.dataset.name}, once")
    control_config = controls.configure(config, kind, len(images))
    encode, decode = _trained(name, controls, control_config, data.dataset, console)
    # in float32 the covariances would not be symmetric
    codes_nk = np.asarray(encode(fitted_images), np.float64)
    for control, (model, gaussians, number) in controls.fits.items():
      if model == kind and number * LEAST_CODES <= len(codes_nk):
        # one thread: on matrices this small, more threads are slower
        with threadpool_limits(1):
          drawn_nk = GAUSSIANS[gaussians](codes_nk, number, count)
        # shuffled: they come by Gaussian, and some measures take only the first ones
        drawn_nk = np.random.default_rng(0).permutation(drawn_nk).astype(np.float32)
        extracted = extract_features(decode(drawn_nk))
        measured[control] = suite.measure(extracted, data.reference, suite.MEASURES)
  return measured


def obtain(
  config: Any,
  data: EvaluationData,
  count: int,
  cache: Path,
  console: Console,
  *,
  controls: bool,
) -> Baselines:
  """Returns the floor and the controls, from the cache if they are known.

  Args:
    config, data, count, console: as for `control_figures`.
    cache: the folder that stores both.
    controls: whether to train controls that are not known yet. Points of the plane have
      no controls.
  """
  digest = data.extractor.about["sha256"] if data.extractor else ""
  _, known_controls = METHODS.providing("controls")
  settings = (VERSION, known_controls.models, known_controls.fits, count, digest)
  path = place_of(cache, "references", digest_of(data.dataset), settings)
  known = read_json(path)
  if not known:
    require_writable(path.parent)
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
  """Draws from a Gaussian mixture with full covariances, fitted to codes by EM."""
  mixture = GaussianMixture(
    components, max_iter=MIXTURE_ITERATIONS, reg_covar=1e-4, random_state=0
  )
  with warnings.catch_warnings():
    # Stopping early is intended: it bounds the time.
    warnings.simplefilter("ignore", ConvergenceWarning)
    mixture.fit(codes_nk)
  return mixture.sample(count)[0]


def _clusters(codes_nk: np.ndarray, clusters: int, count: int) -> np.ndarray:
  """Draws from Gaussians of full covariance, one for each k-means cluster of codes.

  On hundreds of latents EM takes minutes, and it fails on a cluster of fewer codes than
  latents: the covariance is singular, which allows sampling but has no likelihood.
  """
  with warnings.catch_warnings():
    # With fewer different codes than clusters, some clusters stay empty.
    warnings.simplefilter("ignore", ConvergenceWarning)
    labels_n = KMeans(clusters, random_state=0).fit_predict(codes_nk)
  random = np.random.default_rng(0)
  sizes = np.bincount(labels_n, minlength=clusters)
  parts = []
  for cluster, number in enumerate(random.multinomial(count, sizes / len(codes_nk))):
    if number:
      members_mk = codes_nk[labels_n == cluster]
      mean_k = members_mk.mean(axis=0)
      noise_nm = random.standard_normal((number, len(members_mk)))
      deviations_nk = noise_nm @ (members_mk - mean_k)
      parts.append(mean_k + deviations_nk / np.sqrt(max(len(members_mk) - 1, 1)))
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
  program = METHODS[name].build(config, mean_image.shape, mean_image)
  encode_images = program.functions["encode"]
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
