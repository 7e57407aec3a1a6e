"""Numbers that break training: reported with code 3 and their name, or harmless.

pytest -m soak tests/test_poison.py
"""

import jax
import numpy as np
import pytest

from sgae.errors import TrainingDiverged
from sgae.methods import METHODS
from sgae.reporting.metrics import read_metrics
from tests.runs import (
  tiny_config,
  tiny_dictionary_config,
  tiny_translation_config,
  tiny_upscaling_config,
  tiny_vae_config,
  train,
)

pytestmark = pytest.mark.soak  # each case compiles programs of its own


def poison(leaf, value=np.nan):
  return leaf * value if jax.numpy.issubdtype(leaf.dtype, np.floating) else leaf


@pytest.fixture
def poisoned_start(monkeypatch):
  """Starts a phase with a part of its state that is not finite."""

  def begin(name, part):
    method = METHODS[name]

    def poisoned(*args):
      program = method.build(*args)

      def init(*args):
        state = program.init(*args)
        return jax.tree_util.tree_map_with_path(
          lambda path, leaf: (
            poison(leaf) if part in jax.tree_util.keystr(path) else leaf
          ),
          state,
        )

      return program._replace(init=init)

    monkeypatch.setitem(METHODS, name, method._replace(build=poisoned))

  return begin


@pytest.mark.parametrize(
  ("phase", "part"),
  [
    ("sae", "params"),
    ("sae", "optimizer"),
    ("sae", "sparsity_weight"),
    ("gan", "discriminator.params"),
    ("gan", "generator.params"),
    ("gan", "discriminator.optimizer"),
    ("gan", "ema_params"),
    ("gan", "r1_weight"),
    ("gan", "balance"),
    ("gan", "augment_probability"),
    ("vae", "params"),
    ("vae", "optimizer"),
    ("vae", "beta"),
    ("sparse_coding", "params"),
    ("sparse_coding", "alpha"),
    ("super_resolution", "generator.params"),
    ("super_resolution", "pixel_weight"),
    ("translation", "generator.params"),
    ("translation", "discriminator.params"),
    ("translation", "ema_params"),
    ("translation", "cycle_weight"),
  ],
)
def test_a_state_that_is_not_finite_is_reported(tmp_path, poisoned_start, phase, part):
  poisoned_start(phase, part)
  config = {
    "vae": tiny_vae_config,
    "sparse_coding": tiny_dictionary_config,
    "super_resolution": tiny_upscaling_config,
    "translation": tiny_translation_config,
  }.get(phase, lambda: tiny_config(code__penalty="l1", sae__sparsity_weight=0.1))()
  if part == "balance":  # which this loss alone has
    config.gan.loss = "equilibrium"
    config.gan.discriminator_architecture = "sparse_autoencoder"
  if part == "augment_probability":
    config.gan.augmentation.update(kinds=("shift",), target=0.6)
  with pytest.raises(TrainingDiverged) as diverged:
    train(tmp_path / "run", config)
  assert diverged.value.exit_code == 3
  assert f"{phase} diverged at step" in str(diverged.value)


@pytest.mark.parametrize(
  "fields",
  [
    {"sae__batch_size": 1, "gan__batch_size": 1},
    {"code__num_latents": 1, "code__k": 1, "sae__auxiliary_k": 1},
    {"gan__sparsity_weight": 1e30},
    {"gan__latent_dim": 1},
    *(
      {"rate": rate, "loss": loss}
      for rate in (0.0, 1e6)
      for loss in ("relativistic", "hinge")
    ),
    {"constant": 0},
    {"constant": 255},
  ],
)
def test_extremes_are_reported_or_harmless(tmp_path, fields):
  fields = dict(fields)
  rate, loss = fields.pop("rate", None), fields.pop("loss", "relativistic")
  constant = fields.pop("constant", None)
  config = tiny_config(gan__loss=loss, **fields)
  if rate is not None:
    config.sae.optimizer.learning_rate = rate
    for player in ("generator", "discriminator"):
      config.gan[f"{player}_optimizer"].learning_rate = rate
  if constant is not None:
    images = np.full((200, 8, 8), constant, np.uint8)
    np.savez(tmp_path / "flat.npz", images=images, labels=np.arange(200) % 10)
    config.data.update(source="npz", path=str(tmp_path / "flat.npz"))
  try:
    train(tmp_path / "run", config)
  except TrainingDiverged as diverged:
    assert "diverged at step" in str(diverged)  # noqa: PT017
    return
  for record in read_metrics(tmp_path / "run"):
    missing = [name for name, value in record.items() if value is None]
    assert not missing, (record["phase"], record["step"], missing)
