"""Faults that a generated config may have: fields, and values that are wrong."""

from hypothesis import strategies as st

from sgae import config as rules


def bad_whole(least):
  return [least - 1, -7, 2**40, None, 1.5, "4", (1,)]


BAD_WEIGHTS = [-1.0, float("nan"), float("inf"), None, "x"]
BAD_SHARES = [-0.1, 1.0, float("nan"), None, "x"]
BAD_WIDTHS = [(0,), (-3, 4), ("a",), (1.5,), None, 5]
BAD_NAMES = ["bogus", "", None, 5]
BAD_FLAGS = [None, "yes", 2]
OPTIMIZER_FIELDS = {
  "name": BAD_NAMES,
  "schedule": BAD_NAMES,
  "learning_rate": BAD_WEIGHTS,
  "beta1": BAD_SHARES,
  "beta2": BAD_SHARES,
  "warmup_updates": bad_whole(0),
}
# Fields, and values that are wrong whatever the others are.
WRONG = {
  "seed": bad_whole(0),
  "phases": [("gan", "sae"), (), ("sae", "sae"), (1,), None, "sae"],
  "data.source": BAD_NAMES,
  "data.name": [None, 5],
  "data.path": ["images.npz", None],
  "data.image_size": bad_whole(0),
  "data.placement": BAD_NAMES,
  "data.stacked_digits": [2, 7, None],
  "debug": BAD_FLAGS,
  "precision.compute": BAD_NAMES,
  "parallel.mode": BAD_NAMES,
  "parallel.devices": bad_whole(0),
  "train.microbatches": bad_whole(1),
  "profile.steps": bad_whole(0),
  "code.sparsity_map": BAD_NAMES,
  "code.penalty": BAD_NAMES,
  "code.num_latents": bad_whole(1),
  "code.threshold": [0.0, *BAD_WEIGHTS],
  "code.bandwidth": [0.0, *BAD_WEIGHTS],
  "code.rho": [0.0, *BAD_SHARES],
  "sae.architecture": BAD_NAMES,
  "sae.kernel_size": bad_whole(1),
  "sae.encoder_hidden": BAD_WIDTHS,
  "sae.decoder_hidden": BAD_WIDTHS,
  "sae.activation": BAD_NAMES,
  "sae.output": BAD_NAMES,
  "sae.encoder_attention": BAD_WIDTHS,
  "sae.decoder_attention": BAD_WIDTHS,
  "sae.attention_heads": bad_whole(1),
  "sae.tied_start": BAD_FLAGS,
  "sae.sparsity_weight": BAD_WEIGHTS,
  "sae.matryoshka": [(5, 4, 24), *BAD_WIDTHS],
  "sae.p_annealing": BAD_SHARES,
  "sae.penalty_by_norms": BAD_FLAGS,
  "sae.archetypes": [5, *bad_whole(0)],
  "sae.relaxation": BAD_WEIGHTS,
  "sae.auxiliary_weight": BAD_WEIGHTS,
  "sae.dead_after": bad_whole(1),
  "gan.generator": BAD_NAMES,
  "gan.latent_dim": bad_whole(1),
  "gan.latent_distribution": BAD_NAMES,
  "gan.loss": BAD_NAMES,
  "gan.generator_architecture": BAD_NAMES,
  "gan.discriminator_architecture": BAD_NAMES,
  "gan.kernel_size": bad_whole(1),
  "gan.residual": [None, 5],
  "gan.residual.blocks": bad_whole(1),
  "gan.residual.groups": bad_whole(1),
  "gan.generator_normalization": BAD_NAMES,
  "gan.discriminator_normalization": BAD_NAMES,
  "gan.generator_attention": BAD_WIDTHS,
  "gan.discriminator_attention": BAD_WIDTHS,
  "gan.attention_heads": bad_whole(1),
  "gan.generator_hidden": BAD_WIDTHS,
  "gan.discriminator_hidden": BAD_WIDTHS,
  "gan.generator_activation": BAD_NAMES,
  "gan.discriminator_activation": BAD_NAMES,
  "gan.generator_output": BAD_NAMES,
  "gan.generator_updates": bad_whole(1),
  "gan.discriminator_updates": bad_whole(1),
  "gan.penalties": [None, 5],
  "gan.penalties.r1": BAD_WEIGHTS,
  "gan.penalties.r2": BAD_WEIGHTS,
  "gan.penalties.gradient_penalty": BAD_WEIGHTS,
  "gan.energy": [None, 5],
  "gan.energy.margin": [0.0, *BAD_WEIGHTS],
  "gan.energy.pulling_away": BAD_WEIGHTS,
  "gan.energy.gamma": [0.0, 1.1, *BAD_WEIGHTS],
  "gan.energy.balance_rate": BAD_WEIGHTS,
  "gan.sparsity_weight": BAD_WEIGHTS,
  "gan.decoder_rate_factor": BAD_WEIGHTS,
  "gan.ema_decay": BAD_SHARES,
  "classifier.channels": [(3, 3), *BAD_WIDTHS],
  "classifier.num_classes": bad_whole(2),
  "classifier.num_features": bad_whole(1),
  "classifier.shift": bad_whole(0),
  "classifier.flip": BAD_FLAGS,
  "classifier.dropout": BAD_SHARES,
  "vae.architecture": BAD_NAMES,
  "vae.latent_dim": bad_whole(2),
  "vae.encoder_hidden": BAD_WIDTHS,
  "vae.decoder_hidden": BAD_WIDTHS,
  "vae.activation": BAD_NAMES,
  "vae.kernel_size": bad_whole(1),
  "vae.likelihood": BAD_NAMES,
  "vae.pixels": BAD_NAMES,
  "vae.output": BAD_NAMES,
  "vae.posterior": BAD_NAMES,
  "vae.active_share": [0.0, *BAD_SHARES],
  "vae.gate_sharpness": [0.0, *BAD_WEIGHTS],
  "vae.beta": BAD_WEIGHTS,
  "vae.beta_warmup": bad_whole(0),
  "vae.free_bits": BAD_WEIGHTS,
  "sae.lista_iterations": bad_whole(1),
  "sparse_coding.alpha": [0.0, *BAD_WEIGHTS],
  "sparse_coding.solver": BAD_NAMES,
  "sparse_coding.dictionary": BAD_NAMES,
  "sparse_coding.iterations": bad_whole(1),
  "sparse_coding.window": bad_whole(1),
  "sparse_coding.replace_after": bad_whole(1),
  "vae_gan.discriminator_hidden": [(), *BAD_WIDTHS],
  "vae_gan.discriminator_activation": BAD_NAMES,
  "vae_gan.beta": BAD_WEIGHTS,
  "vae_gan.reconstruction_weight": BAD_WEIGHTS,
  "vae_gan.least_cost": BAD_WEIGHTS,
  "vae_gan.most_cost": BAD_WEIGHTS,
  "vae_gan.ema_decay": BAD_SHARES,
  "evaluation.importance_samples": bad_whole(1),
  "evaluation.importance_examples": bad_whole(1),
  "evaluation.measures": [("bogus",), None, "frechet"],
  "evaluation.num_samples": bad_whole(rules.LEAST_SAMPLES),
  "evaluation.final_samples": bad_whole(rules.LEAST_SAMPLES),
  "evaluation.patience": bad_whole(0),
  "checkpoint.keep": bad_whole(1),
}
for _phase in ("sae", "gan", "classifier", "vae", "sparse_coding", "vae_gan"):
  for _field in ("batch_size", "steps", "log_every", "evaluate_every", "save_every"):
    WRONG[f"{_phase}.{_field}"] = bad_whole(1)
for _optimizer in (
  "sae.optimizer",
  "gan.generator_optimizer",
  "gan.discriminator_optimizer",
  "classifier.optimizer",
  "vae.optimizer",
  "sparse_coding.optimizer",
  "vae_gan.autoencoder_optimizer",
  "vae_gan.discriminator_optimizer",
):
  for _field, _values in OPTIMIZER_FIELDS.items():
    WRONG[f"{_optimizer}.{_field}"] = _values

faults = st.lists(
  st.sampled_from(sorted(WRONG)).flatmap(
    lambda field: st.tuples(st.just(field), st.sampled_from(WRONG[field]))
  ),
  min_size=1,
  max_size=2,
  unique_by=lambda fault: tuple(fault[0].split(".")[:2]),
)
