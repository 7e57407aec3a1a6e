"""What a config may say of the sparse autoencoder and its code."""

from typing import Any

from sgae.config_checks import at_least, choice, non_negative, positive, widths
from sgae.errors import UserError
from sgae.losses.sparsity import SPARSITY_PENALTIES
from sgae.methods.attention import check_attention
from sgae.methods.checks import (
  check_cadence,
  check_optimizer,
  check_penalty,
  refuse_microbatches,
)
from sgae.methods.sparse_autoencoder.networks import (
  AUTOENCODERS,
  SPARSITY_MAPS,
  WITH_K,
  WITH_MAPS,
)
from sgae.networks.network import ACTIVATIONS, OUTPUT_ACTIVATIONS


def check(config: Any) -> None:
  """Refuses an impossible autoencoder, alone or with what else the config says."""
  sae, code = config.sae, config.code
  check_networks(config)
  if "sae" in config.phases:
    check_tie(sae)
  for field in ("sparsity_weight", "auxiliary_weight"):
    non_negative(f"sae.{field}", sae[field])
  check_penalty("sae", config)
  _check_variants(sae, code)
  if sae.auxiliary_weight and code.sparsity_map in ("sigmoid", "none"):
    raise UserError(
      f"sae.auxiliary_weight={sae.auxiliary_weight} does nothing for code.sparsity_map="
      f"'{code.sparsity_map}', whose latents never die: set it to 0"
    )
  at_least("sae.dead_after", sae.dead_after, 1)
  if sae.auxiliary_weight and not 1 <= sae.auxiliary_k <= code.num_latents:
    raise UserError(
      f"sae.auxiliary_k={sae.auxiliary_k} is not allowed: choose one from 1 to "
      f"code.num_latents={code.num_latents}, or sae.auxiliary_weight=0"
    )
  check_optimizer("sae.optimizer", sae.optimizer)
  check_cadence("sae", sae)
  _check_transcoder(config)
  if sae.both_sides and config.data.source == "vectors":
    raise UserError(
      "sae.both_sides=True is for images, and the vectors of two sides have units of "
      "their own: set it to False; sae.transcoder=True learns the second from the first"
    )
  if sae.both_sides and not (config.data.second.source or config.data.paired):
    raise UserError(
      "sae.both_sides=True needs data with a second side: set it to False, or give a "
      "data.second.source"
    )


def _check_transcoder(config):
  """Refuses a transcoder without pairs of vectors, or with atoms made of its inputs."""
  sae, data = config.sae, config.data
  vectors = data.source == data.second.source == "vectors"
  at_least("sae.target_width", sae.target_width, 0)
  if sae.target_width and not sae.transcoder:
    raise UserError(
      f"sae.target_width={sae.target_width} is of what a transcoder makes: set it to "
      "0, or sae.transcoder=True"
    )
  if not sae.transcoder:
    if vectors and "sae" in config.phases:
      raise UserError(
        "data.second.source='vectors' is read by a transcoder alone: set "
        "sae.transcoder=True, or data.second.source=''"
      )
    return
  if not (vectors and data.paired):
    raise UserError(
      "sae.transcoder=True learns vectors from vectors: set data.source='vectors', "
      "data.second.source='vectors' and data.paired=True, or set it to False"
    )
  if sae.archetypes:
    raise UserError(
      f"sae.archetypes={sae.archetypes} makes atoms of what is encoded, and a "
      "transcoder's are of what it gives: set it to 0, or sae.transcoder=False"
    )


def check_tie(sae: Any) -> None:
  """Refuses other layers where the encoder starts as the decoder's transpose."""
  linear = not (sae.encoder_hidden or sae.decoder_hidden or sae.encoder_attention)
  if sae.tied_start and not linear:
    raise UserError(
      "sae.tied_start=True needs linear networks: set it to False, or "
      "sae.encoder_hidden=(), sae.decoder_hidden=() and sae.encoder_attention=()"
    )


def _check_variants(sae, code):
  """Refuses variants of the loss that are impossible, or do nothing."""
  widths("sae.matryoshka", sae.matryoshka)
  rising = sorted(set(sae.matryoshka)) == list(sae.matryoshka)
  if sae.matryoshka and (not rising or sae.matryoshka[-1] != code.num_latents):
    raise UserError(
      f"sae.matryoshka={tuple(sae.matryoshka)} is not allowed: choose rising numbers "
      f"of latents that end with code.num_latents={code.num_latents}"
    )
  non_negative("sae.relaxation", sae.relaxation)
  at_least("sae.archetypes", sae.archetypes, 0)
  if sae.archetypes and sae.archetypes < code.num_latents:
    raise UserError(
      f"sae.archetypes={sae.archetypes} is too small: choose code.num_latents="
      f"{code.num_latents} or more, or 0 for free atoms"
    )
  if sae.archetypes and (
    sae.unit_norm_atoms or sae.architecture != "mlp" or sae.decoder_hidden
  ):
    raise UserError(
      f"sae.archetypes={sae.archetypes} needs atoms that are images, of any norm: set "
      "sae.architecture='mlp', sae.decoder_hidden=() and sae.unit_norm_atoms=False, or "
      "sae.archetypes=0"
    )
  if not 0 <= sae.p_annealing < 1:
    raise UserError(
      f"sae.p_annealing={sae.p_annealing} is not allowed: choose one from 0 to below "
      "1, as the exponent ends at 1 less that"
    )
  for field in ("p_annealing", "penalty_by_norms"):
    if sae[field] and (code.penalty != "l1" or code.sparsity_map == "none"):
      raise UserError(
        f"sae.{field}={sae[field]} needs code.penalty='l1' on a code that is never "
        f"negative, not '{code.penalty}' with code.sparsity_map='{code.sparsity_map}': "
        "change these, or switch it off"
      )
  if sae.penalty_by_norms and sae.unit_norm_atoms:
    raise UserError(
      "sae.penalty_by_norms=True does nothing for atoms of norm 1: set "
      "sae.unit_norm_atoms=False, or leave it out"
    )


def check_networks(config: Any) -> None:
  """Refuses an impossible code, and networks that do not fit it."""
  _check_code(config.code)
  sae, code = config.sae, config.code
  choice("sae.architecture", sae.architecture, AUTOENCODERS)
  at_least("sae.kernel_size", sae.kernel_size, 1)
  at_least("sae.lista_iterations", sae.lista_iterations, 1)
  at_least("sae.attention_heads", sae.attention_heads, 1)
  for network in ("encoder", "decoder"):
    check_attention("sae", sae, network, "architecture", WITH_MAPS)
  if sae.architecture == "lista" and (sae.encoder_hidden or sae.decoder_hidden):
    raise UserError(
      f"sae.encoder_hidden={tuple(sae.encoder_hidden)} and sae.decoder_hidden="
      f"{tuple(sae.decoder_hidden)} are not for sae.architecture='lista', which has no "
      "hidden layers: set both to ()"
    )
  if sae.architecture == "convolutional" and len(sae.encoder_hidden) != len(
    sae.decoder_hidden
  ):
    raise UserError(
      f"sae.encoder_hidden={tuple(sae.encoder_hidden)} and sae.decoder_hidden="
      f"{tuple(sae.decoder_hidden)} meet at different sizes of the code: give "
      "sae.architecture='convolutional' as many widths in both"
    )
  if code.sparsity_map in WITH_K:
    # a code with places has more elements than latents
    if sae.architecture != "convolutional" and not 1 <= code.k <= code.num_latents:
      raise UserError(
        f"code.k={code.k} is not allowed: choose one from 1 to "
        f"code.num_latents={code.num_latents}"
      )
    at_least("code.k", code.k, 1)
  widths("sae.encoder_hidden", sae.encoder_hidden)
  widths("sae.decoder_hidden", sae.decoder_hidden)
  choice("sae.activation", sae.activation, ACTIVATIONS)
  choice("sae.output", sae.output, OUTPUT_ACTIVATIONS)
  _check_vectors(config)
  refuse_microbatches(config, "code.sparsity_map", "batch_topk")
  refuse_microbatches(config, "code.penalty", "kl")


def _check_vectors(config):
  sae = config.sae
  for field, wrong, right in (
    ("architecture", "convolutional", "mlp"),
    ("output", "tanh", "linear"),
  ):
    if config.data.source == "vectors" and sae[field] == wrong:
      raise UserError(
        f"sae.{field}={wrong!r} is for images, and vectors have neither places nor "
        f"bounds: choose {right!r}, or another data.source"
      )


def _check_code(code):
  choice("code.sparsity_map", code.sparsity_map, SPARSITY_MAPS)
  choice("code.penalty", code.penalty, SPARSITY_PENALTIES)
  at_least("code.num_latents", code.num_latents, 1)
  for field in ("threshold", "bandwidth"):
    positive(f"code.{field}", code[field])
  if not 0 < code.rho < 1:
    raise UserError(f"code.rho={code.rho} is not allowed: choose one between 0 and 1")
  for penalty, needed in (("kl", "sigmoid"), ("l0", "jumprelu")):
    if code.penalty == penalty and code.sparsity_map != needed:
      raise UserError(
        f"code.penalty='{penalty}' needs code.sparsity_map='{needed}', not "
        f"'{code.sparsity_map}': change either"
      )
