"""What `--help` and an error say of the fields of the chosen methods."""

from configs import base, ring
from sgae import cli
from sgae.config import flatten
from sgae.config_help import describe, unknown_field
from tests.systems import ROOT


def test_every_field_is_listed_once_with_its_value_and_comment():
  config = ring.get_config()
  lines = describe(config.to_dict())
  fields = flatten(config.to_dict())
  assert [line.split("=")[0] for line in lines] == [f"  --config.{f}" for f in fields]
  by_field = {line.split("=")[0].strip(): line for line in lines}
  assert (
    "=0.99  Decay of the generator's moving average"
    in by_field["--config.gan.ema_decay"]
  )
  assert "Seed of everything random" in by_field["--config.seed"]
  assert "'adam', 'rmsprop'" in by_field["--config.gan.generator_optimizer.name"]
  assert "--config.sae.steps" not in by_field


def test_a_field_of_another_method_is_named_with_what_there_is():
  config = ring.get_config().to_dict()
  said = unknown_field(config, ["launch.py", "--config.sae.steps=3"])
  assert said.startswith("config.sae.steps is no field; the config has ")
  assert "gan" in said
  said = unknown_field(config, ["launch.py", "--config.gan.losss=hinge"])
  assert "did you mean 'loss'; gan has " in said
  said = unknown_field(config, ["--config.gan.loss.x=1"])
  assert said.endswith("gan.loss has none")
  assert unknown_field(config, ["--config.gan.loss=hinge", "--workdir=x"]) == ""


def test_the_config_is_found_wherever_it_is_named(monkeypatch):
  monkeypatch.chdir(ROOT)
  for arguments in (["--config=configs/ring.py"], ["--config", "configs/ring.py"]):
    said = cli.unknown_field([*arguments, "--config.sae.k=1"], "configs/digits.py")
    assert "the config has" in said
  assert cli.unknown_field(["--config.sae.k=1"], "configs/digits.py").startswith(
    "config.sae.k is no field"
  )
  assert cli.unknown_field(["--config=configs/nope.py"], "configs/digits.py") == ""
  assert len(cli.fields_of([], "configs/digits.py")) > len(
    describe(base.get_config(("gan",)).to_dict())
  )
