"""`--mode=compile` from the command line; some tests are skipped without libtpu."""

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import jax
import numpy as np
import pytest

from configs import digits
from sgae.aot import compile
from sgae.aot.__main__ import size
from sgae.config import validate
from sgae.errors import UserError

ROOT = Path(__file__).parents[1]
needs_libtpu = pytest.mark.skipif(
  importlib.util.find_spec("libtpu") is None,
  reason="libtpu is not installed: pip install -e '.[tpu]'",
)


def launch(*arguments):
  return subprocess.run(
    [sys.executable, "launch.py", "--mode=compile", *arguments],
    cwd=ROOT,
    # some versions of libtpu refuse flags that are for CPUs
    env=os.environ | {"JAX_PLATFORMS": "cpu", "XLA_FLAGS": ""},
    capture_output=True,
    text=True,
    timeout=300,
  )


def printed(pattern, text):
  """Returns the number that follows in the report."""
  return float(re.findall(pattern + r" ([\d.]+)", text)[0])


@needs_libtpu
def test_both_phases_compile_for_eight_chips():
  done = launch("--topology=v5e:2x4")
  assert done.returncode == 0, done.stderr
  assert done.stderr == ""
  assert "1,498 images of 16x16x1, resident" in done.stdout
  # Per image: encode, decode and the loss of dead latents, three products of 256
  # pixels and 256 latents; five more for the gradients of codes and weights.
  flop = printed("work +", done.stdout) * 1e6
  assert flop == pytest.approx(8 * 2 * 256 * 256, rel=0.02)
  # The decoder's gradient comes in two parts, the encoder's in one; two of the four
  # exchanges are of single numbers.
  exchanged = printed("4 per step with", done.stdout) * 1e3
  assert exchanged == pytest.approx(3 * 256 * 256 * 4, rel=0.02)
  assert done.stdout.count("steps of 128 images in one call, compiled in") == 2


@needs_libtpu
def test_shard_map_compiles_for_streamed_images_and_exchanges_each_gradient_once():
  done = launch(
    "--topology=v4:2x2x2",
    "--config.parallel.mode=shard_map",
    "--config.data.placement=streamed",
    "--config.phases=('sae',)",
  )
  assert done.returncode == 0, done.stderr
  assert "v4:2x2x2: 8 chip(s), each 275 TFLOP/s in bfloat16" in done.stdout
  assert "1,498 images of 16x16x1, streamed" in done.stdout
  exchanged = printed("1 per step with", done.stdout) * 1e3
  assert exchanged == pytest.approx(2 * 256 * 256 * 4, rel=0.02)


@needs_libtpu
def test_the_members_of_a_population_exchange_their_metrics_alone():
  done = launch(
    "--topology=v5e:2x4", "--config.population.seeds=16", "--config.phases=('sae',)"
  )
  assert done.returncode == 0, done.stderr
  assert "steps of 2,048 images in one call" in done.stdout  # 16 batches of 128
  # of all steps of a call at once
  assert printed("collectives +", done.stdout) < 1
  assert "(all-gather)" in done.stdout


@needs_libtpu
def test_a_program_that_does_not_fit_gives_one_line_and_code_2():
  done = launch(
    "--topology=v5e:1x1",
    "--images=99999999x16x16x1",
    "--config.data.placement=resident",
  )
  assert done.returncode == 2
  (line,) = done.stderr.splitlines()
  assert line.startswith("error: sae does not fit into v5e:1x1")
  assert "available HBM (15.75G)" in line


def test_shapes_have_sizes_in_every_jax():
  shapes = (
    jax.ShapeDtypeStruct((3, 4), np.int32),
    jax.ShapeDtypeStruct((5,), np.uint8),
  )
  assert size(shapes) == 3 * 4 * 4 + 5


def refusal(topology="v5e:2x4", images="", **fields):
  config = digits.get_config()
  config.update_from_flattened_dict(
    {name.replace("__", "."): value for name, value in fields.items()}
  )
  with pytest.raises(UserError) as refused:
    compile.compile_for(validate(config), topology, images)
  assert "\n" not in str(refused.value)
  return str(refused.value)


@pytest.fixture
def with_libtpu(monkeypatch):
  """Makes the check for libtpu pass, so that later checks run without it."""
  monkeypatch.setattr(importlib.util, "find_spec", lambda name: name)


def test_bad_input_is_refused_before_anything_is_compiled(with_libtpu, tmp_path):
  assert "--topology='v5e:9x9' is not a TPU slice" in refusal("v5e:9x9")
  assert "sae.batch_size=100 is not divisible by 8" in refusal(sae__batch_size=100)
  assert "6 members, which the 8 chips" in refusal(population__seeds=6)
  few = refusal(images="60000x8x8x1", data__examples=100, data__image_size=0)
  assert "sae.batch_size=128" in few and "100" in few
  assert "choose jit or shard_map" in refusal(parallel__mode="pmap")
  assert "parallel.devices=3, but v5e:2x4 has 8" in refusal(parallel__devices=3)
  assert "'28x28' is not a shape of images" in refusal(images="28x28")
  assert "is more than the 64 training images" in refusal(images="64x8x8x1")
  unprepared = refusal(
    data__source="tfds", data__name="celeb_a", data__directory=str(tmp_path)
  )
  assert "'celeb_a' is not prepared" in unprepared
  assert "--images=60000x28x28x1" in unprepared


def test_without_libtpu_it_is_named(monkeypatch):
  monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
  assert "needs libtpu" in refusal()
