"""What a config may not say is refused by the field's name."""

import pytest
from ml_collections import ConfigDict

from configs import seed
from sgae.config import validate
from sgae.errors import UserError
from tests.systems import all_sections


def put(field, value):
  config = all_sections()
  *path, last = field.split(".")
  section = config
  for name in path:
    section = section[name]
  with section.ignore_type():
    section[last] = value
  return config


@pytest.mark.parametrize(
  ("field", "value", "words"),
  [
    ("phases", (), "phases=()"),
    ("seed", -1, "0 or more"),
    ("seed", 2**32, "below 2**32"),
    ("sae.dead_after", 2**31, "below 2**31"),
    ("data.source", "imagenet", "digits, tfds, npz, folder"),
    ("data.source", "npz", "data.path=''"),
    ("data.source", "folder", "data.path=''"),
    ("data.path", "faces.npz", "data.source='digits'"),
    ("data.image_size", -1, "0 or more"),
    (
      "data.second.source",
      "edges",
      "phases=('sae', 'gan') do not read",
    ),
    ("parallel.mode", "mpi", "jit, shard_map, pmap"),
    ("parallel.devices", -2, "0 or more"),
    ("checkpoint.keep", 0, "1 or more"),
    ("precision.compute", "float16", "float32, bfloat16"),
    ("train.microbatches", 0, "1 or more"),
    ("code.num_latents", 0, "1 or more"),
    ("code.sparsity_map", "softmax", "topk"),
    ("code.k", 0, "from 1 to code.num_latents=512"),
    ("code.k", 513, "from 1 to code.num_latents=512"),
    ("code.threshold", 0.0, "above 0"),
    ("code.bandwidth", float("inf"), "finite"),
    ("code.penalty", "kl", "code.sparsity_map='sigmoid'"),
    ("code.penalty", "l0", "code.sparsity_map='jumprelu'"),
    ("code.rho", 1.0, "between 0 and 1"),
    ("code.penalty", "none", "gan.sparsity_weight=0.0001"),
    ("code.sparsity_map", "sigmoid", "sae.auxiliary_weight=0.03125"),
    ("sae.encoder_hidden", (64,), "sae.tied_start"),
    ("sae.decoder_hidden", (0,), "whole widths"),
    ("sae.activation", "relux", "leaky_relu"),
    ("sae.output", "relu", "linear, tanh"),
    ("sae.sparsity_weight", -1.0, "from 0 up"),
    ("sae.matryoshka", (64, 32, 512), "end with code.num_latents=512"),
    ("sae.matryoshka", (64, 256), "end with code.num_latents=512"),
    ("sae.matryoshka", (0, 512), "whole widths"),
    ("sae.p_annealing", 1.0, "from 0 to below 1"),
    ("sae.p_annealing", -0.1, "from 0 to below 1"),
    ("sae.penalty_by_norms", True, "sae.unit_norm_atoms=False"),
    ("sae.archetypes", 511, "code.num_latents=512 or more"),
    ("sae.archetypes", 512, "sae.unit_norm_atoms=False"),
    ("sae.relaxation", -0.1, "from 0 up"),
    ("sae.auxiliary_weight", float("nan"), "finite"),
    ("sae.auxiliary_k", 600, "code.num_latents=512"),
    ("sae.dead_after", 0, "1 or more"),
    ("sae.batch_size", 0, "1 or more"),
    ("sae.steps", 0, "1 or more"),
    ("sae.steps", 1010, "sae.log_every=50"),
    ("sae.save_every", 75, "sae.log_every=50"),
    ("sae.optimizer.name", "adamw", "adam, rmsprop, sgd"),
    ("sae.optimizer.schedule", "step", "constant, linear, late_linear, cosine"),
    ("sae.optimizer.learning_rate", -1e-3, "from 0 up"),
    ("sae.optimizer.beta2", 1.0, "below 1"),
    ("sae.optimizer.warmup_updates", -1, "0 or more"),
    ("gan.generator", "unet", "sparse, plain"),
    ("gan.generator", "plain", "gan.sparsity_weight=0.0001"),
    ("gan.latent_distribution", "cauchy", "normal, uniform"),
    ("gan.latent_dim", 0, "1 or more"),
    ("gan.generator_hidden", (12.5,), "whole widths"),
    ("gan.discriminator_activation", "gelu", "silu"),
    ("gan.generator_output", "sigmoid", "linear, tanh"),
    ("gan.loss", "vanilla", "relativistic"),
    ("sae.architecture", "vit", "mlp, lista, convolutional"),
    ("sae.architecture", "convolutional", "gan.generator_architecture='mlp'"),
    ("sae.kernel_size", 0, "1 or more"),
    ("gan.generator_architecture", "unet", "mlp, dcgan, residual"),
    ("gan.generator_architecture", "dcgan", "sae.architecture='mlp'"),
    ("gan.discriminator_architecture", "vit", "mlp, dcgan, residual"),
    ("gan.discriminator_normalization", "instance", "layer, group, spectral"),
    ("gan.discriminator_normalization", "layer", "'dcgan'"),
    ("gan.kernel_size", 0, "1 or more"),
    ("gan.residual.blocks", 0, "1 or more"),
    ("gan.residual.groups", 0, "1 or more"),
    ("gan.penalties.r1", -0.1, "from 0 up"),
    ("gan.decoder_rate_factor", float("inf"), "finite"),
    ("gan.ema_decay", 1.0, "below 1"),
    ("gan.discriminator_updates", 0, "1 or more"),
    ("gan.evaluate_every", 30, "gan.log_every=50"),
    ("classifier.channels", (8, 8), "give 3 widths"),
    ("classifier.num_classes", 1, "2 or more"),
    ("classifier.shift", -1, "0 or more"),
    ("classifier.dropout", 1.0, "below 1"),
    ("classifier.steps", 70, "classifier.log_every=50"),
    ("vae.architecture", "vit", "mlp, convolutional"),
    ("vae.latent_dim", 1, "2 or more"),
    ("vae.likelihood", "poisson", "bernoulli, gaussian"),
    ("vae.likelihood", "gaussian", "choose dequantised or real"),
    ("vae.pixels", "grey", "dynamic, fixed, dequantised, real"),
    ("vae.pixels", "real", "choose dynamic or fixed"),
    ("vae.output", "linear", "vae.likelihood='bernoulli'"),
    ("vae.posterior", "cauchy", "gaussian, laplace, spike_and_slab"),
    ("vae.active_share", 1.0, "between 0 and 1"),
    ("vae.gate_sharpness", 0.0, "above 0"),
    ("vae.beta", -1.0, "from 0 up"),
    ("vae.beta_warmup", -1, "0 or more"),
    ("vae.free_bits", float("nan"), "finite"),
    ("vae.decoder_hidden", (0,), "whole widths"),
    ("evaluation.measures", ("fid",), "frechet, kernel, manifold"),
    ("evaluation.importance_samples", 0, "1 or more"),
    ("evaluation.importance_examples", 0, "1 or more"),
    ("evaluation.num_samples", 39, "40 or more"),
    ("evaluation.final_samples", 0, "40 or more"),
    ("evaluation.patience", -1, "0 or more"),
    ("evaluation.features", "inception", "auto, labels, rotation"),
    ("classifier.task", "jigsaw", "labels, rotation"),
  ],
)
def test_an_impossible_value_is_refused_by_name(field, value, words):
  with pytest.raises(UserError) as refusal:
    validate(put(field, value))
  message = str(refusal.value)
  assert words in message
  assert "\n" not in message


@pytest.mark.parametrize(("field", "value"), [("patience", 3), ("keep_best", True)])
def test_what_goes_by_the_frechet_distance_needs_it_measured(field, value):
  config = put(f"evaluation.{field}", value)
  validate(config)
  config.evaluation.measures = ("manifold",)
  with pytest.raises(UserError, match=f"evaluation.{field}={value} .* 'frechet'"):
    validate(config)
  config.phases = ("sae",)
  with pytest.raises(UserError, match=f"evaluation.{field}={value} .* which no"):
    validate(config)


@pytest.mark.parametrize(
  ("sparsity_map", "penalty"), [("batch_topk", "l1"), ("sigmoid", "kl")]
)
def test_statistics_of_the_whole_batch_are_not_taken_in_parts(sparsity_map, penalty):
  config = all_sections()
  config.code.update(sparsity_map=sparsity_map, penalty=penalty)
  config.sae.auxiliary_weight = 0.0
  validate(config)
  config.train.microbatches = 2
  with pytest.raises(UserError, match="train.microbatches=2"):
    validate(config)


@pytest.mark.parametrize(
  ("field", "value"), [("p_annealing", 0.8), ("penalty_by_norms", True)]
)
def test_variants_of_l1_need_it_on_a_code_that_is_never_negative(field, value):
  config = put(f"sae.{field}", value)
  config.sae.update(unit_norm_atoms=False, auxiliary_weight=0.0)
  validate(config)
  config.code.sparsity_map = "none"
  with pytest.raises(UserError, match=f"sae.{field}={value} .*sparsity_map='none'"):
    validate(config)
  config.code.update(sparsity_map="jumprelu", penalty="l0")
  with pytest.raises(UserError, match=f"sae.{field}={value} .*not 'l0'"):
    validate(config)


def test_networks_that_do_not_fit_each_other_are_refused():
  config = all_sections()
  config.sae.update(architecture="convolutional", encoder_hidden=(8,), tied_start=False)
  config.gan.update(generator_architecture="dcgan", generator_hidden=(8,))
  with pytest.raises(UserError, match="sae.decoder_hidden=()"):
    validate(config)
  config.sae.decoder_hidden = (8,)
  config.code.update(num_latents=8, k=100)  # of 49 places
  config.sae.auxiliary_k = 8
  validate(config)
  config.code.k = 0
  with pytest.raises(UserError, match="code.k=0 is too small: choose 1 or more$"):
    validate(config)
  config.code.k = 100
  config.gan.generator_hidden = ()
  with pytest.raises(UserError, match="gan.generator_hidden=()"):
    validate(config)
  config.gan.update(generator_architecture="residual", generator_hidden=(8, 3))
  config.gan.residual.groups = 4
  with pytest.raises(UserError, match=r"gan.residual.groups=4 .* 2 \* 3"):
    validate(config)


def test_penalties_take_each_logit_alone_and_batch_normalization_does_not():
  config = all_sections()
  config.gan.update(
    discriminator_architecture="dcgan", discriminator_normalization="batch"
  )
  with pytest.raises(UserError, match="gan.penalties.r1=1.0"):
    validate(config)
  config.gan.penalties.update(r1=0.0, r2=0.0)
  validate(config)
  config.train.microbatches = 2
  with pytest.raises(UserError, match="discriminator_normalization='batch'"):
    validate(config)


def test_a_field_that_is_not_in_the_default_cannot_be_set():
  config = all_sections()
  with pytest.raises(AttributeError, match="stepz"):
    config.sae.stepz = 5
  with pytest.raises(KeyError, match="r_1"):
    config.gan.penalties["r_1"] = 1.0


def test_a_config_without_the_fields_of_the_default_is_refused():
  fields = all_sections().to_dict()
  del fields["gan"]["loss"]
  with pytest.raises(UserError, match="configs/base.py .*'loss'"):
    validate(ConfigDict(fields))
  with pytest.raises(UserError, match="configs/base.py"):
    validate(ConfigDict({"seed": 0}))


def test_a_plain_generator_has_no_decoder_to_slow_down():
  config = seed.get_config()
  config.gan.decoder_rate_factor = 0.5
  with pytest.raises(UserError, match="gan.decoder_rate_factor=0.5"):
    validate(config)


def test_hidden_layers_are_refused_only_where_an_autoencoder_trains():
  config = all_sections()
  config.sae.decoder_hidden = (64,)
  config.phases = ("gan",)
  assert validate(config).sae.decoder_hidden == (64,)
