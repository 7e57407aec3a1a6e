"""The explorer of a run: a page on which codes are changed by hand, and decoded.

`explorer.html` loads nothing else and needs no server: the decoder is in it, as float16
numbers, and a script computes the image.
"""

import base64
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from sgae.networks.plain_layers import (
  PlainLayer,
  apply_layers,
  cut_off,
  rounded,
)
from sgae.reporting import pages, pictures
from sgae.reporting.files import write_atomically

FILE_NAME = "explorer.html"
SPRITE_COLUMNS = 64  # images in a row of the picture that holds all of them
MOST_BYTES = 20_000_000  # of the weights in a page, and of the codes


class Explored(NamedTuple):
  """What the explorer shows. Images are [N, H, W, C] as stored, C 1 to 4.

  Attributes:
    name: of the run.
    dataset: its name.
    image_shape: (H, W, C).
    scale: largest magnitude of images that are floats; 1 for bytes.
    decoders: title -> layers; all take codes of K latents at P places.
    steps: title -> how many steps its phase has done.
    own: the titles of those that draw test images, and random samples, until a reader
      chooses another one.
    tests: images that are loaded with their codes, [T, ...]; none without an encoder.
    test_codes: float32 [T, P, K].
    classes: name of the class of each, '' where it has none.
    sample_codes: float32 [S, P, K], of random samples; S may be 0.
    rates: float [K], share of the examples in which each latent is active, of all
      places together.
    largest: float [K], its largest magnitude in them; 0: it is never active.
    usual: int [K], the place where it is strongest, on average over the examples.
    top: int [K, N], rows of `examples` in which it is largest, the first one most; -1:
      there are no more.
    examples: images; where `tests` has none, generated ones.
    described: what the rates are of, such as '1,797 test images'.
  """

  name: str
  dataset: str
  image_shape: tuple[int, ...]
  scale: float
  decoders: Mapping[str, Sequence[PlainLayer]]
  steps: Mapping[str, int]
  own: tuple[str, str]
  tests: np.ndarray
  test_codes: np.ndarray
  classes: Sequence[str]
  sample_codes: np.ndarray
  rates: np.ndarray
  largest: np.ndarray
  usual: np.ndarray
  top: np.ndarray
  examples: np.ndarray
  described: str


def write_explorer(directory: Path, explored: Explored) -> Path:
  """Writes `explorer.html`, whole or not at all, and returns where.

  Raises:
    UserError: the file cannot be written.
  """
  fill = pages.template(
    "explorer.html.jinja", ("report.css", "explorer.css"), "explorer.js"
  )
  codes = np.concatenate([explored.test_codes, explored.sample_codes])
  sparse = float((codes != 0).mean()) < 0.5
  noun = "atom" if sparse else "latent"
  data = json.dumps(_data(explored) | {"noun": noun}, allow_nan=False)
  page = fill(
    name=explored.name,
    dataset=explored.dataset,
    image_shape=explored.image_shape,
    latents=codes.shape[2],
    places=codes.shape[1],
    linear=all(len(layers) == 1 for layers in explored.decoders.values()),
    sparse=sparse,
    noun=noun,
    active=round(float((codes != 0).sum(axis=(1, 2)).mean())),
    decoders=list(explored.decoders),
    steps=explored.steps,
    tests=len(explored.tests),
    samples=len(explored.sample_codes),
    described=explored.described,
    rounding=_rounding(explored.decoders, codes),
    # '<' would end the script that holds it
    data=data.replace("<", "\\u003c"),
  )
  write_atomically(directory / FILE_NAME, page.encode())
  return directory / FILE_NAME


def bytes_of(decoders: Mapping[str, Sequence[PlainLayer]]) -> int:
  """Returns how many bytes of a page the weights of decoders take."""
  numbers = sum(
    layer.weights.size + layer.bias.size
    for layers in decoders.values()
    for layer in layers
  )
  return numbers * 2 * 4 // 3  # float16, in base64


def bytes_of_codes(numbers: int) -> int:
  """Returns how many bytes of a page so many numbers of codes take."""
  return numbers * 8 * 4 // 3  # which it is, as int32, and float32, in base64


def _data(explored: Explored) -> dict[str, Any]:
  """Returns what the script reads."""
  titles = list(explored.decoders)
  used, top = np.unique(explored.top[explored.top >= 0], return_inverse=True)
  places = np.full(explored.top.shape, -1)
  places[explored.top >= 0] = len(explored.tests) + top
  kept = explored.examples[used]
  images = np.concatenate([explored.tests, kept]) if len(explored.tests) else kept
  sprite = ""
  if len(images):
    shown = images if images.dtype == np.uint8 else images / explored.scale
    picture = pictures.grid(shown, SPRITE_COLUMNS, scale=1, gap=0)
    sprite = f"data:image/png;base64,{_base64(pictures.png(picture))}"
  return {
    "shape": list(explored.image_shape),
    "scale": explored.scale,
    "decoders": [
      {"title": title, "layers": [_layer(layer) for layer in layers]}
      for title, layers in explored.decoders.items()
    ],
    "own": dict(zip(("test", "sample"), map(titles.index, explored.own), strict=True)),
    "tests": {"classes": list(explored.classes), **_codes(explored.test_codes)},
    "samples": _codes(explored.sample_codes),
    "rates": _base64(explored.rates.astype(np.float32)),
    "largest": _base64(explored.largest.astype(np.float32)),
    "usual": _base64(explored.usual.astype(np.int32)),
    "top": _base64(places.astype(np.int32)),
    "where": "images in" if explored.test_codes.shape[1] == 1 else "places at",
    "sprite": sprite,
    "columns": SPRITE_COLUMNS,
  }


def _layer(layer: PlainLayer) -> dict[str, Any]:
  return {
    "inputs": layer.weights.shape[0],
    "outputs": layer.weights.shape[-1],
    "places": layer.places,
    "kernel": layer.kernel,
    "size": layer.size,
    "cut": cut_off(layer),
    "weights": _base64(np.asarray(layer.weights).astype(np.float16)),
    "bias": _base64(np.asarray(layer.bias).astype(np.float16)),
    "activation": layer.activation,
  }


def _codes(codes_npk: np.ndarray) -> dict[str, Any]:
  """Returns codes by their numbers that are not 0: how many, which, and their values.

  Number i is of the latent i modulo K.
  """
  count, places, latents = codes_npk.shape
  flat = codes_npk.reshape(count, places * latents)
  rows, numbers = np.nonzero(flat)
  return {
    "counts": _base64(np.bincount(rows, minlength=count).astype(np.int32)),
    "numbers": _base64(numbers.astype(np.int32)),
    "values": _base64(flat[rows, numbers].astype(np.float32)),
  }


def _rounding(decoders: Mapping[str, Sequence[PlainLayer]], codes: np.ndarray) -> float:
  """Returns by how much float16 weights change a pixel, at most, in model range."""
  flat = codes.reshape(len(codes), -1)
  changes = [
    np.abs(apply_layers(layers, flat) - apply_layers(rounded(layers), flat)).max()
    for layers in decoders.values()
  ]
  return float(max(changes))


def _base64(data: np.ndarray | bytes) -> str:
  if isinstance(data, np.ndarray):
    data = data.astype(data.dtype.newbyteorder("<")).tobytes()
  return base64.b64encode(data).decode("ascii")
