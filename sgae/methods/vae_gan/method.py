"""What the rest of the package knows of VAE-GAN."""

from typing import Any

import jax

from sgae.methods.method import Method
from sgae.methods.sweeps import learning_rate, setting
from sgae.methods.vae.checks import check_data
from sgae.methods.vae_gan.checks import check
from sgae.methods.vae_gan.config import SECTIONS
from sgae.methods.vae_gan.evaluate import make_evaluator
from sgae.methods.vae_gan.program import SETTINGS, build
from sgae.methods.vae_gan.report import REPORT
from sgae.methods.vae_gan.warnings import WARNINGS
from sgae.networks.network import Params


def gives(state: Any) -> dict[str, Params]:
  """Returns the encoder, and the EMA of the decoder."""
  return {"encoder": state.encoder.params, "decoder": state.ema_params["decoder"]}


def _autoencoder_rate(state: Any, value: jax.Array) -> Any:
  for player in ("encoder", "decoder"):
    state = learning_rate(player)(state, value)
  return state


METHOD = Method(
  title="VAE-GAN",
  sections=SECTIONS,
  uses=lambda config: ("vae_gan", "vae"),
  check=check,
  check_data=check_data,
  inputs=lambda config: ("image",),
  build=build,
  evaluate=make_evaluator,
  report=REPORT,
  warnings=WARNINGS,
  gives=gives,
  takes={"vae": {name: name for name in ("encoder", "decoder", "likelihood")}},
  swept={
    **{f"vae_gan.{name}": setting(name) for name in SETTINGS},
    "vae_gan.autoencoder_optimizer.learning_rate": _autoencoder_rate,
    "vae_gan.discriminator_optimizer.learning_rate": learning_rate("discriminator"),
  },
  selects_by="vae_gan/frechet",
  generates=True,
  stored_as={"ema_params": "average"},
  weights=("encoder.params", "decoder.params", "discriminator.params", "ema_params"),
  exports=lambda state: gives(state) | {"discriminator": state.discriminator.params},
)
