"""Every config file loads, validates and builds; every field does something."""

import importlib
import json
import re
from pathlib import Path

import jax
import numpy as np
import pytest

from configs import base, conditional, few_images, packing, pareto
from configs.mnist import STARTS
from sgae.config import RESUMABLE_BASE, changed_fields, flatten, is_resumable, validate
from sgae.errors import UserError
from sgae.networks.conditional import JUDGEMENTS
from tests.systems import all_sections, blank_batch, make_phase

ROOT = Path(__file__).parents[1]
CONFIGS = sorted(path.stem for path in (ROOT / "configs").glob("*.py"))
for other in ("base", "benchmark", "stored"):  # which are no config of a run
  CONFIGS.remove(other)


def load(name):
  return importlib.import_module(f"configs.{name}").get_config()


@pytest.mark.parametrize("name", CONFIGS)
def test_config_validates_and_builds(name):
  config = validate(load(name))
  side = config.data.image_size or (32 if config.data.name == "cifar10" else 28)
  mean = np.zeros((side, side, 1), np.float32)
  for phase_name in config.phases:
    phase = make_phase(phase_name, config, mean)
    state = jax.eval_shape(phase.init, {})
    after, metrics = jax.eval_shape(phase.step, state, blank_batch(phase, mean))
    assert jax.tree.map(lambda leaf: (leaf.shape, leaf.dtype), state) == jax.tree.map(
      lambda leaf: (leaf.shape, leaf.dtype), after
    )
    assert all(leaf.shape == () for leaf in metrics.values())


@pytest.mark.parametrize("name", CONFIGS)
def test_config_has_the_sections_of_its_methods_and_no_other(name):
  config = load(name)
  also = ("classifier",) if name in ("digits", "steadiness") else ()
  expected = base.get_config(config.phases, also)
  assert flatten(config.to_dict()).keys() == flatten(expected.to_dict()).keys()


@pytest.mark.parametrize(
  ("name", "networks"),
  [("mnist", ""), ("fashion_mnist", ""), ("steadiness", ""), ("steadiness", "seed-")],
)
def test_each_start_is_named_and_what_it_says(name, networks):
  module = importlib.import_module(f"configs.{name}")
  by_start = {start: validate(module.get_config(networks + start)) for start in STARTS}
  assert by_start["plain"].phases == ("gan",)
  coders = {start: config.gan.coder for start, config in by_start.items()}
  assert coders["mixture"] == "mixture"
  assert {coders[start] for start in ("encoder", "decoder", "plain")} == {"network"}
  starts = {start: config.gan.discriminator_start for start, config in by_start.items()}
  assert [start for start, value in starts.items() if value == "encoder"] == ["encoder"]
  with pytest.raises(UserError, match="mixture, encoder, decoder, plain"):
    module.get_config(networks + "fresh")


def test_steadiness_of_the_seed_has_its_networks_and_the_training_of_the_other():
  file = importlib.import_module("configs.steadiness")
  small, seeds, shapes = file.get_config(), file.get_config("seed-"), load("seed")
  assert seeds.code == shapes.code
  for field in ("latent_dim", "generator_hidden", "discriminator_hidden"):
    assert seeds.gan[field] == shapes.gan[field] != small.gan[field]
  for field in ("encoder_hidden", "decoder_hidden", "tied_start"):
    assert seeds.sae[field] == shapes.sae[field]
  swept = {"penalties", "mixture"}  # R1, and no more axes than the code has latents
  networks = {"latent_dim", "generator_hidden", "discriminator_hidden"}
  for field in set(seeds.gan) - swept - networks:
    assert seeds.gan[field] == small.gan[field], field


def test_each_argument_of_classes_says_what_it_is():
  kinds = {arg: validate(conditional.get_config(arg)) for arg in conditional.ARGUMENTS}
  of_classes = {arg: config.gan.conditional for arg, config in kinds.items()}
  assert all(of_classes[kind].discriminator == kind for kind in JUDGEMENTS)
  assert [arg for arg in kinds if not of_classes[arg].classes] == ["unconditional"]
  both = conditional.get_config("fashion_mnist-adc")
  assert (both.data.name, both.gan.conditional.discriminator) == (
    "fashion_mnist",
    "adc",
  )
  with pytest.raises(UserError, match="the argument :mnist2 is unknown"):
    conditional.get_config("mnist2-adc")


def test_each_kind_of_autoencoder_has_its_curve():
  of_kind = {kind: validate(pareto.get_config(kind)) for kind in pareto.KINDS}
  curves = {
    json.dumps([config.code.to_dict(), config.sae.to_dict()])
    for config in of_kind.values()
  }
  assert len(curves) == len(of_kind)
  for kind, config in of_kind.items():
    fields = [entry.partition("=")[0] for entry in config.population.vary]
    assert fields == ([] if kind in pareto.BY_K else [pareto.VARIED[kind][0]])
  with pytest.raises(
    UserError, match="topk, batch_topk, matryoshka, archetypal, jumprelu"
  ):
    pareto.get_config("lista")


def test_every_field_is_read_somewhere():
  """A field whose name no source file mentions does nothing."""
  sources = "\n".join(path.read_text() for path in (ROOT / "sgae").rglob("*.py"))
  for field in flatten(all_sections().to_dict()):
    name = field.split(".")[-1]
    player = name.split("_")[0]
    found = re.search(rf"[.\"]{name}\b", sources) or (
      player in ("generator", "discriminator")
      and f"{{player}}_{name.removeprefix(player + '_')}" in sources
    )
    assert found, field


def test_a_config_survives_its_json():
  config = all_sections()
  stored = json.loads(json.dumps(config.to_dict()))
  assert changed_fields(stored, config) == []


def test_changed_fields_name_the_experiment_and_leave_out_what_may_change():
  old, new = load("digits"), load("digits")
  new.gan.steps, new.parallel.mode, new.checkpoint.keep, new.code.k = 9, "pmap", 7, 3
  new.classifier.steps = 900  # of a method that the run does not use
  new.classifier.dropout = 0.5
  assert changed_fields(old.to_dict(), new) == [f"code.k: {old.code.k} -> 3"]
  fields = flatten(old.to_dict())
  assert {
    name for name in fields if name.startswith("gan.") and is_resumable(name)
  } == {
    "gan.steps",
    "gan.evaluate_every",
    "gan.save_every",
  }
  for field in RESUMABLE_BASE:
    assert any(name.startswith(field) for name in fields), field


def test_fields_and_sections_that_came_later_change_no_stored_config():
  """A run of before has other methods' sections, and not all of today's fields."""
  config = load("ring")
  stored = all_sections().to_dict() | config.to_dict()
  del stored["gan"]["decoder_rate_factor"], stored["profile"]
  assert changed_fields(stored, validate(config)) == []
  stored["gan"]["loss"] = "hinge"
  assert changed_fields(stored, validate(config)) == ["gan.loss: hinge -> relativistic"]


@pytest.mark.parametrize(
  ("phases", "words"),
  [
    (("gan", "sae"), "sae can start from no other method, not from gan"),
    (("sae", "sae"), "each once"),
    (
      ("sae", "vqvae"),
      "phases='vqvae' is unknown: choose one of sae, sparse_coding, vae, gan",
    ),
    (
      ("classifier", "gan"),
      "gan can start from sae or sparse_coding or vae or vae_gan, not from classifier",
    ),
    (("sae", "vae"), "vae can start from no other method, not from sae"),
    (
      ("sae", "classifier", "gan"),
      "classifier can start from no other method, not from sae",
    ),
  ],
)
def test_phases_are_a_chain_whose_links_the_methods_allow(phases, words):
  config = all_sections()
  config.phases = phases
  with pytest.raises(UserError, match=words):
    validate(config)
  with pytest.raises(UserError, match="no section of it: choose from gan, or another"):
    validate(put_phases(load("ring"), ("sae", "gan")))


def put_phases(config, phases):
  config.phases = phases
  return config


def test_each_kind_of_few_images_and_of_packing_is_what_it_says():
  for kind in few_images.KINDS:
    for data in few_images.DATA:
      config = validate(few_images.get_config(f"{data}-200-{kind}"))
      assert (config.data.name, config.data.examples) == (data, 200)
      augmentation = config.gan.augmentation
      assert bool(augmentation.kinds) == (kind != "none")
      assert (augmentation.target > 0) == (kind == "ada")
      assert ("colour" in augmentation.kinds) == (kind != "none" and data == "cifar10")
  for data in packing.DATA:
    for count in range(1, 5):
      config = validate(packing.get_config(f"{data}-{count}"))
      assert config.gan.packing == count
      assert config.gan.penalties.r1 == 0
      other = validate(packing.get_config(f"{data}-{count}-default"))
      assert other.gan.loss == "relativistic"
      assert other.gan.penalties.r1 > 0
  unknown = ((few_images, "mnist-few-ada"), (few_images, "mnist-0-ada"))
  for module, arg in (*unknown, (packing, "ring-5")):
    with pytest.raises(UserError, match=f":{arg} is unknown: choose DATA-"):
      module.get_config(arg)


@pytest.mark.parametrize("name", ["digits", "mnist_dcgan", "ring", "seed"])
def test_a_config_without_kinds_takes_none(name):
  module = importlib.import_module(f"configs.{name}")
  with pytest.raises(UserError, match="has no kinds, and :plain names one"):
    module.get_config("plain")
