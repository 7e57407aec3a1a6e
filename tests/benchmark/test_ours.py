"""The configs and FLOP counts of our side of the benchmark."""

import pytest

from configs.benchmark import ROWS, config_of, row_named
from sgae.benchmark import ours
from sgae.benchmark.rows import Row
from sgae.config import validate
from sgae.kernels.switch import use_references


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_the_config_of_every_row_is_valid_and_of_its_size(row):
  config = validate(config_of(row, "float32"))
  phase = config.sae if row.network == "sae" else config.gan
  assert phase.batch_size == row.batch
  if row.network == "sae":
    assert config.code.num_latents == row.latents
  else:
    assert phase.generator_architecture == row.network


@pytest.mark.parametrize(
  ("latents", "by_hand"), [(256, 2_007_040), (512, 1_003_520), (16384, 25_890_816)]
)
def test_flops_of_the_autoencoder(latents, by_hand):
  # 10 x 784 x 256; 2 x 784 x 512, or x 16384, + 8 x 784 x 32
  assert ours.flops_of_autoencoder(latents) == by_hand


def test_xla_counts_the_same_if_all_products_are_dense():
  with use_references("sparse"):
    assert flops_per_image(row_named("sae 512")) == pytest.approx(
      ours.flops_of_autoencoder(512), rel=0.02
    )


def flops_per_image(row: Row) -> float:
  config = config_of(row, "float32")
  name = "sae" if row.network == "sae" else "gan"
  return ours.flops_of_step(config, name) / row.batch


def test_flops_of_the_mlp_gan_are_those_of_its_matrix_products():
  generator = 100 * 128 + 128 * 128 + 128 * 784
  discriminator = 784 * 128 + 128 * 128 + 128
  deltas = 128 * 128 + 128  # of D behind its first layer
  d_update = generator + 2 * discriminator + 2 * discriminator + 2 * deltas
  g_update = generator + 2 * discriminator + generator + 128 * 128 + 128 * 784
  by_hand = 2 * (d_update + g_update)
  # the rest: noise, activations, losses, optimizers
  assert by_hand < flops_per_image(row_named("mlp 512")) < 1.05 * by_hand
