"""Complete runs of a few steps in this process, for the tests of the loop."""

import io
import os
import shutil
import signal
from contextlib import contextmanager
from pathlib import Path

from configs import base, digits
from sgae.config import validate
from sgae.reporting.console import Console, PhaseProgress, Report
from sgae.reporting.metrics import read_metrics
from sgae.training import run
from tests.systems import saved

CALLS = 4  # compiled calls of each phase


def tiny_config(**fields):
  """Returns a tiny config on the digits; `fields` are section__field."""
  config = digits.get_config()
  config.data.image_size = 8
  config.code.update(num_latents=24, k=4)
  config.gan.update(generator_hidden=(16,), discriminator_hidden=(16,))
  for phase in (config.sae, config.gan):
    phase.update(steps=5 * CALLS, log_every=5, evaluate_every=10, save_every=10)
    phase.batch_size = 16
  config.sae.auxiliary_k = 4
  config.classifier.update(steps=20, log_every=10, channels=(4, 4, 4), num_features=8)
  config.classifier.update(evaluate_every=10, save_every=10)
  config.evaluation.update(num_samples=40, final_samples=100, controls=False)
  for name, value in fields.items():
    section, field = name.split("__")
    config[section][field] = value
  return config


def tiny_vae_config():
  """Returns a tiny config of a variational autoencoder on the digits."""
  config = base.get_config(("vae",), also=("classifier",))
  config.data.image_size = 8
  config.vae.update(latent_dim=2, encoder_hidden=(8,), decoder_hidden=(8,))
  config.vae.update(steps=10, log_every=5, evaluate_every=10, save_every=5)
  config.vae.batch_size = 16
  config.classifier.update(steps=10, log_every=10, channels=(4, 4, 4), num_features=8)
  config.evaluation.update(num_samples=40, final_samples=100, controls=False)
  config.evaluation.update(importance_samples=10, importance_examples=20)
  return config


def tiny_upscaling_config():
  """Returns a tiny config of super-resolution on the digits."""
  config = base.get_config(("super_resolution",), also=("classifier",))
  config.data.image_size = 12
  fields = config.super_resolution
  fields.update(channels=4, blocks=1, batch_size=16)
  fields.update(steps=10, log_every=5, evaluate_every=10, save_every=5)
  config.classifier.update(steps=10, log_every=10, channels=(4, 4, 4), num_features=8)
  config.evaluation.update(num_samples=40, final_samples=100)
  return config


def tiny_dictionary_config():
  """Returns a tiny config of sparse coding on the digits."""
  config = base.get_config(("sparse_coding",))
  config.data.image_size = 8
  config.code.update(num_latents=24, sparsity_map="relu")
  config.sae.update(architecture="lista", output="linear", auxiliary_weight=0.0)
  fields = config.sparse_coding
  fields.update(iterations=10, batch_size=16)
  fields.update(steps=10, log_every=5, evaluate_every=10, save_every=5)
  return config


def tiny_translation_config(**fields):
  """Returns a config of digits and their negatives, a few steps long."""
  config = base.get_config(("translation",), also=("classifier",))
  config.data.image_size = 8
  config.data.second.source = "inverted"
  config.translation.update(
    generator_architecture="mlp",
    generator_hidden=(24,),
    discriminator_architecture="mlp",
    discriminator_hidden=(8,),
  )
  config.translation.update(steps=20, log_every=5, evaluate_every=10, save_every=5)
  config.translation.update({"batch_size": 16} | fields)
  config.classifier.update(steps=10, log_every=10, channels=(4, 4, 4), num_features=8)
  config.classifier.update(evaluate_every=10, save_every=10)
  config.evaluation.update(num_samples=40, controls=False)
  return config


class ActingConsole(Console):
  """Calls `act` at the nth progress report."""

  def __init__(self, reports, act):
    super().__init__(io.StringIO())
    self.reports, self.act = reports, act

  @contextmanager
  def phase(self, name, total_steps, first_step, noun="images"):
    def show(report):
      del report
      self.reports -= 1
      if self.reports == 0:
        self.act()

    start = Report(name, first_step, total_steps, 0.0, noun, None, {})
    yield PhaseProgress(start, show)


def stopping_console(reports):
  """Returns a console that sends this process a signal at the nth progress report."""
  return ActingConsole(reports, lambda: os.kill(os.getpid(), signal.SIGTERM))


def train(workdir, config=None, console=None):
  """Trains the tiny config, or another one."""
  console = console or Console(io.StringIO())
  run.train(validate(config or tiny_config()), workdir, console)


def timeless(workdir):
  """Returns the records of a run without times and speeds."""
  return [
    {k: v for k, v in record.items() if k not in ("seconds", "images_per_second")}
    for record in read_metrics(workdir)
  ]


def copy_of(run: Path, target: Path) -> Path:
  """Copies a run directory."""
  return shutil.copytree(run, target)


def assert_same_bits(run: Path, other: Path) -> None:
  """Fails unless the last states of both runs are equal, bit for bit."""
  for phase in ("sae", "gan"):
    (step, arrays), (expected_step, expected) = saved(run, phase), saved(other, phase)
    assert step == expected_step
    assert all((a == b).all() for a, b in zip(arrays, expected, strict=True))
