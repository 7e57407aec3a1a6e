"""The command line: complete runs and bad input, in separate processes."""

import json
import os
import signal

import pytest

from tests.commands import Forked, forked, wait_for_records
from tests.systems import launch, run_python, saved

SMALL = [
  "--config.code.num_latents=32",
  "--config.code.k=4",
  "--config.classifier.steps=20",
  "--config.classifier.log_every=10",
  "--config.classifier.channels=(4,4,4)",
  "--config.evaluation.num_samples=40",
  "--config.evaluation.final_samples=200",
  "--config.evaluation.controls=False",
]
for _phase in ("sae", "gan"):
  SMALL += [f"--config.{_phase}.steps=20", f"--config.{_phase}.log_every=5"]
  SMALL += [f"--config.{_phase}.{_due}_every=10" for _due in ("evaluate", "save")]
# a decaying rate depends on the number of steps, which one test changes on resume
for _player in ("generator", "discriminator"):
  SMALL += [f"--config.gan.{_player}_optimizer.schedule=constant"]


def test_a_run_writes_all_its_files_and_resumes(tmp_path):
  whole, parts = tmp_path / "whole", tmp_path / "parts"
  done = launch(f"--workdir={whole}", *SMALL)
  assert done.returncode == 0, done.stderr
  assert f"--workdir={whole} --mode=sample" in done.stdout
  records = [
    json.loads(line, parse_constant=pytest.fail)
    for line in (whole / "metrics.jsonl").read_text().splitlines()
  ]
  by_step = {(record["phase"], record["step"]): record for record in records}
  steps = [(p, s) for p in ("sae", "gan") for s in (0, 5, 10, 15, 20)]
  assert list(by_step) == steps
  assert len(records) == len(steps)
  for name in ("mse", "fvu", "l0", "dead_fraction", "grad_norm", "test_fvu"):
    assert f"sae/{name}" in by_step["sae", 10], name
  for name in ("d_loss", "g_loss", "d_real", "d_fake", "r1", "code_l0"):
    assert f"gan/{name}" in by_step["gan", 5], name
  assert (whole / "images" / "gan_samples_000020.png").exists()

  # ended within the second phase by a smaller number of rounds, then continued
  assert forked(f"--workdir={parts}", *SMALL, "--config.gan.steps=10").returncode == 0
  assert forked(f"--workdir={parts}", *SMALL).returncode == 0
  for phase in ("sae", "gan"):
    step, arrays = saved(whole, phase)
    again, resumed = saved(parts, phase)
    assert step == again == 20
    assert all((a == b).all() for a, b in zip(arrays, resumed, strict=True))

  assert "all 20 steps are done" in forked(f"--workdir={whole}", *SMALL).stdout
  assert forked(f"--workdir={whole}", "--mode=evaluate").returncode == 0
  measured = json.loads((whole / "evaluation.json").read_text())
  assert {"fvu", "probe_error"} <= measured["sae"]["figures"].keys()
  assert measured["gan"]["figures"].keys() >= measured["gan"]["floor"].keys()
  assert "<html" in (whole / "report.html").read_text()
  asked = [f"--workdir={whole}", "--mode=sample", "--num_samples=3"]
  sampled = forked(*asked, "--config=configs/digits.py", *SMALL)
  assert sampled.returncode == 2 and "has no effect here" in sampled.stderr
  sampled = forked(*asked, "--config=configs/digits.py")
  assert sampled.returncode == 0, sampled.stderr
  (line,) = [
    text for text in sampled.stdout.splitlines() if "another experiment" in text
  ]
  assert "than --config (code.k: 4 -> 32, and " in line
  assert line.endswith(" more): its own config is used")
  assert (whole / "samples" / "000002.png").exists()

  # another experiment in the same directory
  refused = forked(f"--workdir={whole}", *SMALL, "--config.code.k=5")
  assert refused.returncode == 2
  assert "code.k: 4 -> 5" in refused.stderr


@pytest.mark.parametrize(
  ("arguments", "words"),
  [
    (["--config.sae.stepz=1"], "stepz"),
    (["--config.sae.steps=many"], "steps"),
    (["--config=configs/none.py"], "none.py"),
    (["--config.phases=('gan','sae')"], "phases="),
    (["--config.parallel.devices=3"], "parallel.devices=3"),
    (["digits.py"], "unexpected argument 'digits.py'"),
    (["--mode=dream"], "mode"),
    (["--mode=compile", "--topology=v5e:3x3"], "--topology='v5e:3x3'"),
    (["--config=/bin/true"], "/bin/true"),
    (["--config=configs"], "--config=configs is a folder: name a .py or .json file"),
    (["--config="], "--config names no file"),
    (["--config", "a.json:b"], "a config in JSON takes no argument: --config=a.json"),
    (["--mode=compare", "--config=configs/ring.py"], "--config is not read by"),
    (["--workdir=/dev/null/run"], "/dev/null/run"),
    (["--mode=sample", "--workdir=/nowhere"], "/nowhere"),
    (["--mode=evaluate", "--workdir=/nowhere"], "/nowhere"),
  ],
)
def test_bad_input_gets_one_line_and_code_2(arguments, words, tmp_path):
  workdir = (
    [] if any("workdir" in a for a in arguments) else [f"--workdir={tmp_path}/r"]
  )
  done = forked(*workdir, *arguments)
  assert done.returncode == 2, done.stderr
  lines = done.stderr.strip().splitlines()
  assert len(lines) == 1, done.stderr
  assert words in lines[0]
  assert not (tmp_path / "r").exists()


def test_debug_names_the_operation_that_gives_a_nan(tmp_path):
  done = forked(
    f"--workdir={tmp_path}/r",
    *SMALL,
    "--config.debug=True",
    "--config.phases=('gan',)",
    "--config.gan.discriminator_optimizer.name=sgd",
    "--config.gan.discriminator_optimizer.learning_rate=1e30",
  )
  assert done.returncode == 3, done.stderr
  (line,) = done.stderr.strip().splitlines()
  assert "nan" in line


def test_help_names_the_flags():
  done = launch("--help")
  assert done.returncode == 0, done.stderr
  for flag in ("--workdir", "--mode", "--num_samples", "--config"):
    assert flag in done.stdout, flag


def test_a_missing_platform_is_one_line(tmp_path):
  done = launch(f"--workdir={tmp_path}/r", platform="tpu_of_my_dreams")
  assert done.returncode == 2, done.stderr
  (line,) = done.stderr.strip().splitlines()
  assert "unset JAX_PLATFORMS" in line


def test_divergence_ends_with_code_3_and_names_the_metric(tmp_path):
  done = forked(
    f"--workdir={tmp_path}/r",
    *SMALL,
    "--config.phases=('gan',)",
    "--config.gan.loss=wasserstein",
    "--config.gan.discriminator_optimizer.name=sgd",
    "--config.gan.discriminator_optimizer.learning_rate=1e30",
  )
  assert done.returncode == 3, done.stderr
  assert "diverged at step" in done.stderr


@pytest.mark.parametrize(
  ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)]
)
def test_a_signal_saves_and_a_kill_loses_nothing_saved(tmp_path, number, code):
  workdir, errors = tmp_path / "r", tmp_path / "errors.txt"
  arguments = [f"--workdir={workdir}", *SMALL, "--config.sae.steps=10000"]
  process = Forked(arguments, tmp_path / "said.txt", errors)
  wait_for_records(process, workdir, 1)
  os.kill(process.pid, number)
  assert process.wait(15) == code, errors.read_text()
  (line,) = errors.read_text().splitlines()
  assert "run the same command again to go on" in line
  step, _ = saved(workdir, "sae")
  assert f"at sae step {step}, saved" in line

  process = Forked(arguments, tmp_path / "said.txt")
  before = (workdir / "metrics.jsonl").read_bytes().count(b"\n")
  wait_for_records(process, workdir, before + 1)
  process.kill()
  process.wait(60)
  again, _ = saved(workdir, "sae")
  assert again >= step


TRAIN_AND_LOOK_FOR_TENSORFLOW = """
import sys
import launch
code = launch.main(sys.argv)
sys.exit("tensorflow was imported" if "tensorflow" in sys.modules else code)
"""


@pytest.mark.skipif(
  not os.environ.get("TFDS_DATA_DIR"), reason="TFDS_DATA_DIR is not set"
)
def test_training_on_mnist_never_imports_tensorflow(tmp_path):
  done = run_python(
    "-c",
    TRAIN_AND_LOOK_FOR_TENSORFLOW,
    "--config=configs/mnist.py:decoder",
    f"--workdir={tmp_path}/r",
    *(flag for flag in SMALL if not flag.startswith("--config.classifier.")),
    "--config.phases=('sae',)",
    "--config.sae.batch_size=16",
  )
  assert done.returncode == 0, done.stderr
  assert "Done: " in done.stdout
