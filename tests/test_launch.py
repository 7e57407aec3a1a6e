"""The command line as a user meets it: whole runs and bad input, in processes."""

import json
import os
import subprocess
import sys
from pathlib import Path

import jax
import numpy as np
import orbax.checkpoint as ocp
import pytest

ROOT = Path(__file__).parents[1]
SMALL = ["--config.code.num_latents=32", "--config.code.k=4"]
for _phase in ("sae", "gan"):
  SMALL += [f"--config.{_phase}.steps=20", f"--config.{_phase}.log_every=5"]
  SMALL += [f"--config.{_phase}.{_due}_every=10" for _due in ("evaluate", "save")]


def launch(*arguments):
  return subprocess.run(
    [sys.executable, "launch.py", *arguments],
    cwd=ROOT,
    env=os.environ | {"JAX_PLATFORMS": "cpu"},
    capture_output=True,
    text=True,
    timeout=300,
  )


def checkpoint_arrays(workdir, phase):
  with ocp.CheckpointManager(workdir / phase / "checkpoints") as manager:
    step = manager.latest_step()
    state = manager.restore(step, args=ocp.args.StandardRestore())
  return step, [np.asarray(leaf) for leaf in jax.tree.leaves(state)]


def test_a_run_makes_what_it_promises_and_resumes(tmp_path):
  whole, parts = tmp_path / "whole", tmp_path / "parts"
  done = launch(f"--workdir={whole}", *SMALL)
  assert done.returncode == 0, done.stderr
  assert f"--workdir={whole} --mode=sample" in done.stdout
  records = [
    json.loads(line, parse_constant=pytest.fail)
    for line in (whole / "metrics.jsonl").read_text().splitlines()
  ]
  steps = [(r["phase"], r["step"]) for r in records if "images_per_second" in r]
  assert steps == [(p, s) for p in ("sae", "gan") for s in (5, 10, 15, 20)]
  for name in ("sae/mse", "sae/fvu", "sae/l0", "sae/dead_fraction", "sae/grad_norm"):
    assert name in records[1], name
  for name in ("d_loss", "g_loss", "d_real", "d_fake", "r1", "code_l0"):
    assert f"gan/{name}" in records[-2], name
  assert (whole / "images" / "gan_samples_000020.png").exists()

  # ended within the second phase by a smaller number of rounds, then continued
  assert launch(f"--workdir={parts}", *SMALL, "--config.gan.steps=10").returncode == 0
  assert launch(f"--workdir={parts}", *SMALL).returncode == 0
  for phase in ("sae", "gan"):
    step, arrays = checkpoint_arrays(whole, phase)
    again, resumed = checkpoint_arrays(parts, phase)
    assert step == again == 20
    assert all((a == b).all() for a, b in zip(arrays, resumed, strict=True))

  assert "all 20 steps are done" in launch(f"--workdir={whole}", *SMALL).stdout
  assert launch(f"--workdir={whole}", "--mode=evaluate").returncode == 0
  assert "sae/test_fvu" in (whole / "evaluation.json").read_text()
  sampled = launch(f"--workdir={whole}", "--mode=sample", "--num_samples=3")
  assert sampled.returncode == 0, sampled.stderr
  assert (whole / "samples" / "000002.png").exists()

  # another experiment in the same directory
  refused = launch(f"--workdir={whole}", *SMALL, "--config.code.k=5")
  assert refused.returncode == 2
  assert "code.k: 4 -> 5" in refused.stderr


@pytest.mark.parametrize(
  ("arguments", "words"),
  [
    (["--config.sae.stepz=1"], "stepz"),
    (["--config.sae.steps=many"], "steps"),
    (["--config=configs/none.py"], "none.py"),
    (["--config.gan.loss=hopeful"], "gan.loss='hopeful'"),
    (["--config.phases=('gan','sae')"], "phases="),
    (["--config.code.k=1000"], "code.k=1000"),
    (["--config.sae.steps=0"], "sae.steps=0"),
    (["--config.gan.log_every=7"], "gan.log_every=7"),
    (["--config.sae.encoder_hidden=(8,)"], "sae.tied_start"),
    (["--config.sae.batch_size=5000"], "sae.batch_size=5000"),
    (["--config.parallel.devices=3"], "parallel.devices=3"),
    (["--workdir=/dev/null/run"], "/dev/null/run"),
    (["--mode=sample", "--workdir=/nowhere"], "/nowhere"),
  ],
)
def test_bad_input_gets_one_line_and_code_2(arguments, words, tmp_path):
  workdir = (
    [] if any("workdir" in a for a in arguments) else [f"--workdir={tmp_path}/r"]
  )
  done = launch(*workdir, *arguments)
  assert done.returncode == 2, done.stderr
  lines = done.stderr.strip().splitlines()
  assert len(lines) == 1, done.stderr
  assert words in lines[0]
  assert not (tmp_path / "r" / "metrics.jsonl").exists()


def test_divergence_ends_with_code_3_and_names_the_metric(tmp_path):
  done = launch(
    f"--workdir={tmp_path}/r",
    *SMALL,
    "--config.phases=('gan',)",
    "--config.gan.loss=wasserstein",
    "--config.gan.discriminator_optimizer.name=sgd",
    "--config.gan.discriminator_optimizer.learning_rate=1e30",
  )
  assert done.returncode == 3, done.stderr
  assert "diverged at step" in done.stderr
