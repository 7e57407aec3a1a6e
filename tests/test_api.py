"""The package from Python: examples of README and docstrings, pure functions."""

import doctest
import importlib
import re
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import sgae
from sgae.errors import UserError
from sgae.runs import load
from tests.runs import copy_of
from tests.systems import ROOT

DOCUMENTED = (
  "sgae.losses.adversarial",
  "sgae.losses.reconstruction",
  "sgae.losses.sparsity",
  "sgae.methods",
  "sgae.networks.public",
  "sgae.training.start",
)


@pytest.fixture(scope="module")
def run(whole_run):
  return sgae.load_run(whole_run)


def test_importing_the_package_imports_no_jax():
  code = "import sys, sgae; assert 'jax' not in sys.modules; sgae.losses; dir(sgae)"
  subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)


@pytest.mark.parametrize("package", ["sgae", "sgae.losses", "sgae.networks"])
def test_every_public_name_is_there_and_has_a_docstring(package):
  module = importlib.import_module(package)
  for name in module.__all__:
    assert getattr(module, name).__doc__, name
  with pytest.raises(AttributeError, match="choose one of"):
    module.nothing_like_this  # noqa: B018


@pytest.mark.parametrize("name", [*DOCUMENTED, "sgae.runs.load"])
def test_examples_in_docstrings_are_true(name, whole_run, tmp_path, monkeypatch):
  if name == "sgae.runs.load":  # which opens a run of the current folder
    copy_of(whole_run, tmp_path / "runs" / "digits")
    monkeypatch.chdir(tmp_path)
  result = doctest.testmod(importlib.import_module(name))
  assert result.attempted
  assert not result.failed


def test_the_example_of_readme_runs(whole_run, tmp_path, monkeypatch):
  (code,) = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.S)
  copy_of(whole_run, tmp_path / "runs" / "digits")
  monkeypatch.chdir(tmp_path)
  # the small run has fewer latents than the one that README speaks of
  exec(compile(code.replace("[:, 17]", "[:, 7]"), "README.md", "exec"), {})


def test_images_of_any_floating_type_are_in_model_range(run):
  images = run.sample(3)
  codes = run.encode(images)
  for kind in (jnp.float16, jnp.bfloat16):
    np.testing.assert_allclose(run.encode(images.astype(kind)), codes, atol=0.1)


def test_what_a_run_has_not_is_said(run):
  with pytest.raises(UserError, match="phase='vae' is unknown: choose one of sae, gan"):
    run.metrics("vae")
  with pytest.raises(UserError, match="count=0 is too small"):
    run.sample(0)


def test_a_run_may_be_used_first_inside_a_compiled_function(whole_run):
  images = jnp.zeros((2, 8, 8, 1))
  codes = jax.jit(sgae.load_run(whole_run).encode)(images)
  np.testing.assert_allclose(codes, sgae.load_run(whole_run).encode(images), atol=1e-5)


def test_functions_are_pure_and_can_be_compiled_and_mapped(run):
  images = run.sample(6, seed=3)
  assert images.shape == (6, 8, 8, 1)
  np.testing.assert_array_equal(run.sample(4, seed=3), images[:4])
  codes = jax.jit(run.encode)(images)
  assert codes.shape == (6, 24)
  assert ((codes > 0).sum(axis=1) <= 4).all()
  np.testing.assert_allclose(run.decode(codes), run.reconstruct(images), atol=1e-5)
  each = jax.vmap(lambda image: run.discriminate(image[None])[0])(images)
  np.testing.assert_allclose(each, run.discriminate(images), atol=1e-4)
  latents = jnp.zeros((2, run.config.gan.latent_dim))
  assert run.generate(latents).shape == (2, 8, 8, 1)
  slopes = jax.grad(lambda z: run.generate(z).sum())(latents)
  assert jnp.isfinite(slopes).all()


def test_bytes_are_taken_for_images(run):
  images = np.zeros((2, 8, 8, 1), np.uint8)
  expected = run.encode(np.full((2, 8, 8, 1), -1, np.float32))
  np.testing.assert_array_equal(run.encode(images), expected)


@pytest.mark.parametrize("shape", [(8, 8), (3, 8, 8), (4, 1, 8, 1), (0, 8, 8, 1)])
def test_arrays_of_another_shape_are_refused(run, shape):
  assert run.image_shape == (8, 8, 1)
  for name in ("encode", "reconstruct", "discriminate"):
    with pytest.raises(UserError, match=r"give one of shape \(B, 8, 8, 1\)"):
      getattr(run, name)(np.zeros(shape, np.float32))


def test_checks_let_traced_arrays_pass(run):
  size = jax.export.symbolic_shape("b, 8, 8, 1")
  exported = jax.export.export(jax.jit(run.encode))(
    jax.ShapeDtypeStruct(size, jnp.float32)
  )
  images = np.zeros((3, 8, 8, 1), np.float32)
  np.testing.assert_allclose(exported.call(images), run.encode(images), atol=1e-6)
  codes = run.encode(images)
  one_by_one = jax.vmap(run.decode)(codes)
  np.testing.assert_allclose(one_by_one[:, 0], run.decode(codes), atol=1e-6)
  drawn = jax.vmap(lambda seed: run.sample(2, seed=seed))(jnp.arange(2))
  np.testing.assert_allclose(drawn[1], run.sample(2, seed=1), atol=1e-6)


def test_codes_latents_and_seeds_are_checked(run):
  with pytest.raises(UserError, match="takes 1 arrays of this run, and was given 2"):
    run.discriminate(np.zeros((3, 8, 8, 1), np.float32), np.zeros((3, 10)))
  for function in (run.decode, run.generate):
    with pytest.raises(UserError, match="give one of shape"):
      function(np.zeros((3, 1), np.float32))
  for seed in (-1, 2**32):
    with pytest.raises(UserError, match=f"seed={seed} is too"):
      run.sample(2, seed=seed)


def test_metrics_are_columns(run):
  columns = run.metrics()
  assert columns["step"][-1] == 20
  assert np.isfinite(columns["gan/d_loss"][1:]).all()
  assert "sae/fvu" in run.metrics("sae")
  assert set(run.params) == {"sae", "gan"}
  assert run.params["sae"]["decoder"]["atoms"].shape == (24, 64)


def test_what_reads_a_run_takes_only_fields_that_it_reads(whole_run):
  refused = ("gan.steps", "logging.tensorboard", "seed", "debug", "code.k")
  for field in (*refused, "evaluation.num_samples", "evaluation.patience"):
    with pytest.raises(UserError, match=f"--config.{field} has no effect here"):
      load.stored_config(whole_run, {field: 1})
  found = load.stored_config(whole_run, {"evaluation.final_samples": 80})
  assert found.evaluation.final_samples == 80
  # the feature extractor is no phase of the run, and may have to be trained
  found = load.stored_config(whole_run, {"classifier.steps": 100})
  assert found.classifier.steps == 100


def test_what_is_not_there_is_said_in_one_line(run, tmp_path):
  with pytest.raises(AttributeError, match="no 'features': its phases .* decode"):
    run.features  # noqa: B018
  with pytest.raises(UserError, match="holds no run"):
    sgae.load_run(tmp_path)
