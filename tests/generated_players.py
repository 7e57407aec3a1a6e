"""Draws the section of the GAN in a config."""

from hypothesis import strategies as st

from sgae.data.augment import ALTERATIONS
from sgae.losses.adversarial import ADVERSARIAL_LOSSES
from sgae.losses.classification import CLASS_TERMS
from sgae.losses.energy import ENERGY_LOSSES
from sgae.losses.penalties import PENALTIES
from sgae.methods.gan.energy import ENERGIES
from sgae.methods.gan.networks import (
  DISCRIMINATORS,
  GENERATOR_BODIES,
  GENERATORS,
  LARGEST,
)
from sgae.methods.gan.noise import LATENT_DISTRIBUTIONS
from sgae.methods.gan.overfitting_checks import WITH_TARGETS
from sgae.methods.gan.presentation import THINNED
from sgae.networks.conditional import JUDGEMENTS
from sgae.networks.network import ACTIVATIONS, OUTPUT_ACTIVATIONS
from sgae.networks.normalization import NORMALIZATIONS
from sgae.networks.residual import EXPANSION
from tests.generated_values import one_of, optimizers, rates, shares, weights, widths


def draw_gan(draw, config):
  gan = config.gan
  gan.generator = draw(one_of(GENERATORS))
  sparse = gan.generator == "sparse"
  penalised = sparse and config.code.penalty != "none"
  gan.sparsity_weight = draw(weights) if penalised else 0.0
  gan.decoder_rate_factor = draw(weights) if sparse else 1.0
  gan.latent_dim = draw(st.integers(1, 9))
  gan.latent_distribution = draw(one_of(LATENT_DISTRIBUTIONS))
  gan.loss = draw(one_of(ADVERSARIAL_LOSSES))
  gan.generator_output = draw(one_of(OUTPUT_ACTIVATIONS))
  _draw_architectures(draw, config, sparse)
  for player in ("generator", "discriminator"):
    gan[f"{player}_activation"] = draw(one_of(ACTIVATIONS))
    gan[f"{player}_updates"] = draw(st.integers(1, 3))
    gan[f"{player}_optimizer"].update(draw(optimizers))
  apart = gan.discriminator_normalization != "batch"
  for name in PENALTIES:
    gan.penalties[name] = draw(weights) if apart else 0.0
  if config.code.sparsity_map != "batch_topk" and draw(st.booleans()):
    _draw_energy(draw, gan)
  else:
    _draw_classes(draw, config)
  gan.ema_decay = draw(rates)
  _draw_overfitting(draw, gan)


def _draw_overfitting(draw, gan):
  augmentation, is_energy = gan.augmentation, gan.loss in ENERGY_LOSSES
  kinds = st.sets(one_of(ALTERATIONS)).map(lambda names: tuple(sorted(names)))
  augmentation.kinds = draw(kinds)
  augmentation.probability = draw(st.floats(0.1, 1)) if augmentation.kinds else 1.0
  augmentation.speed = draw(st.integers(1, 10**6))
  if augmentation.kinds and not is_energy:
    augmentation.target = draw(rates)
  gan.consistency.update(real=draw(weights), fake=draw(weights))
  gan.lecam.update(decay=draw(rates), start=draw(st.integers(0, gan.steps - 1)))
  gan.lecam.weight = 0.0 if is_energy else draw(weights)
  if gan.loss in WITH_TARGETS:
    gan.update(label_smoothing=draw(rates), label_noise=draw(rates))
  thinned = THINNED.get(gan.discriminator_architecture, lambda hidden: 0)
  if thinned(gan.discriminator_hidden) and not gan.conditional.classes:
    gan.discriminator_dropout = draw(rates)
  if not is_energy:
    sizes = [
      (packing, group)
      for packing in ((1,) if gan.conditional.classes else (1, 2, 3))
      for group in (0, 2, 3)
      if gan.batch_size % (packing * max(group, 1)) == 0
    ]
    gan.packing, group = draw(st.sampled_from(sizes))
    gan.deviation_group = group if gan.discriminator_hidden else 0


def _draw_classes(draw, config):
  conditional = config.gan.conditional
  conditional.classes = draw(st.sampled_from([0, 0, 10]))
  conditional.embedding, conditional.width = draw(st.integers(1, 5)), 4
  kind = draw(one_of(JUDGEMENTS)) if conditional.classes else "projection"
  weight = draw(weights) if kind in CLASS_TERMS else 1.0
  conditional.update(discriminator=kind, weight=weight)


def _draw_energy(draw, gan):
  gan.loss = draw(one_of(ENERGY_LOSSES))
  gan.update(discriminator_architecture=draw(one_of(ENERGIES)))
  gan.update(discriminator_normalization="none", discriminator_attention=())
  gan.discriminator_hidden = gan.discriminator_hidden or (4,)
  gan.energy.margin, gan.energy.gamma = draw(st.floats(0.01, 9)), draw(shares)
  gan.energy.balance_rate = draw(weights)
  gan.energy.pulling_away = draw(weights) if gan.batch_size > 1 else 0.0


def _draw_architectures(draw, config, sparse):
  gan = config.gan
  bodies = sorted(GENERATOR_BODIES)
  if sparse:
    with_places = config.sae.architecture == "convolutional"
    bodies = [name for name in bodies if (name != "mlp") == with_places]
  gan.generator_architecture = draw(st.sampled_from(bodies))
  gan.discriminator_architecture = draw(one_of(DISCRIMINATORS))
  gan.kernel_size = draw(st.integers(1, 5))
  gan.residual.blocks = draw(st.integers(1, 2))
  grouped = []
  for player in ("generator", "discriminator"):
    architecture = gan[f"{player}_architecture"]
    hidden = draw(widths.filter(bool) if architecture != "mlp" else widths)
    gan[f"{player}_hidden"] = hidden
    if architecture == "residual":
      grouped += [EXPANSION * width for width in hidden]
    if architecture == "dcgan":
      gan[f"{player}_normalization"] = draw(one_of(NORMALIZATIONS))
    if architecture in LARGEST and not (sparse and player == "generator"):
      # rows of a map, in images of four rows
      rows = 4 >> LARGEST[architecture]
      gan[f"{player}_attention"] = draw(st.sampled_from([(), (rows,)]))
  divisors = [n for n in range(1, 19) if not any(width % n for width in grouped)]
  gan.residual.groups = draw(st.sampled_from(divisors))
