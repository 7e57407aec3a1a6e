"""The layout of files that SAELens reads: weights by name, and a JSON that says what.

An autoencoder of SAELens takes vectors [B, D] as they are: the mean image and the units
of vectors are folded into its weights; images are flattened in the order height, width,
channels. `batch_topk` becomes a JumpReLU with one threshold, as SAELens stores its own.
A transcoder is a ReLU or a JumpReLU there, with the units of both sides in its weights.
Layout of SAELens 6: `saes/sae.py`, and the file of each architecture beside it.
"""

from collections.abc import Mapping
from typing import Any

import jax.numpy as jnp
import numpy as np

from sgae.data.dataset import SideUnits, Units
from sgae.errors import UserError
from sgae.methods.method import Layout
from sgae.networks import mlp, sparsity
from sgae.networks.autoencoder import Autoencoder, make_autoencoder
from sgae.networks.network import Params

# Whose layout this is; SAELens takes older ones for another.
VERSION = "6.54.12"
ARCHITECTURES = {
  "relu": "standard",
  "topk": "topk",
  "batch_topk": "jumprelu",
  "jumprelu": "jumprelu",
  "gated": "gated",
}
TRANSCODERS = {
  "relu": "transcoder",
  "batch_topk": "jumprelu_transcoder",
  "jumprelu": "jumprelu_transcoder",
}
_NAMES = {
  "standard": ("b_enc",),
  "transcoder": ("b_enc",),
  "jumprelu_transcoder": ("b_enc", "threshold"),
  "topk": ("b_enc",),
  "jumprelu": ("b_enc", "threshold"),
  "gated": ("b_gate", "b_mag", "r_mag"),
}
_UNITS_OF_IMAGES = Units(np.zeros(1, np.float32), np.float32(1))
# What SAELens would do to the vectors before or after; nothing, in files of ours.
_AS_THEY_ARE = {"normalize_activations": "none", "reshape_activations": "none"}


def write(
  config: Any, state: Any, image_shape: tuple[int, ...], units: SideUnits | None
) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
  """Returns what `cfg.json` and the safetensors file of SAELens hold.

  Args:
    config: validated.
    state: trained, an `AutoencoderState` on the host.
    image_shape: (H, W, C).
    units: of vectors; None: images, float32 in [-1, 1].

  Raises:
    UserError: the autoencoder is not one that SAELens has.
  """
  _refuse(config)
  params, kind = state.player.params, config.code.sparsity_map
  encoder, decoder = params["encoder"], params["decoder"]
  rows_kd, atoms_kd = (
    np.asarray(each, np.float64) for each in (encoder["rows"], decoder["atoms"])
  )
  taken, given = units or (_UNITS_OF_IMAGES, _UNITS_OF_IMAGES)
  mean_d = np.float64(encoder["mean"]).ravel()
  centre_d = taken.scale * np.float64(taken.mean) + mean_d
  bias_k = np.float64(encoder["bias"]) - rows_kd @ centre_d
  weights = {
    "W_enc": taken.scale * rows_kd.T,
    "W_dec": atoms_kd / given.scale,
    "b_dec": np.float64(decoder["bias"]) / given.scale + np.float64(given.mean),
  }
  sparse = params["sparsity"]
  if kind == "gated":
    size_k = np.exp(np.float64(sparse["log_scale"]))
    weights |= {"b_gate": bias_k, "r_mag": sparse["log_scale"]}
    weights["b_mag"] = size_k * bias_k + np.float64(sparse["bias"])
  else:
    weights["b_enc"] = bias_k
  if kind == "jumprelu":
    weights["threshold"] = sparse["threshold"]
  elif kind == "batch_topk":
    # it keeps what reaches the threshold, a JumpReLU what exceeds it
    below = np.nextafter(np.float32(sparse["threshold"]), np.float32(-np.inf))
    weights["threshold"] = np.full(len(rows_kd), below)
  about = {
    "architecture": _architectures(config)[kind],
    "d_in": rows_kd.shape[1],
    "d_sae": len(rows_kd),
    "dtype": "float32",
    "device": "cpu",
    "apply_b_dec_to_input": False,
    **_AS_THEY_ARE,
    "metadata": {
      "sae_lens_version": VERSION,
      "trained_by": "sgae",
      "data": config.data.source,
      "image_shape": list(image_shape) if units is None else None,
    },
  }
  if kind == "topk":
    about |= {"k": config.code.k, "rescale_acts_by_decoder_norm": False}
  if config.sae.transcoder:
    about["d_out"] = atoms_kd.shape[1]
  return about, {
    name: np.ascontiguousarray(array, np.float32) for name, array in weights.items()
  }


def _architectures(config: Any) -> Mapping[str, str]:
  return TRANSCODERS if config.sae.transcoder else ARCHITECTURES


def _refuse(config: Any) -> None:
  sae, kind = config.sae, config.code.sparsity_map
  architectures = _architectures(config)
  reasons = {
    f"sae.architecture='{sae.architecture}'": sae.architecture != "mlp",
    f"sae.output='{sae.output}'": sae.output != "linear",
    f"sae.encoder_hidden={tuple(sae.encoder_hidden)}": bool(sae.encoder_hidden),
    f"sae.decoder_hidden={tuple(sae.decoder_hidden)}": bool(sae.decoder_hidden),
    f"code.sparsity_map='{kind}'": kind not in architectures,
    "precision.compute='bfloat16'": config.precision.compute != "float32",
  }
  for field, is_refused in reasons.items():
    if is_refused:
      raise UserError(
        f"SAELens has no place for {field}: it takes one dense layer to the code and a "
        f"linear one back, in float32, {'of a transcoder ' * sae.transcoder}with "
        f"code.sparsity_map {', '.join(architectures)}; --mode=export alone exports any"
      )


def read(
  about: Mapping[str, Any], weights: Mapping[str, np.ndarray]
) -> tuple[Autoencoder, Params]:
  """Returns an autoencoder of vectors [B, 1, 1, D], or a transcoder, and its weights.

  Args:
    about: what `cfg.json` holds.
    weights: by name, of any floating type.

  Raises:
    UserError: an architecture or a preparation of the vectors that there is none of
      here, or weights that are missing or do not fit.
  """
  kind = about.get("architecture")
  if not isinstance(kind, str) or kind not in _NAMES:
    raise UserError(
      f"architecture={kind!r} is not read: choose one of {', '.join(_NAMES)}"
    )
  for field, value in _AS_THEY_ARE.items():
    if about.get(field, value) != value:
      raise UserError(
        f"{field}={about[field]!r} is not read: fold it into the weights by SAELens, "
        "and save them again"
      )
  one_width = kind not in TRANSCODERS.values()
  names = ("d_in", "d_sae", "d_in" if one_width else "d_out")
  wide, deep, out = (_size(about, name) for name in names)
  shapes = {"W_enc": (wide, deep), "W_dec": (deep, out), "b_dec": (out,)}
  shapes |= dict.fromkeys(_NAMES[kind], (deep,))
  found = {name: _weight(weights, name, shape) for name, shape in shapes.items()}
  if about.get("rescale_acts_by_decoder_norm"):
    norms_k = np.linalg.norm(found["W_dec"], axis=1)
    found["W_enc"], found["b_enc"] = found["W_enc"] * norms_k, found["b_enc"] * norms_k
    found["W_dec"] = found["W_dec"] / norms_k[:, None]
  centred = one_width and about.get("apply_b_dec_to_input", True)
  mean_hwc = (found["b_dec"] if centred else np.zeros(wide)).reshape(1, 1, wide)
  if kind == "gated":
    bias_k = found["b_gate"]
    offset_k = found["b_mag"] - np.exp(found["r_mag"]) * bias_k
    sparse = {"log_scale": found["r_mag"], "bias": offset_k}
  else:
    bias_k = found["b_enc"]
    sparse = {name: found[name] for name in _NAMES[kind] if name != "b_enc"}
  autoencoder = make_autoencoder(
    mlp.mlp_encoder(mean_hwc, (), deep, "relu"),
    _sparsity_map(kind, about),
    mlp.mlp_decoder(np.zeros((1, 1, out)), (), deep, "relu", "linear"),
    deep,
    None,
  )
  encoder = {"mean": mean_hwc, "layers": {}, "rows": found["W_enc"].T, "bias": bias_k}
  decoder = {"atoms": found["W_dec"], "bias": found["b_dec"]}
  params = {"encoder": encoder, "sparsity": sparse, "decoder": decoder}
  return autoencoder, _in_float32(params)


def _sparsity_map(kind: str, about: Mapping[str, Any]) -> sparsity.SparsityMap:
  if kind == "topk":
    size, k = _size(about, "d_sae"), _size(about, "k")
    if k > size:
      raise UserError(f"k={k} is not read: it is more than d_sae={size}")
    return sparsity.make_topk(k)
  if "threshold" in _NAMES[kind]:  # a JumpReLU's numbers are of training alone
    return sparsity.make_jumprelu(threshold=1.0, bandwidth=1.0)
  return sparsity.make_gated() if kind == "gated" else sparsity.make_relu()


def _size(about, name) -> int:
  value = about.get(name)
  if not isinstance(value, int) or isinstance(value, bool) or value < 1:
    raise UserError(f"{name}={value!r} is not read: a whole number from 1 up is needed")
  return value


def _weight(weights, name, shape) -> np.ndarray:
  if name not in weights:
    raise UserError(f"the weights have no {name}: {', '.join(weights) or 'none'}")
  array = np.asarray(weights[name], np.float64)
  if array.shape != shape:
    raise UserError(f"{name} has shape {array.shape}, and {shape} is needed")
  return array


def _in_float32(tree: Any) -> Any:
  if isinstance(tree, dict):
    return {name: _in_float32(value) for name, value in tree.items()}
  return jnp.asarray(np.ascontiguousarray(tree, np.float32))


LAYOUT = Layout("cfg.json", "sae_weights.safetensors", write, read)
