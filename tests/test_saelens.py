"""The layout of SAELens: what is exported computes the same there, and reads back.

`as_saelens` is what SAELens 6.54.12 does with such files, in NumPy, from its source. It
takes PyTorch and 100 other packages, so the test of itself is a long form, `pytest -m
soak` after `pip install -e '.[saelens]'`.
"""

import importlib
import io
import json
import warnings
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from safetensors.flax import save as flax_save
from safetensors.numpy import load_file, save_file

import sgae
from sgae.config import validate
from sgae.data.dataset import SideUnits, Units
from sgae.errors import UserError
from sgae.methods import METHODS
from sgae.reporting.console import Console
from sgae.reporting.files import write_json
from sgae.runs import layouts
from tests.commands import forked
from tests.runs import copy_of
from tests.systems import CONVOLUTIONAL, IMAGES, make_phase, small_config

LAYOUT = METHODS["sae"].layouts["saelens"]
ROWS = IMAGES.reshape(len(IMAGES), -1)[:20] / np.float32(127.5) - 1
UNITS = Units(np.linspace(-3, 5, 16).astype(np.float32), np.float32(0.3))
GIVEN = Units(np.linspace(7, -2, 16).astype(np.float32), np.float32(1.7))
MAPS = ("relu", "topk", "batch_topk", "jumprelu", "gated")


def trained(sparsity_map):
  """Returns config, state and functions of an autoencoder that is not a fresh one."""
  config = small_config(code__sparsity_map=sparsity_map, sae__output="linear")
  phase = make_phase("sae", validate(config))
  state = phase.init({})
  noise = iter(jax.random.split(jax.random.key(5), 20))

  def moved(leaf):
    return leaf + 0.1 * jax.random.normal(next(noise), leaf.shape)

  params = jax.tree.map(moved, state.player.params)
  if "threshold" in params["sparsity"]:
    params["sparsity"]["threshold"] = abs(params["sparsity"]["threshold"])
  state = state.replace(player=state.player.replace(params=params))
  return config, state, phase.program.functions


def store(folder, about, weights):
  folder.mkdir(exist_ok=True)
  write_json(folder / LAYOUT.about, about)
  save_file(weights, folder / LAYOUT.weights)
  return folder


def as_saelens(about, weights, x_bd):
  """Returns (codes, outputs) by `encode` and `decode` of SAELens, saes/*.py."""
  w = weights
  if about["apply_b_dec_to_input"]:
    x_bd = x_bd - w["b_dec"]
  if about["architecture"] == "gated":
    gate = x_bd @ w["W_enc"] + w["b_gate"] > 0
    size = x_bd @ (w["W_enc"] * np.exp(w["r_mag"])) + w["b_mag"]
    codes = gate * np.maximum(size, 0)
  else:
    pre = x_bd @ w["W_enc"] + w["b_enc"]
    if about["architecture"] == "topk":
      least = np.sort(pre, axis=1)[:, -about["k"], None]
      pre = np.where(pre >= least, pre, 0)
    codes = np.maximum(pre, 0)
    if about["architecture"].startswith("jumprelu"):
      codes = codes * (pre > w["threshold"])
  return codes, codes @ w["W_dec"] + w["b_dec"]


@pytest.mark.parametrize(
  ("sparsity_map", "units"),
  [(each, units) for each in MAPS for units in (None, SideUnits(UNITS, UNITS))]
  + [(each, SideUnits(UNITS, GIVEN)) for each in ("relu", "batch_topk", "jumprelu")],
)
def test_exported_weights_compute_the_same_and_read_back(tmp_path, sparsity_map, units):
  config, state, functions = trained(sparsity_map)
  config.sae.transcoder = units is not None and units.given is GIVEN
  about, weights = LAYOUT.write(config, state, (4, 4, 1), units)
  images = jnp.asarray(ROWS).reshape(-1, 4, 4, 1)
  codes = np.asarray(functions["encode"](state, images))
  outputs = np.asarray(functions["decode"](state, codes)).reshape(ROWS.shape)
  x_bd = ROWS
  if units is not None:  # ROWS are what the networks see of these
    x_bd, outputs = (
      each / own.scale + own.mean
      for each, own in zip((ROWS, outputs), units, strict=True)
    )
  assert ("d_out" in about) == config.sae.transcoder
  found = as_saelens(about, weights, x_bd)
  np.testing.assert_allclose(found[0], codes, rtol=1e-5, atol=1e-5)
  np.testing.assert_allclose(found[1], outputs, rtol=1e-5, atol=2e-5)
  assert 0 < (codes > 0).mean() < 0.9
  loaded = sgae.load_saelens(store(tmp_path / "saelens", about, weights))
  np.testing.assert_allclose(loaded.encode(jnp.asarray(x_bd)), codes, 1e-5, 2e-5)
  np.testing.assert_allclose(loaded.decode(jnp.asarray(codes)), outputs, 1e-5, 2e-5)


def test_their_own_files_are_read_with_a_shared_bias_and_free_atoms(tmp_path):
  noise = np.random.default_rng(0)
  weights = {
    name: noise.normal(size=shape).astype(np.float32)
    for name, shape in {
      "W_enc": (16, 24),
      "W_dec": (24, 16),
      "b_enc": (24,),
      "b_dec": (16,),
    }.items()
  }
  about = {"architecture": "topk", "d_in": 16, "d_sae": 24, "k": 4}
  about["apply_b_dec_to_input"] = True  # as is the default of SAELens
  loaded = sgae.load_saelens(store(tmp_path / "plain", about, weights))
  codes, outputs = as_saelens(about, weights, ROWS)
  np.testing.assert_allclose(loaded.encode(jnp.asarray(ROWS)), codes, 1e-5, 2e-5)
  np.testing.assert_allclose(loaded.decode(jnp.asarray(codes)), outputs, 1e-5, 2e-5)
  about["rescale_acts_by_decoder_norm"] = True  # topk_sae.py
  norms = np.linalg.norm(weights["W_dec"], axis=1)
  pre = ((ROWS - weights["b_dec"]) @ weights["W_enc"] + weights["b_enc"]) * norms
  codes = np.maximum(np.where(pre >= np.sort(pre, axis=1)[:, -4, None], pre, 0), 0)
  loaded = sgae.load_saelens(store(tmp_path / "rescaled", about, weights))
  np.testing.assert_allclose(loaded.encode(jnp.asarray(ROWS)), codes, 1e-5, 5e-5)
  outputs = (codes / norms) @ weights["W_dec"] + weights["b_dec"]
  np.testing.assert_allclose(loaded.decode(jnp.asarray(codes)), outputs, 1e-5, 2e-5)


def test_weights_in_bfloat16_are_read(tmp_path):
  config, state, _ = trained("relu")
  about, weights = LAYOUT.write(config, state, (4, 4, 1), None)
  folder = store(tmp_path, about, weights)
  codes = sgae.load_saelens(folder).encode(jnp.asarray(ROWS))
  halved = {name: jnp.asarray(each, jnp.bfloat16) for name, each in weights.items()}
  (folder / LAYOUT.weights).write_bytes(flax_save(halved))
  found = sgae.load_saelens(folder).encode(jnp.asarray(ROWS))
  np.testing.assert_allclose(found, codes, atol=0.1)


def test_their_transcoders_may_give_vectors_of_another_width(tmp_path):
  noise = np.random.default_rng(1)
  shapes = {"W_enc": (16, 24), "W_dec": (24, 5), "b_enc": (24,), "b_dec": (5,)}
  weights = {
    name: noise.normal(size=shape).astype(np.float32)
    for name, shape in (shapes | {"threshold": (24,)}).items()
  }
  weights["threshold"] = abs(weights["threshold"])
  about = {"architecture": "jumprelu_transcoder", "d_in": 16, "d_sae": 24, "d_out": 5}
  about["apply_b_dec_to_input"] = False
  loaded = sgae.load_saelens(store(tmp_path / "transcoder", about, weights))
  codes, outputs = as_saelens(about, weights, ROWS)
  np.testing.assert_allclose(loaded.encode(jnp.asarray(ROWS)), codes, 1e-5, 2e-5)
  np.testing.assert_allclose(loaded.decode(jnp.asarray(codes)), outputs, 1e-5, 2e-5)
  with pytest.raises(UserError, match="architecture='skip_transcoder' is not read"):
    LAYOUT.read(about | {"architecture": "skip_transcoder"}, weights)
  del about["d_out"]
  with pytest.raises(UserError, match="d_out=None is not read"):
    LAYOUT.read(about, weights)


@pytest.mark.parametrize(
  ("fields", "words"),
  [
    ({"sae__output": "tanh"}, "sae.output='tanh'"),
    (
      {"sae__encoder_hidden": (8,), "sae__tied_start": False},
      "sae.encoder_hidden=(8,)",
    ),
    (
      {"sae__decoder_hidden": (8,), "sae__tied_start": False},
      "sae.decoder_hidden=(8,)",
    ),
    (CONVOLUTIONAL, "sae.architecture='convolutional'"),
    ({"code__sparsity_map": "sigmoid"}, "code.sparsity_map='sigmoid'"),
    ({"precision__compute": "bfloat16"}, "precision.compute='bfloat16'"),
    (
      {"sae__transcoder": True, "code__sparsity_map": "topk"},
      "a transcoder with code.sparsity_map relu, batch_topk, jumprelu;",
    ),
  ],
)
def test_what_saelens_does_not_have_is_refused(fields, words):
  config = small_config(**{"sae__output": "linear"} | fields)
  with pytest.raises(UserError) as refusal:
    LAYOUT.write(config, None, (4, 4, 1), None)
  assert words in str(refusal.value)
  assert "\n" not in str(refusal.value)


def test_what_cannot_be_read_is_refused(tmp_path):
  config, state, _ = trained("jumprelu")
  about, weights = LAYOUT.write(config, state, (4, 4, 1), None)
  with pytest.raises(UserError, match="has no cfg.json"):
    sgae.load_saelens(tmp_path)
  folder = store(tmp_path / "saelens", about, weights)
  (folder / LAYOUT.weights).write_bytes(b"{")
  with pytest.raises(UserError, match="safetensors is damaged .*: save or fetch it"):
    sgae.load_saelens(folder)
  (folder / LAYOUT.about).write_bytes(b"{")
  with pytest.raises(UserError, match="cfg.json is damaged .*: save or fetch it once"):
    sgae.load_saelens(folder)
  for changed, words in (
    (about | {"architecture": "temporal"}, "architecture='temporal'"),
    (about | {"normalize_activations": "layer_norm"}, "normalize_activations="),
    (about | {"d_sae": 25}, r"W_enc has shape \(16, 24\), and \(16, 25\)"),
    (about | {"d_in": "16"}, "d_in='16'"),
    (about | {"d_in": True}, "d_in=True"),
    (about | {"architecture": []}, r"architecture=\[\]"),
    (about | {"architecture": "topk", "k": 25}, "k=25 is not read: .* d_sae=24"),
  ):
    with pytest.raises(UserError, match=words):
      LAYOUT.read(changed, weights)
  del weights["threshold"]
  with pytest.raises(UserError, match="the weights have no threshold"):
    LAYOUT.read(about, weights)


def test_the_command_writes_the_folder_or_says_in_one_line_why_not(whole_run, tmp_path):
  workdir = copy_of(whole_run, tmp_path / "run")
  done = forked("--mode=export", "--format=saelens", f"--workdir={workdir}")
  assert done.returncode == 2
  assert "SAELens has no place for sae.output='tanh'" in done.stderr
  assert len(done.stderr.splitlines()) == 1
  with pytest.raises(
    UserError, match="--format='png' is unknown: choose one of saelens"
  ):
    layouts.export_layout(workdir, {}, Console(io.StringIO()), "png")
  stored = json.loads((workdir / "config.json").read_text())
  stored["config"]["sae"]["output"] = "linear"  # whose weights have the same shapes
  write_json(workdir / "config.json", stored)
  output = io.StringIO()
  layouts.export_layout(workdir, {}, Console(output), "saelens")
  assert "sae: weights of step 20, as topk" in output.getvalue()
  weights = load_file(workdir / "saelens" / "sae_weights.safetensors")
  run = sgae.load_run(workdir)
  x_bd = np.random.default_rng(0).uniform(-1, 1, (3, 64)).astype(np.float32)
  about = json.loads((workdir / "saelens" / "cfg.json").read_text())
  np.testing.assert_allclose(
    as_saelens(about, weights, x_bd)[0],
    run.encode(jnp.asarray(x_bd).reshape(3, 8, 8, 1)),
    rtol=1e-5,
    atol=1e-5,
  )


@pytest.mark.soak
@pytest.mark.parametrize(
  ("sparsity_map", "transcoder"),
  [*((each, False) for each in MAPS), ("relu", True), ("jumprelu", True)],
)
def test_saelens_itself_loads_what_is_exported(tmp_path, sparsity_map, transcoder):
  with warnings.catch_warnings():  # of the many packages that it imports
    warnings.simplefilter("ignore")
    torch: Any = importlib.import_module("torch")
    sae_lens: Any = importlib.import_module("sae_lens")
    config, state, functions = trained(sparsity_map)
    config.sae.transcoder = transcoder
    about, weights = LAYOUT.write(config, state, (4, 4, 1), None)
    folder = store(tmp_path / "saelens", about, weights)
    theirs = sae_lens.SAE.load_from_disk(folder)
    found = theirs.encode(torch.from_numpy(ROWS))
    again = theirs.decode(found).detach().numpy()
    theirs.save_model(tmp_path / "saved")
  images = jnp.asarray(ROWS).reshape(-1, 4, 4, 1)
  codes = np.asarray(functions["encode"](state, images))
  np.testing.assert_allclose(found.detach().numpy(), codes, 1e-5, 1e-5)
  outputs = functions["decode"](state, codes).reshape(ROWS.shape)
  np.testing.assert_allclose(again, outputs, 1e-5, 1e-5)
  loaded = sgae.load_saelens(tmp_path / "saved")  # as their own code has written it
  np.testing.assert_allclose(loaded.encode(jnp.asarray(ROWS)), codes, 1e-5, 1e-5)
