"""What `--help` and an error say of the fields of the chosen methods."""

import pytest

from configs import base, digits, ring
from sgae import cli
from sgae.config import flatten
from sgae.config_help import describe, nearest, unknown_field
from sgae.config_history import REPLACED, Successor
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
  assert "Principal axes" in by_field["--config.gan.mixture.axes"]
  assert "'adam', 'rmsprop'" in by_field["--config.gan.generator_optimizer.name"]
  assert "--config.sae.steps" not in by_field


def test_a_field_of_another_method_is_named_with_what_there_is():
  config = ring.get_config().to_dict()
  said = unknown_field(config, ["launch.py", "--config.sae.steps=3"])
  assert said.startswith("config.sae.steps is no field; the config has ")
  assert "gan" in said
  said = unknown_field(config, ["launch.py", "--config.gan.losss=hinge"])
  assert "did you mean gan.loss; gan has " in said
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


@pytest.mark.parametrize(
  ("asked", "meant"),
  [
    (
      "gan.lr",
      [
        "gan.discriminator_optimizer.learning_rate",
        "gan.generator_optimizer.learning_rate",
      ],
    ),
    ("generator.lr", ["gan.generator_optimizer.learning_rate"]),
    ("sae.epochs", ["sae.steps"]),
    ("gan.batchsize", ["gan.batch_size"]),
    ("gan.z_dim", ["gan.latent_dim"]),
    ("data.pth", ["data.path", "data.second.path"]),
    ("gan.r1_penalty", ["gan.penalties.r1"]),
    ("star_from", ["start_from"]),
    ("vae.banana", []),
  ],
)
def test_the_nearest_fields_are_named(asked, meant):
  config = digits.get_config().to_dict()
  assert sorted(nearest(config, asked.split("."))) == meant
  said = unknown_field(config, [f"--config.{asked}=1"])
  assert all(field in said for field in meant)


def test_a_field_of_before_is_named_with_what_took_its_place(monkeypatch):
  monkeypatch.setitem(REPLACED, "gan.speed", Successor("gan.ema_decay"))
  said = unknown_field(ring.get_config().to_dict(), ["--config.gan.speed=1"])
  assert "gan.speed is now gan.ema_decay; gan has" in said
