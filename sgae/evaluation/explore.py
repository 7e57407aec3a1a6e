"""From the states of a run to its explorer: decoders, codes, and what latents do."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from sgae import randomness
from sgae.data import order, resident
from sgae.data.dataset import UNLABELLED, Dataset, are_vectors, names_of_classes
from sgae.devices import processes
from sgae.devices.batched_apply import batched_apply
from sgae.devices.mesh import fetch_local, local_mesh, take_member
from sgae.methods import METHODS, population
from sgae.methods.method import Program
from sgae.methods.sampling import STREAM
from sgae.networks.plain_layers import (
  PlainLayer,
  apply_layers,
  code_shape,
  products,
  rounded,
)
from sgae.reporting import pictures
from sgae.reporting.console import Console
from sgae.reporting.explorer import (
  MOST_BYTES,
  Explored,
  bytes_of,
  bytes_of_codes,
  write_explorer,
)

TESTS, SAMPLES = 100, 200  # images that can be loaded
# Of the images in which the use of latents is counted: how many, their numbers, and
# those of their codes, at most.
EXAMPLES, PIXELS, CODE_NUMBERS = 4096, 1 << 22, 1 << 24
TOP = 6  # images in which a latent is largest
MOST_CLASSES = 20  # that the images to load are spread over

# Products that a browser may do for an image, so that it shows ten in a second.
MOST_PRODUCTS = 20_000_000


class Examples(NamedTuple):
  """Codes and what they are of.

  Attributes:
    codes: float32 [N, P, K] of P places.
    images: pictures of them as stored, [N, H, W, C].
    described: what they are.
    labels: int [N]; UNLABELLED for what has none.
  """

  codes: np.ndarray
  images: np.ndarray
  described: str
  labels: np.ndarray


def write(
  config: Any,
  workdir: Path,
  dataset: Dataset,
  mesh: Any,
  states: Mapping[str, Any],
  console: Console,
  output: Path | None = None,
) -> None:
  """Writes the explorer of a run, or says in a line why there is none.

  Every process of the mesh calls it; the leader computes and writes. Of a population it
  is the explorer of the first member that has not diverged.

  Args:
    config: validated.
    workdir: the run directory.
    dataset: of the run.
    mesh: the devices of the run.
    states: phase -> state on the mesh.
    console: where the line goes.
    output: the directory that it goes to; None: the run directory.

  Raises:
    UserError: the file cannot be written.
  """
  single = _single(states, mesh)
  if not processes.is_leader():
    return
  found = explored(config, workdir.resolve().name, dataset, single)
  if isinstance(found, str):
    console.line(f"No explorer: {found}")
  else:
    console.line(f"Explorer: {write_explorer(output or workdir, found)}")


def explored(
  config: Any, name: str, dataset: Dataset, states: Mapping[str, Any]
) -> Explored | str:
  """Returns what the explorer shows, or why there is nothing to explore.

  Args:
    config: validated.
    name: of the run.
    dataset: of the run.
    states: phase -> state of one member, on the host or one device.
  """
  shape = dataset.train.images.shape[1:]
  if are_vectors(shape):
    return "vectors have no pictures"
  if shape[-1] > 4:
    return f"images of {shape[-1]} channels have no pictures"
  programs = {phase: population.build_one(phase, config, shape) for phase in states}
  decoders = _decoders(programs, states)
  if isinstance(decoders, str):
    return decoders
  tests = _of_tests(programs, states, decoders, dataset)
  samples = _sample_codes(programs, states, decoders)
  titles = {METHODS[phase].report.title: layers for phase, layers in decoders.items()}
  first, last = list(titles)[0], list(titles)[-1]
  chosen = _spread(tests.labels) if tests else np.arange(0)
  loaded = tests.codes[chosen] if tests else samples[:0]
  if reason := _too_much(decoders, [loaded, samples]):
    return reason
  codes, images, described, all_labels = tests or _of_samples(
    samples, titles[last], shape
  )
  peaks = peaks_of(codes)
  labels = all_labels[chosen]
  names = names_of_classes(dataset)
  return Explored(
    name=name,
    dataset=dataset.name,
    image_shape=shape,
    scale=1.0 if images.dtype == np.uint8 else float(np.abs(images).max()),
    decoders=titles,
    steps={METHODS[phase].report.title: int(states[phase].step) for phase in decoders},
    own=(first, last),
    tests=images[chosen],
    test_codes=codes[chosen],
    classes=[names[label] if 0 <= label < len(names) else "" for label in labels],
    sample_codes=samples[:SAMPLES],
    rates=(codes != 0).mean(axis=(0, 1)),
    largest=np.abs(peaks).max(axis=0),
    usual=usual_places(codes, decoders[next(iter(decoders))][0].places),
    top=top_examples(peaks),
    examples=images,
    described=described,
  )


def peaks_of(codes_npk: np.ndarray) -> np.ndarray:
  """Returns the number of largest magnitude over all places, [N, K]."""
  strongest = np.abs(codes_npk).argmax(axis=1, keepdims=True)
  return np.take_along_axis(codes_npk, strongest, axis=1)[:, 0]


def usual_places(codes_npk: np.ndarray, places: tuple[int, int]) -> np.ndarray:
  """Returns the place where each latent is strongest on average, int [K].

  The middle one for a latent that is never active.
  """
  strengths_pk = np.abs(codes_npk).mean(axis=0)
  rows, columns = places
  middle = rows // 2 * columns + columns // 2
  return np.where(strengths_pk.any(axis=0), strengths_pk.argmax(axis=0), middle)


def top_examples(codes_nk: np.ndarray) -> np.ndarray:
  """Returns the rows in which each latent is largest, int [K, TOP], the first one most.

  -1 where a latent is above 0 in fewer rows.
  """
  count, latents = codes_nk.shape
  rows = np.full((latents, TOP), -1)
  for latent in range(latents):
    values = codes_nk[:, latent]
    active = np.flatnonzero(values > 0)
    if len(active) > TOP:
      active = active[np.argpartition(-values[active], TOP)[:TOP]]
    active = active[np.argsort(-values[active], kind="stable")]
    rows[latent, : len(active)] = active
  return rows


def _single(states: Mapping[str, Any], mesh: Any) -> dict[str, Any]:
  """Returns the states of a single run, or of the first member that never diverged."""
  of_members = [
    np.asarray(fetch_local(state.failed_at)) > 0
    for state in states.values()
    if isinstance(state, population.PopulationState)
  ]
  if of_members:
    first = int(np.logical_or.reduce(of_members).argmin())
    states = {
      name: take_member(state.members, first, mesh) for name, state in states.items()
    }
  return {name: fetch_local(state) for name, state in states.items()}


def _decoders(
  programs: Mapping[str, Program], states: Mapping[str, Any]
) -> dict[str, tuple[PlainLayer, ...]] | str:
  """Returns the layers by phase, of decoders that take the same codes; or why not.

  The codes are those of the first phase that encodes images.
  """
  found = {
    phase: program.decoder_layers(states[phase])
    for phase, program in programs.items()
    if program.decoder_layers is not None
  }
  if not found:
    return (
      "it is for decoders of dense layers and transposed convolutions, without "
      "normalization, attention and classes, and the run has none"
    )
  encoding = [phase for phase in found if "encode" in programs[phase].functions]
  shape = code_shape(found[[*encoding, *found][0]])
  found = {
    phase: layers for phase, layers in found.items() if code_shape(layers) == shape
  }
  weights = f"the weights of {' and '.join(found)}"
  if reason := _too_large(weights, bytes_of(found)):
    return reason
  for phase, layers in found.items():
    parts = [part for layer in rounded(layers) for part in (layer.weights, layer.bias)]
    if not all(np.isfinite(part).all() for part in parts):
      return f"the decoder of {phase} has weights that float16 cannot hold"
  return found


def _too_large(what: str, size: int) -> str:
  """Returns that something takes too many bytes of the page, '' if it does not."""
  if size <= MOST_BYTES:
    return ""
  return (
    f"{what} would take {size / 1e6:,.0f} MB of the page, and "
    f"{MOST_BYTES / 1e6:.0f} MB are the most"
  )


def _too_much(decoders, loaded: Sequence[np.ndarray]) -> str:
  """Returns why a browser could not show the codes that are loaded, '' if it can."""
  counts_n = np.concatenate([(codes != 0).sum(axis=(1, 2)) for codes in loaded])
  if reason := _too_large("the codes", bytes_of_codes(int(counts_n.sum()))):
    return reason
  for phase, layers in decoders.items():
    count = products(layers, counts_n.mean())
    if count > MOST_PRODUCTS:
      return (
        f"the decoder of {phase} takes {count / 1e6:,.1f} million products for an "
        f"image, and {MOST_PRODUCTS / 1e6:.0f} million are the most"
      )
  return ""


def _of_tests(programs, states, decoders, dataset: Dataset) -> Examples | None:
  """Returns codes of test images; None where no phase with a decoder encodes."""
  encoding = [phase for phase in decoders if "encode" in programs[phase].functions]
  if not encoding:
    return None
  phase = encoding[0]
  encode = programs[phase].functions["encode"]
  pixels = math.prod(dataset.test.images.shape[1:])
  numbers = math.prod(code_shape(decoders[phase]))
  most = min(EXAMPLES, PIXELS // pixels, CODE_NUMBERS // numbers)
  rows = order.shown_rows(dataset.test.labels, max(most, TESTS))
  images = dataset.test.images[rows]

  def encode_stored(state, images):
    return encode(state, resident.to_model_range(images))

  codes = batched_apply(encode_stored, local_mesh())(states[phase], images)
  described = f"{len(images):,} test images"
  return Examples(_by_place(codes), images, described, dataset.test.labels[rows])


def _sample_codes(programs, states, decoders) -> np.ndarray:
  """Returns codes of random samples, [S, P, K], by the last phase that generates."""
  drawing = [phase for phase in decoders if programs[phase].sampling is not None]
  if not drawing:
    return _by_place(np.zeros((0, *code_shape(next(iter(decoders.values()))))))
  state, sampling = states[drawing[-1]], programs[drawing[-1]].sampling

  def draw_codes(state, positions_b):  # the numbers of `--mode=sample`
    key = randomness.stream_key(state.key, STREAM)
    return sampling.code(state, sampling.draw(state, key, positions_b))

  draw = batched_apply(draw_codes, local_mesh(), SAMPLES)
  return _by_place(draw(state, np.arange(SAMPLES, dtype=np.int32)))


def _by_place(codes: np.ndarray) -> np.ndarray:
  """Returns codes [N, K] or [N, h, w, K] as float32 [N, P, K]."""
  places = math.prod(codes.shape[1:-1])
  return codes.reshape(len(codes), places, codes.shape[-1]).astype(
    np.float32, copy=False
  )


def _of_samples(codes, layers, shape) -> Examples:
  made = apply_layers(layers, codes.reshape(len(codes), -1))
  images = pictures.to_bytes(made).reshape(-1, *shape)
  described = f"{len(codes):,} random samples"
  return Examples(codes, images, described, np.full(len(codes), UNLABELLED))


def _spread(labels_n: np.ndarray) -> np.ndarray:
  """Returns which of the examples can be loaded: as many of each class, class by class.

  The first ones where there are no classes, or many.
  """
  classes = np.unique(labels_n[labels_n >= 0])
  if not 1 < len(classes) <= MOST_CLASSES:
    return np.arange(min(TESTS, len(labels_n)))
  each = TESTS // len(classes)
  return np.concatenate([np.flatnonzero(labels_n == k)[:each] for k in classes])
