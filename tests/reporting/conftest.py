"""A run directory as training and evaluation leave it, but small."""

import json

import numpy as np
import pytest
from PIL import Image

from sgae.reporting import pictures
from tests.browser import started

NOT_MARKUP = "<script>document.title='taken'</script>"


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
  with started(tmp_path_factory.mktemp("browser")) as driver:
    yield driver


@pytest.fixture
def make_run(tmp_path):
  """Returns a function that writes a run of 11 evaluations and gives its directory."""

  def make(name="a run"):
    workdir = tmp_path / name
    (workdir / "images").mkdir(parents=True)
    config = {
      "phases": ["sae", "gan"],
      "data": {"source": "folder", "path": f"photos/{NOT_MARKUP}"},
      "code": {"num_latents": 30},
      "sae": {"steps": 100},
      "gan": {"steps": 1000, "optimizer": {"name": NOT_MARKUP}},
    }
    environments = [{"sgae": "0.1.0", "devices": "1 x cpu"}]
    _write(
      workdir / "config.json",
      {"config": config, "environments": environments, "image_shape": [16, 16, 1]},
    )
    records = [_sae_record(step) for step in range(0, 101, 10)]
    records += [_gan_record(step) for step in range(0, 1001, 100)]
    (workdir / "metrics.jsonl").write_text("".join(map(_line, records)))
    _write(workdir / "evaluation.json", _evaluation())
    _write(workdir / "details.json", _details())
    for step in range(0, 1001, 100):
      # the grey of the samples tells the step
      samples = np.full((40, 16, 16, 1), step / 1000 * 2 - 1, np.float32)
      _draw(workdir, "gan_samples", step, pictures.grid(samples, 10))
    noise = np.random.default_rng(0).uniform(-1, 1, (40, 16, 16, 1))
    pairs = pictures.pairs(noise[:20], noise[20:], 10)
    _draw(workdir, "gan_interpolations", 1000, pictures.grid(noise, 10))
    _draw(workdir, "gan_neighbours", 1000, pairs)
    _draw(workdir, "sae_reconstructions", 100, pairs)
    _draw(workdir, "sae_atoms", 100, pictures.atoms(noise[:30], 20))
    return workdir

  return make


def _write(path, value):
  path.write_text(json.dumps(value))


def _line(record):
  return json.dumps(record) + "\n"


def _draw(workdir, kind, step, picture):
  path = workdir / "images" / f"{kind}_{step:06d}.png"
  Image.fromarray(picture[..., 0]).save(path)


def _sae_record(step):
  return {
    "phase": "sae",
    "step": step,
    "images_seen": step * 64,
    "seconds": step / 50,
    "images_per_second": 3200.0,
    "sae/fvu": 1 / (1 + step),
    "sae/test_fvu": 1.5 / (1 + step),
    "sae/l0": 8.0,
    "sae/dead_fraction": 0.1,
    "sae/novel": step,
  }


def _gan_record(step):
  return {
    "phase": "gan",
    "step": step,
    "images_seen": step * 64,
    "seconds": step / 25,
    "images_per_second": 1600.0,
    "gan/d_loss": 0.7,
    "gan/g_loss": None if step == 500 else 0.8,
    "gan/d_real": 0.5,
    "gan/d_fake": -0.5,
    "gan/frechet": 300 / (1 + step),
    "gan/frechet_error": 0.1,
    "gan/precision": step / 1100,
    "gan/recall": step / 1200,
  }


def _figures(frechet, precision):
  return {
    "frechet": {"value": frechet, "error": 0.1},
    "precision": {"value": precision, "error": None},
    "classes_covered": {"value": 3, "error": None},
    "kernel": {"value": -0.001, "error": 0.002},
    "novel": {"value": 1.0, "error": None},
  }


def _evaluation():
  return {
    "gan": {
      "step": 1000,
      "images_seen": 70400,
      "seconds": 42.0,
      "protocol": {
        "samples": 10000,
        "reference": f"test split of {NOT_MARKUP}",
        "reference_samples": 500,
        "features": "photos",
        "features_sha256": "0123456789abcdef",
        "features_accuracy": 0.9932,
      },
      "figures": _figures(5.1, 0.6),
      "floor": _figures(3.5, 0.9),
      "controls": {NOT_MARKUP: _figures(19.5, 0.5), "AE": _figures(44.1, 0.7)},
    },
    "sae": {
      "step": 100,
      "figures": {
        "fvu": {"value": 0.04, "error": 0.001},
        "l0": {"value": 8.0, "error": None},
        "dead_share": {"value": 0.1, "error": None},
      },
      "floor": {},
      "controls": {},
    },
  }


def _details():
  return {
    "sae": {
      "step": 100,
      "firing_rate": [0.9, 0.4, *[0.1] * 25, 0.004, 0.0, 0.0],
      "code_values": {"edges": [0, 1, 2], "counts": [30, 10]},
      "active_latents": {"edges": [7.5, 8.5, 9.5], "counts": [15, 5]},
    },
    "gan": {
      "step": 1000,
      "class_names": ["cat", NOT_MARKUP, "dog"],
      "class_share": [0.5, 0.2, 0.3],
      "class_share_reference": [0.3, 0.4, 0.3],
    },
  }
