"""A strategy that draws configs."""

from hypothesis import strategies as st

from sgae import config as rules
from sgae.data import derived
from sgae.data.placement import PLACEMENTS
from sgae.losses.adversarial import LOSSES_WITHOUT_BOUND
from sgae.losses.sparsity import SPARSITY_PENALTIES
from sgae.methods import METHODS
from sgae.methods.sparse_autoencoder.networks import AUTOENCODERS, SPARSITY_MAPS
from sgae.methods.sparse_coding.checks import DICTIONARIES
from sgae.methods.sparse_coding.solvers import SOLVERS
from sgae.methods.super_resolution.networks import GENERATORS as UPSCALERS
from sgae.methods.translation.checks import DISCRIMINATORS as SIDES
from sgae.methods.translation.checks import GENERATORS as TRANSLATORS
from sgae.methods.vae.likelihoods import LIKELIHOODS
from sgae.methods.vae.networks import ARCHITECTURES
from sgae.methods.vae.posteriors import POSTERIORS
from sgae.networks import image_to_image
from sgae.networks.classifier import KERNELS
from sgae.networks.network import ACTIVATIONS, OUTPUT_ACTIVATIONS
from tests.generated_players import draw_gan
from tests.generated_values import one_of, optimizers, rates, weights, widths
from tests.systems import small_config

PHASES = (
  ("sae", "gan"),
  ("gan",),
  ("sae",),
  ("classifier",),
  ("vae",),
  ("sparse_coding",),
  ("vae", "vae_gan"),
  ("recognition",),
  ("super_resolution",),
  ("sae", "super_resolution"),
  ("classifier", "super_resolution"),
  ("translation",),
  ("sae", "translation"),
  ("classifier", "translation"),
)


@st.composite
def sound_configs(draw):
  """Draws a config that `validate` must accept."""
  config = small_config()
  config.seed = draw(st.integers(0, 2**32 - 1))
  config.phases = draw(st.sampled_from(PHASES))
  config.data.image_size = draw(st.integers(0, 64))
  config.data.placement = draw(one_of(["auto", *PLACEMENTS]))
  config.parallel.mode = draw(one_of(rules.MODES))
  config.precision.compute = draw(one_of(rules.PRECISIONS))
  config.checkpoint.keep = draw(st.integers(1, 5))
  for name in (
    "sae",
    "gan",
    "classifier",
    "vae",
    "sparse_coding",
    "vae_gan",
    "recognition",
    "super_resolution",
    "translation",
  ):
    _draw_cadence(draw, config[name])
  _draw_code(draw, config)
  _draw_sae(draw, config)
  draw_gan(draw, config)
  _draw_vae(draw, config)
  _draw_sparse_coding(draw, config)
  _draw_vae_gan(draw, config)
  _draw_recognition(draw, config)
  _draw_super_resolution(draw, config)
  _draw_translation(draw, config)
  classifier = config.classifier
  classifier.channels = draw(st.tuples(*[st.integers(1, 6)] * len(KERNELS)))
  classifier.dropout = draw(rates)
  classifier.optimizer.update(draw(optimizers))
  evaluation = config.evaluation
  measures = draw(st.sets(st.sampled_from(sorted(rules.MEASURES))))
  evaluation.measures = tuple(sorted(measures))
  evaluation.num_samples = draw(st.integers(rules.LEAST_SAMPLES, 100))
  if "frechet" in measures and any(METHODS[name].selects_by for name in config.phases):
    evaluation.keep_best = draw(st.booleans())
    evaluation.patience = draw(st.integers(0, 3))
  return config


def _draw_cadence(draw, section):
  section.batch_size = draw(st.integers(1, 20))
  section.log_every = draw(st.integers(1, 5))
  for field in ("steps", "evaluate_every", "save_every"):
    section[field] = section.log_every * draw(st.integers(1, 4))


def _draw_code(draw, config):
  code = config.code
  code.num_latents = draw(st.integers(1, 30))
  code.k = draw(st.integers(1, code.num_latents))
  code.sparsity_map = draw(one_of(SPARSITY_MAPS))
  needed = {"kl": "sigmoid", "l0": "jumprelu"}  # what a penalty works on
  code.penalty = draw(
    one_of(
      name
      for name in SPARSITY_PENALTIES
      if needed.get(name, code.sparsity_map) == code.sparsity_map
    )
  )
  code.threshold = draw(st.floats(1e-3, 10))
  code.bandwidth = draw(st.floats(1e-3, 10))
  code.rho = draw(st.floats(0.01, 0.99))


def _draw_sae(draw, config):
  sae, code = config.sae, config.code
  sae.architecture = draw(one_of(AUTOENCODERS))
  sae.kernel_size = draw(st.integers(1, 5))
  sae.encoder_hidden, sae.decoder_hidden = draw(widths), draw(widths)
  if sae.architecture == "convolutional":
    sae.decoder_hidden = sae.encoder_hidden[::-1]
  if sae.architecture == "lista":
    sae.encoder_hidden = sae.decoder_hidden = ()
  sae.lista_iterations = draw(st.integers(1, 4))
  sae.tied_start = not sae.encoder_hidden and not sae.decoder_hidden
  if sae.architecture == "convolutional" and sae.decoder_hidden:
    # rows of a map, in images of four rows
    sae.encoder_attention = draw(st.sampled_from([(), (2,)]))
    sae.decoder_attention = draw(st.sampled_from([(), (2,)]))
  sae.unit_norm_atoms = draw(st.booleans())
  sae.activation = draw(one_of(ACTIVATIONS))
  sae.output = draw(one_of(OUTPUT_ACTIVATIONS))
  sae.sparsity_weight = 0.0 if code.penalty == "none" else draw(weights)
  lives = code.sparsity_map in ("sigmoid", "none")
  sae.auxiliary_weight = 0.0 if lives else draw(weights)
  sae.auxiliary_k = draw(st.integers(1, code.num_latents))
  early = draw(st.sets(st.integers(1, max(code.num_latents - 1, 1)), max_size=3))
  sae.matryoshka = draw(
    st.sampled_from([(), (*sorted(early - {code.num_latents}), code.num_latents)])
  )
  sae.relaxation = draw(weights)
  if sae.architecture == "mlp" and not (sae.unit_norm_atoms or sae.decoder_hidden):
    sae.archetypes = draw(st.sampled_from([0, code.num_latents, 40]))
  if code.penalty == "l1" and code.sparsity_map != "none":
    sae.p_annealing = draw(rates)
    sae.penalty_by_norms = not sae.unit_norm_atoms and draw(st.booleans())
  sae.dead_after = draw(st.integers(1, 10))
  sae.optimizer.update(draw(optimizers))


def _draw_vae(draw, config):
  vae = config.vae
  vae.architecture = draw(one_of(ARCHITECTURES))
  filled = widths.filter(bool) if vae.architecture == "convolutional" else widths
  vae.encoder_hidden, vae.decoder_hidden = draw(filled), draw(filled)
  vae.kernel_size = draw(st.integers(1, 5))
  vae.latent_dim = draw(st.integers(2, 9))
  vae.activation = draw(one_of(ACTIVATIONS))
  vae.likelihood = draw(one_of(LIKELIHOODS))
  vae.pixels = draw(one_of(LIKELIHOODS[vae.likelihood]))
  if vae.likelihood == "gaussian":
    vae.output = draw(one_of(OUTPUT_ACTIVATIONS))
  vae.posterior = draw(one_of(POSTERIORS))
  vae.active_share = draw(st.floats(0.01, 0.99))
  vae.gate_sharpness = draw(st.floats(1, 100))
  vae.beta, vae.free_bits = draw(weights), draw(weights)
  vae.beta_warmup = draw(st.integers(0, 10))
  vae.optimizer.update(draw(optimizers))


def _draw_vae_gan(draw, config):
  fields = config.vae_gan
  hidden = draw(st.lists(st.integers(1, 9), min_size=2, max_size=3).map(tuple))
  fields.discriminator_hidden = hidden
  fields.discriminator_activation = draw(one_of(ACTIVATIONS))
  fields.beta, fields.reconstruction_weight = draw(weights), draw(weights)
  fields.least_cost = draw(st.floats(0, 1))
  fields.most_cost = draw(st.floats(1, 1e9))
  fields.ema_decay = draw(rates)
  for player in ("autoencoder", "discriminator"):
    fields[f"{player}_optimizer"].update(draw(optimizers))
  if "vae_gan" in config.phases:
    config.vae.posterior = "gaussian"


def _draw_recognition(draw, config):
  fields = config.recognition
  fields.labels_per_class = draw(st.integers(0, 5))
  fields.label_draw = draw(st.integers(0, 2**32 - 1))
  fields.latent_dim = draw(st.integers(1, 9))
  fields.unlabelled_weight = draw(weights)
  fields.input_noise, fields.hidden_noise = draw(rates), draw(rates)
  fields.ema_decay = draw(rates)
  for player in ("generator", "discriminator"):
    fields[f"{player}_hidden"] = (*draw(widths), draw(st.integers(1, 9)))
    fields[f"{player}_optimizer"].update(draw(optimizers))


def _draw_super_resolution(draw, config):
  fields = config.super_resolution
  fields.factor = draw(st.sampled_from([2, 4]))
  fields.channels, fields.blocks = draw(st.integers(1, 9)), draw(st.integers(0, 3))
  fields.encoder_hidden = draw(widths)
  fields.discriminator_hidden = (*draw(widths), draw(st.integers(1, 9)))
  fields.loss = draw(one_of(LOSSES_WITHOUT_BOUND))
  fields.pixel_weight = draw(weights.filter(bool))
  fields.adversarial_weight = draw(weights)
  fields.ema_decay = draw(rates)
  if "sae" in config.phases and config.sae.architecture != "convolutional":
    fields.generator = draw(one_of(UPSCALERS))
    fields.decoder_rate_factor = draw(weights)
  if "classifier" in config.phases:
    fields.feature_weight = draw(weights)
  for player in ("generator", "discriminator"):
    fields[f"{player}_optimizer"].update(draw(optimizers))


def _draw_translation(draw, config):
  fields = config.translation
  fields.generator_architecture = draw(one_of(TRANSLATORS))
  fields.discriminator_architecture = draw(one_of(SIDES))
  fields.generator_normalization = draw(one_of(image_to_image.NORMALIZATIONS))
  fields.discriminator_normalization = draw(one_of(image_to_image.PATCH_NORMALIZATIONS))
  fields.blocks, fields.history = draw(st.integers(0, 2)), draw(st.integers(0, 30))
  fields.loss = draw(one_of(LOSSES_WITHOUT_BOUND))
  for name in ("cycle_weight", "identity_weight"):
    fields[name] = draw(weights)
  fields.adversarial_weight = draw(st.floats(0.1, 3))
  fields.ema_decay = draw(rates)
  for player in ("generator", "discriminator"):
    fields[f"{player}_hidden"] = (*draw(widths), draw(st.integers(1, 9)))
    fields[f"{player}_optimizer"].update(draw(optimizers))
  if "classifier" in config.phases:
    fields.semantic_weight = draw(weights)
  if "translation" in config.phases:
    config.data.second.source = draw(one_of(derived.KINDS))
    config.data.paired = draw(st.booleans())
    if config.data.paired:
      fields.pair_weight = draw(weights)


def _draw_sparse_coding(draw, config):
  fields = config.sparse_coding
  fields.alpha = draw(st.floats(1e-3, 10))
  fields.solver = draw(one_of(SOLVERS))
  fields.dictionary = draw(one_of(DICTIONARIES))
  for field in ("iterations", "window", "replace_after"):
    fields[field] = draw(st.integers(1, 9))
  fields.optimizer.update(draw(optimizers))
  if "sparse_coding" in config.phases:
    if fields.dictionary == "fixed":
      fields.dictionary = "online"
    config.sae.update(architecture=draw(one_of(["lista", "mlp"])), output="linear")
    config.sae.update(encoder_hidden=(), decoder_hidden=(), auxiliary_weight=0.0)
    config.sae.update(tied_start=True, sparsity_weight=0.0, p_annealing=0.0)
    config.sae.update(penalty_by_norms=False, archetypes=0, matryoshka=())
    config.sae.update(encoder_attention=(), decoder_attention=())
    config.code.update(sparsity_map=draw(one_of(["relu", "none"])), penalty="none")
    config.gan.sparsity_weight = 0.0
