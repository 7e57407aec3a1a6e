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
from ml_collections import ConfigDict, FrozenConfigDict
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
from sgae.evaluation.reference import Judge
from sgae.evaluation.sample import as_stored
from sgae.networks.autoencoder import reconstruct
from sgae.networks.build import build_autoencoder
from sgae.phases import make_autoencoder_phase
from sgae.reporting.console import Console
from sgae.reporting.files import read_json, write_json
from sgae.training.in_memory import train_in_memory

VERSION = 3  # of all that is below: another one is computed anew
FITTED_CODES = 20_000  # at most, to take seconds
MIXTURE_ITERATIONS = 100
LEAST_CODES = 2  # for each Gaussian, on average; else a control is left out

Figures = dict[str, Estimate]

# The plain autoencoder has no sparsity, the sparse one is that of configs/default.py.
AUTOENCODERS: dict[str, dict[str, Any]] = {
  "AE": {
    "code": {"num_latents": 16, "sparsity_map": "none", "penalty": "none"},
    "sae": {
      "encoder_hidden": (512, 256),
      "decoder_hidden": (256, 512),
      "tied_start": False,
      "unit_norm_atoms": False,
      "auxiliary_weight": 0.0,
      "steps": 5000,
      "log_every": 50,
    },
  },
  "SAE": {
    "code": {"num_latents": 512, "sparsity_map": "topk", "k": 64, "penalty": "none"},
    "sae": {
      "encoder_hidden": (),
      "decoder_hidden": (),
      "tied_start": True,
      "unit_norm_atoms": True,
      "auxiliary_weight": 1 / 32,
      "auxiliary_k": 32,
      "steps": 1000,
      "log_every": 50,
    },
  },
}
# name -> (autoencoder, key of GAUSSIANS, how many)
CONTROLS = {
  "AE + mixture of 10": ("AE", "mixture", 10),
  "AE + mixture of 100": ("AE", "mixture", 100),
  "SAE + 100 Gaussian clusters": ("SAE", "clusters", 100),
}


class Beside(NamedTuple):
  """What stands beside the figures of a run.

  Attributes:
    floor: of real training images.
    controls: name -> figures; empty where they are not known.
  """

  floor: Figures
  controls: dict[str, Figures]


def floor_figures(judge: Judge, count: int) -> Figures:
  """Returns the figures of `count` training images, drawn without replacement.

  Those of memorisation are left out: a training image is a copy of itself.
  """
  dataset = judge.dataset
  indices = order.batch_indices(
    0, "floor", 0, 1, (count,), len(dataset.train.images)
  ).ravel()
  seen = judge.seer(local_mesh())(dataset.train.images[indices])
  names = [name for name in suite.MEASURES if name != "memorisation"]
  return suite.measure(seen, judge.reference, names)


def control_figures(
  config: Any, judge: Judge, count: int, console: Console
) -> dict[str, Figures]:
  """Trains the controls and returns the figures of `count` images of each.

  Args:
    config: any validated config; all that matters here is set.
    judge: of the data set.
    count: images.
    console: where progress goes.

  Returns:
    name -> figures, without the controls that few training images do not allow.
  """
  see = judge.seer(local_mesh())
  images = judge.dataset.train.images
  fitted = images[:: -(-len(images) // FITTED_CODES)]
  measured: dict[str, Figures] = {}
  for kind, fields in AUTOENCODERS.items():
    console.line(f"Training the {kind} of the controls on {judge.dataset.name}, once")
    encode, decode = _trained(config, fields, judge.dataset, console)
    # float32 leaves covariances that are not quite symmetric
    codes_nk = np.asarray(encode(fitted), np.float64)
    for name, (of, gaussians, number) in CONTROLS.items():
      if of == kind and number * LEAST_CODES <= len(codes_nk):
        # threads cost more than they give on matrices as small as these
        with threadpool_limits(1):
          drawn_nk = GAUSSIANS[gaussians](codes_nk, number, count)
        # they come Gaussian by Gaussian
        drawn_nk = np.random.default_rng(0).permutation(drawn_nk).astype(np.float32)
        seen = see(decode(drawn_nk))
        measured[name] = suite.measure(seen, judge.reference, suite.MEASURES)
  return measured


def obtain(
  config: Any,
  judge: Judge,
  count: int,
  cache: Path,
  console: Console,
  *,
  controls: bool,
) -> Beside:
  """Returns the floor and the controls, from the cache where they are known.

  Args:
    config, judge, count, console: as for `control_figures`.
    cache: where both are kept.
    controls: whether controls that are not known yet are trained. Points of the plane
      have none.
  """
  network = judge.network.about["sha256"] if judge.network else ""
  settings = (VERSION, AUTOENCODERS, CONTROLS, count, network)
  path = place_of(cache, "references", digest_of(judge.dataset), settings)
  known = read_json(path)
  if "floor" not in known:
    known["floor"] = floor_figures(judge, count)
    write_json(path, known)
  if controls and "controls" not in known and judge.dataset.mixture is None:
    known["controls"] = control_figures(config, judge, count, console)
    write_json(path, known)
  return Beside(
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


def _trained(run_config, fields, dataset: Dataset, console):
  config: Any = ConfigDict(run_config.to_dict())
  config.update(seed=0, phases=("sae",))
  config.train.microbatches = 1
  config.precision.compute = "float32"
  for section, values in fields.items():
    config[section].update(values)
  config.sae.update(
    architecture="mlp",
    activation="leaky_relu",
    output="tanh",
    sparsity_weight=0.0,
    dead_after=100,
  )
  config.sae.batch_size = min(256, len(dataset.train.images))
  config.sae.optimizer.update(
    name="adam",
    learning_rate=1e-3,
    beta1=0.9,
    beta2=0.999,
    schedule="cosine",
    warmup_updates=0,
  )
  config = FrozenConfigDict(config)
  mean_image = resident.mean_image(dataset.train.images)
  state = train_in_memory(
    make_autoencoder_phase(config, mean_image), config, dataset, console
  )
  autoencoder = build_autoencoder(config, mean_image)
  mesh = local_mesh()

  def encoded(params, images):
    return reconstruct(autoencoder, params, resident.to_model_range(images))[1].values

  def decoded(params, drawn_bk):
    # what was drawn is no code yet: the map makes it as sparse as codes are
    code = autoencoder.sparsify(params, drawn_bk, train=False)
    return as_stored(autoencoder.decode(params, code.values, code.few))

  encode = batched_apply(encoded, mesh)
  decode = batched_apply(decoded, mesh)
  params = state.player.params
  return (lambda images: encode(params, images)), (lambda drawn: decode(params, drawn))


def _read(figures: dict[str, Any]) -> Figures:
  return {name: Estimate(*values) for name, values in figures.items()}
