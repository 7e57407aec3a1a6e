"""A run as files for other programs: weights, StableHLO, ONNX."""

import importlib.util
import io
import json
import os
import subprocess
import sys

import jax
import numpy as np
import pytest
from safetensors.numpy import load_file

import sgae
from configs import ring
from sgae.errors import UserError
from sgae.reporting.console import Console
from sgae.runs import export
from tests.commands import forked
from tests.runs import copy_of, train
from tests.systems import CONVOLUTIONAL, make_phase, small_config

FUNCTIONS = {
  "sae": ("encode", "decode", "reconstruct"),
  "gan": ("generate", "discriminate"),
}
SHAPES = {
  "encode": (8, 8, 1),
  "decode": (24,),
  "reconstruct": (8, 8, 1),
  "generate": (64,),
  "discriminate": (8, 8, 1),
}
# what a machine has that has JAX alone
WITHOUT_THE_PACKAGE = """
import sys

class Refuse:
  def find_spec(self, name, path=None, target=None):
    if name.split(".")[0] in ("sgae", "configs"):
      raise ImportError(f"{name} cannot be imported here")

sys.meta_path.insert(0, Refuse())
try:
  import sgae
except ImportError:
  pass
else:
  sys.exit("the package can be imported")

from pathlib import Path
import jax.export
import numpy as np

folder, inputs, outputs = map(Path, sys.argv[1:])
arrays = np.load(inputs)
results = {}
for name in arrays.files:
  exported = jax.export.deserialize((folder / f"{name}.stablehlo").read_bytes())
  assert exported.platforms == ("cpu", "cuda", "tpu"), exported.platforms
  results[name] = exported.call(arrays[name])
np.savez(outputs, **results)
"""


def inputs_of(shape, count, seed=0):
  values = np.random.default_rng(seed).uniform(-1, 1, (count, *shape))
  return values.astype(np.float32)


@pytest.fixture(scope="module")
def exported(whole_run, tmp_path_factory):
  """A run that was exported: (run directory, what was said)."""
  workdir = copy_of(whole_run, tmp_path_factory.mktemp("exported") / "run")
  output = io.StringIO()
  export.export_run(workdir, {}, Console(output))
  return workdir, output.getvalue()


def test_weights_have_their_paths_as_names(exported):
  workdir, said = exported
  run = sgae.load_run(workdir)
  weights = load_file(workdir / "export" / "sae.safetensors")
  assert {"encoder/rows", "decoder/atoms"} <= weights.keys()
  np.testing.assert_array_equal(
    weights["decoder/atoms"], run.params["sae"]["decoder"]["atoms"]
  )
  weights = load_file(workdir / "export" / "gan.safetensors")
  assert {name.split("/")[0] for name in weights} == {"generator", "discriminator"}
  np.testing.assert_array_equal(
    weights["generator/decoder/atoms"], run.params["gan"]["decoder"]["atoms"]
  )
  assert "gan: weights of step 20; generate, discriminate" in said


def test_json_says_what_the_files_hold(exported):
  workdir, _ = exported
  about = json.loads((workdir / "export" / "sae.json").read_text())
  assert (about["phase"], about["step"], about["image_range"]) == ("sae", 20, [-1, 1])
  assert about["weights"]["decoder/atoms"] == {"shape": [24, 64], "dtype": "float32"}
  assert about["functions"]["encode"] == {
    "inputs": [{"shape": ["batch", 8, 8, 1], "dtype": "float32"}],
    "outputs": [{"shape": ["batch", 24], "dtype": "float32"}],
  }
  assert about["config"]["code"]["k"] == 4
  assert about["versions"]["jax"] == jax.__version__
  described = {name: about["weights"][name]["shape"] for name in about["weights"]}
  weights = load_file(workdir / "export" / "sae.safetensors")
  assert described == {name: list(array.shape) for name, array in weights.items()}


def test_functions_run_without_the_package_for_any_batch(exported, tmp_path):
  workdir, _ = exported
  run = sgae.load_run(workdir)
  arrays = {
    f"{phase}.{name}": inputs_of(SHAPES[name], count)
    for count, (phase, names) in enumerate(FUNCTIONS.items(), start=2)
    for name in names
  }
  np.savez(tmp_path / "inputs.npz", allow_pickle=False, **arrays)
  done = subprocess.run(
    [
      sys.executable,
      "-c",
      WITHOUT_THE_PACKAGE,
      workdir / "export",
      tmp_path / "inputs.npz",
      tmp_path / "outputs.npz",
    ],
    cwd=tmp_path,
    env=os.environ | {"PYTHONPATH": ""},
    capture_output=True,
    text=True,
    timeout=300,
  )
  assert done.returncode == 0, done.stderr
  with np.load(tmp_path / "outputs.npz") as outputs:
    for name, array in arrays.items():
      expected = run.function(name.split(".")[1])(array)
      np.testing.assert_allclose(outputs[name], expected, atol=1e-6, err_msg=name)


# each of a code of few among many latents, and of those that have a kernel of their own
SYSTEMS = {
  "few of many": {"code__num_latents": 1024, "code__k": 4},
  "batch_topk": {"code__sparsity_map": "batch_topk"},
  "jumprelu": {"code__sparsity_map": "jumprelu"},
  "gated": {"code__sparsity_map": "gated"},
  "convolutional": CONVOLUTIONAL,
  "convolutional jumprelu": CONVOLUTIONAL | {"code__sparsity_map": "jumprelu"},
  "residual": {
    "gan__generator": "plain",
    "gan__generator_architecture": "residual",
    "gan__discriminator_architecture": "residual",
    "gan__generator_hidden": (8,),
    "gan__discriminator_hidden": (8,),
  },
  # no selection: of numbers so little exact compilers do not agree on the largest
  "bfloat16": {"precision__compute": "bfloat16", "code__sparsity_map": "relu"},
}


@pytest.mark.parametrize("kind", SYSTEMS)
def test_every_kind_of_network_is_exported(kind):
  config = small_config(**SYSTEMS[kind])
  names = ("gan",) if kind == "residual" else ("sae", "gan")
  tolerance = 0.02 if kind == "bfloat16" else 1e-5
  for name in names:
    phase = make_phase(name, config)
    state = phase.init({})
    for function, shapes in phase.program.exportable.items():
      arrays = [inputs_of(shape, 5) for shape in shapes]
      bound = export.bound(phase.program.functions[function], state)
      stored = export.to_stablehlo(bound, shapes).serialize()
      result = jax.export.deserialize(stored).call(*arrays)
      np.testing.assert_allclose(result, bound(*arrays), tolerance, tolerance)


@pytest.mark.parametrize(
  "name", ["classifier", "recognition", "super_resolution", "translation"]
)
def test_what_takes_images_is_exported(name):
  phase = make_phase(name, small_config())
  state = phase.init({})
  for function, shapes in phase.program.exportable.items():
    bound = export.bound(phase.program.functions[function], state)
    result = export.to_stablehlo(bound, shapes).call(inputs_of(shapes[0], 3))
    expected = bound(inputs_of(shapes[0], 3))
    np.testing.assert_allclose(result, expected, atol=1e-5)


def test_points_of_the_plane_are_exported(tmp_path):
  config = ring.get_config()
  config.gan.update(steps=100, evaluate_every=100, save_every=100)
  train(tmp_path / "ring", config)
  export.export_run(tmp_path / "ring", {}, Console(io.StringIO()))
  about = json.loads((tmp_path / "ring" / "export" / "gan.json").read_text())
  assert about["image_range"] is None
  assert about["points_scale"] == 1.25
  (generated,) = about["functions"]["generate"]["outputs"]
  assert generated["shape"] == ["batch", 1, 1, 2]


# jax2onnx 0.17.1 or onnxruntime does not take these (2026-11): the export says so
NO_ONNX = ("convolutional", "convolutional jumprelu", "bfloat16")


@pytest.mark.parametrize(
  "kind", ["topk", *(kind for kind in SYSTEMS if kind not in NO_ONNX)]
)
def test_onnxruntime_gives_the_same(kind):
  pytest.importorskip("jax2onnx", exc_type=ImportError)
  import onnxruntime

  config = small_config(**SYSTEMS.get(kind, {}))
  for name in ("gan",) if kind == "residual" else ("sae", "gan"):
    phase = make_phase(name, config)
    state = phase.init({})
    for function, shapes in phase.program.exportable.items():
      bound = export.bound(phase.program.functions[function], state)
      model = onnxruntime.InferenceSession(export.to_onnx(bound, shapes, function))
      arrays = [inputs_of(shape, 5) for shape in shapes]
      named = {
        entry.name: x for entry, x in zip(model.get_inputs(), arrays, strict=True)
      }
      (result,) = model.run(None, named)
      np.testing.assert_allclose(np.asarray(result), bound(*arrays), 1e-4, 1e-4)


def test_without_the_converter_one_line_says_how_to_get_it(exported, monkeypatch):
  workdir, _ = exported
  monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
  output = io.StringIO()
  export.export_run(workdir, {}, Console(output))
  assert "No ONNX files: pip install -e '.[onnx]'" in output.getvalue()
  assert not list((workdir / "export").glob("*.onnx"))


def test_an_older_export_is_replaced_as_a_whole(exported):
  workdir, _ = exported
  folder = workdir / "export"
  (folder / "old.decode.stablehlo").write_text("of a run before")
  (folder / "notes.txt").write_text("kept")
  names = sorted(path.name for path in folder.iterdir())
  export.export_run(workdir, {}, Console(io.StringIO()))
  names.remove("old.decode.stablehlo")
  # the fixture made it without the converter, which may be installed
  found = {path.name for path in folder.iterdir() if path.suffix != ".onnx"}
  assert sorted(found) == names


def test_what_cannot_be_exported_is_said_in_one_line(whole_run, tmp_path):
  done = forked("--mode=export", f"--workdir={tmp_path}/none")
  assert done.returncode == 2
  assert len(done.stderr.splitlines()) == 1
  workdir = tmp_path / "run"
  workdir.mkdir()
  (workdir / "config.json").write_bytes((whole_run / "config.json").read_bytes())
  with pytest.raises(UserError, match="has no checkpoint yet: train first"):
    export.export_run(workdir, {}, Console(io.StringIO()))
  workdir = copy_of(whole_run, tmp_path / "copy")
  (workdir / "export").write_text("in the way")
  done = forked("--mode=export", f"--workdir={workdir}")
  assert done.returncode == 2
  assert "export" in done.stderr
  assert len(done.stderr.splitlines()) == 1


def test_the_mode_writes_the_folder(exported):
  workdir, _ = exported
  done = forked("--mode=export", f"--workdir={workdir}")
  assert done.returncode == 0, done.stderr
  assert f"Exported: {workdir}/export" in done.stdout
