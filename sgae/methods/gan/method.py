"""What the rest of the package knows of the GAN."""

from typing import Any

from sgae.data.dataset import Dataset
from sgae.losses.penalties import PENALTIES
from sgae.methods.gan.checks import AUTOENCODERS, check
from sgae.methods.gan.conditional import check_labels
from sgae.methods.gan.config import SECTIONS
from sgae.methods.gan.evaluate import make_evaluator
from sgae.methods.gan.mixture import check_examples, prepare
from sgae.methods.gan.networks import check_networks
from sgae.methods.gan.program import build
from sgae.methods.gan.report import REPORT
from sgae.methods.gan.warnings import WARNINGS
from sgae.methods.method import Method
from sgae.methods.sweeps import RHO, learning_rate, setting
from sgae.networks.autoencoder import BRANCHES


def uses(config: Any) -> tuple[str, ...]:
  """Returns the sections that the GAN reads: with a code or encoder, those as well."""
  gan = config.gan
  structured = (
    gan.generator == "sparse"
    or gan.discriminator_start != "fresh"
    or gan.discriminator_architecture == "sparse_autoencoder"
  )
  return ("gan", "sae", "code") if structured else ("gan",)


def check_data(config: Any, dataset: Dataset) -> None:
  """Refuses a mixture, networks or classes that do not fit the data."""
  check_labels(config, dataset)
  check_examples(config, dataset)
  check_networks(config, dataset.train.images.shape[1:])


METHOD = Method(
  title="GAN",
  sections=SECTIONS,
  uses=uses,
  check=check,
  inputs=lambda config: (
    ("image", "label") if config.gan.conditional.classes else ("image",)
  ),
  build=build,
  evaluate=make_evaluator,
  report=REPORT,
  warnings=WARNINGS,
  gives=lambda state: state.ema_params,
  # a sparse generator is decoder(code(z)), with an autoencoder's decoder and map; the
  # encoder, or all of it, is for the mixture's fit and the discriminator. A plain one
  # is a variational autoencoder's decoder, and its noise that one's prior.
  takes={
    **{method: {name: name for name in BRANCHES} for method in AUTOENCODERS},
    **{name: {"decoder": "generator"} for name in ("vae", "vae_gan")},
  },
  prepare=prepare,
  together=lambda config: config.gan.packing * max(config.gan.deviation_group, 1),
  check_data=check_data,
  swept={
    "gan.ema_decay": setting("ema_decay"),
    "gan.sparsity_weight": setting("sparsity_weight"),
    "gan.decoder_rate_factor": setting("decoder_rate_factor"),
    "code.rho": RHO,
    **{f"gan.penalties.{name}": setting(f"{name}_weight") for name in PENALTIES},
    "gan.energy.margin": setting("margin"),
    "gan.energy.pulling_away": setting("pulling_away_weight"),
    "gan.energy.gamma": setting("gamma"),
    "gan.energy.balance_rate": setting("balance_rate"),
    "gan.conditional.weight": setting("class_weight"),
    "gan.augmentation.probability": setting("augment_most", "augment_probability"),
    "gan.augmentation.target": setting("augment_target"),
    "gan.consistency.real": setting("consistency_real"),
    "gan.consistency.fake": setting("consistency_fake"),
    "gan.lecam.weight": setting("lecam_weight"),
    "gan.label_smoothing": setting("label_smoothing"),
    "gan.label_noise": setting("label_noise"),
    "gan.discriminator_dropout": setting("dropout"),
    "gan.generator_optimizer.learning_rate": learning_rate("generator"),
    "gan.discriminator_optimizer.learning_rate": learning_rate("discriminator"),
  },
  selects_by="gan/frechet",
  generates=True,
  stored_as={"ema_params": "average"},
  weights=("generator.params", "discriminator.params", "ema_params"),
  exports=lambda state: {
    "generator": state.ema_params,
    "discriminator": state.discriminator.params,
  },
)
