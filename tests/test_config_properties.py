"""Generated configs: sound ones build, broken ones are refused by the field's name.

    pytest -m soak tests/test_config_properties.py

takes 2,000 of them, builds each sound one and trains a sample.
"""

import io
import json

import jax
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from configs import stored
from sgae import config as rules
from sgae.errors import TrainingDiverged, UserError
from sgae.reporting.console import Console
from sgae.training import run
from tests.commands import Forked
from tests.generated_configs import sound_configs
from tests.systems import blank_batch, make_phase, small_config
from tests.wrong_fields import faults

MEAN = np.zeros((4, 4, 1), np.float32)
QUICK = settings(
  max_examples=60,
  deadline=None,
  database=None,
  derandomize=True,  # the same ones each time: a failure is not a matter of luck
  suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)


def built_phases(config):
  """Returns the phases that start and step by shapes alone; fails if one does not."""
  built = []
  for name in config.phases:
    phase = make_phase(name, config, MEAN)
    state = jax.eval_shape(phase.init, {})
    after, metrics = jax.eval_shape(phase.step, state, blank_batch(phase, MEAN))
    assert jax.tree.structure(after) == jax.tree.structure(state)
    assert all(leaf.shape == () for leaf in metrics.values())
    built.append(phase.name)
  return tuple(built)


def refusal_of(config, wrong, file):
  """Returns how a config, read from JSON with faults in it, is refused."""
  plain = config.to_dict()
  for field, value in wrong:
    *path, last = field.split(".")
    section = plain
    for part in path:
      section = section[part]
    section[last] = value
  file.write_text(json.dumps(plain))
  with pytest.raises((UserError, ValueError)) as refusal:
    rules.validate(stored.get_config(str(file)))
  return str(refusal.value)


def names_a_fault(line, wrong):
  """Says whether a refusal is one line that names a faulty field."""
  named = any(field in line for field, _ in wrong)
  return named and "\n" not in line and "has not the fields and types" not in line


def trains(config, workdir):
  """Fails unless the config trains two steps of each phase on the digits."""
  config.data.image_size = 4
  names = ("sae", "gan", "classifier", "vae", "sparse_coding", "vae_gan")
  for name in (*names, "recognition", "super_resolution", "translation"):
    config[name].update(steps=2, log_every=1, evaluate_every=2, save_every=2)
  config.classifier.num_classes = 10
  config.evaluation.update(final_samples=40, controls=False)
  run.train(rules.validate(config), workdir, Console(io.StringIO()))


@QUICK
@given(sound_configs())
def test_sound_configs_are_taken(config):
  assert rules.validate(config).phases == config.phases


@settings(QUICK, max_examples=3)
@given(sound_configs())
def test_sound_configs_build(config):
  config = rules.validate(config)
  assert built_phases(config) == config.phases


@settings(QUICK, max_examples=120)
@given(sound_configs(), faults)
def test_broken_configs_are_refused_by_the_name_of_a_field(
  tmp_path_factory, config, wrong
):
  line = refusal_of(config, wrong, tmp_path_factory.getbasetemp() / "config.json")
  assert names_a_fault(line, wrong), line


@pytest.mark.soak
@settings(QUICK, max_examples=1000)
@given(sound_configs())
def test_a_thousand_sound_configs_build(config):
  config = rules.validate(config)
  assert built_phases(config) == config.phases


@pytest.mark.soak
@settings(QUICK, max_examples=1000)
@given(sound_configs(), faults)
def test_a_thousand_broken_configs_are_refused(tmp_path_factory, config, wrong):
  line = refusal_of(config, wrong, tmp_path_factory.getbasetemp() / "config.json")
  assert names_a_fault(line, wrong), line


@pytest.mark.soak
@settings(QUICK, max_examples=30)
@given(sound_configs())
def test_a_sample_of_sound_configs_trains(tmp_path_factory, config):
  try:
    trains(config, tmp_path_factory.mktemp("run") / "run")
  except TrainingDiverged as diverged:  # at rates and weights drawn without care
    assert "became" in str(diverged) or "is not finite" in str(diverged)  # noqa: PT017


@pytest.mark.parametrize(
  ("field", "value"), [("code.k", "x"), ("sae.steps", 7), ("gan.penalties", None)]
)
def test_the_command_refuses_a_broken_config_in_one_line(tmp_path, field, value):
  section, name = field.split(".")
  file, output = tmp_path / "config.json", tmp_path / "said.txt"
  file.write_text(json.dumps({section: {name: value}}))
  process = Forked([f"--config={file}", f"--workdir={tmp_path}/run"], output)
  assert process.wait(60) == 2
  (line,) = output.read_text().splitlines()
  assert line.startswith("error: ")
  assert field in line
  assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("field", ["seed", "code.k", "gan.penalties", "data.name"])
def test_none_is_no_value_of_any_field(field):
  config = small_config(**{field.replace(".", "__"): None})
  with pytest.raises(UserError, match=f"{field}=None is not allowed"):
    rules.validate(config)
