"""Self-attention of the convolutional autoencoder, and what starts from it."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from sgae.config import validate
from sgae.data import resident
from sgae.data.dataset import Dataset, Split
from sgae.errors import UserError
from sgae.methods import METHODS
from sgae.methods.gan import mixture
from sgae.methods.sparse_autoencoder.networks import build_autoencoder
from sgae.networks.attention import self_attention
from sgae.networks.normalization import NONE
from tests.systems import CONVOLUTIONAL, small_config

KEY = jax.random.key(0)
MEAN = np.zeros((8, 8, 1), np.float32)


def moved(params):
  """Returns parameters of which none is at its start, as sigma at zero."""
  noise = np.random.default_rng(2)
  return jax.tree.map(
    lambda leaf: leaf + 0.3 * noise.normal(size=leaf.shape).astype(np.float32), params
  )


def autoencoder_config(**fields):
  """Of images of 8x8: the hidden maps have 4 rows, the code 2."""
  fields = {f"sae__{name}": value for name, value in fields.items()}
  return small_config(**CONVOLUTIONAL | fields)


def test_a_code_is_attended_before_it_is_made_sparse():
  attending, plain = (
    build_autoencoder(autoencoder_config(encoder_attention=attention), MEAN)
    for attention in ((2,), ())
  )
  x = jax.random.normal(KEY, (3, 8, 8, 1))
  params = attending.init(KEY)
  _, pre = plain.encode(params, x, train=False)
  np.testing.assert_array_equal(attending.encode(params, x, train=False)[1], pre)
  params = moved(params)
  code, attended = attending.encode(params, x, train=False)
  _, pre = plain.encode(params, x, train=False)
  block = params["encoder"]["layers"]["convolution_1_attention"]
  wanted = self_attention(6, 1, NONE).apply(block, pre, train=False)[0]
  np.testing.assert_allclose(attended, wanted, rtol=1e-5, atol=1e-6)
  assert not np.allclose(attended, pre)
  kept = np.asarray(code.values) > 0
  np.testing.assert_array_equal(code.values[kept], attended[kept])
  assert (kept.sum(axis=(1, 2, 3)) <= 4).all()  # code.k


def test_a_decoder_that_attends_draws_one_cell_everywhere():
  attending, plain = (
    build_autoencoder(autoencoder_config(decoder_attention=attention), MEAN)
    for attention in ((4,), ())
  )
  params = attending.init(KEY)
  code = jnp.zeros((1, 2, 2, 6)).at[0, 0, 0, 1].set(2.0)
  np.testing.assert_array_equal(
    attending.decode(params, code), plain.decode(params, code)
  )
  params = moved(params)

  def changed(autoencoder):
    step = autoencoder.decode(params, code) - autoencoder.decode(params, 0 * code)
    return np.abs(step[0, ..., 0]) > 1e-6

  assert changed(attending).all()
  assert not changed(plain)[4:].any()


def test_a_mixture_is_fitted_to_attended_codes():
  images = np.random.default_rng(0).integers(0, 256, (24, 8, 8, 1), np.uint8)
  split = Split(images, np.zeros(len(images), np.int32))
  dataset = Dataset("noise", split, split, 1)
  config = autoencoder_config(encoder_attention=(2,))
  config.gan.update(coder="mixture")
  config.gan.mixture.update(components=2, axes=4, rank=2, examples=24)
  autoencoder = build_autoencoder(config, resident.mean_image(images))
  params = moved(autoencoder.init(KEY))
  fitted, _ = mixture.prepare(config, dataset, params)
  _, pre = autoencoder.encode(params, resident.to_model_range(images), train=False)
  np.testing.assert_allclose(
    fitted["mixture"]["mean"], pre.reshape(24, -1).mean(axis=0), rtol=1e-4, atol=1e-5
  )


@pytest.mark.parametrize(
  ("method", "fields", "words"),
  [
    ("sae", {"sae__encoder_attention": (8,)}, "names 8, and the encoder has maps of 2"),
    ("sae", {"sae__decoder_attention": (2,)}, "names 2, and the decoder has maps of 4"),
    ("gan", {"sae__decoder_attention": (2,)}, "names 2, and the decoder has maps of 4"),
    (
      "sae",
      {"sae__encoder_attention": (4,), "sae__attention_heads": 2},
      "sae.attention_heads=2 does not divide 1 and 2,",
    ),
    ("sae", {"sae__encoder_attention": (0,)}, "sae.encoder_attention=.* whole sizes"),
    ("sae", {"sae__attention_heads": 0}, "sae.attention_heads=0 is too small"),
    (
      "sae",
      dict.fromkeys(("sae__encoder_hidden", "sae__decoder_hidden"), ())
      | {"sae__tied_start": True, "sae__encoder_attention": (4,)},
      "sae.tied_start=True needs linear networks",
    ),
    (
      "gan",
      {
        "sae__encoder_attention": (2,),
        "gan__discriminator_start": "encoder",
        "gan__discriminator_hidden": (5,),
        "gan__discriminator_normalization": "none",
      },
      "sae.encoder_attention=.* gan.discriminator_start='encoder'",
    ),
    *(
      (method, {"code__sparsity_map": kind, "code__k": 25}, "more than the 24 numbers")
      for method in ("sae", "gan")
      for kind in ("topk", "batch_topk")
    ),
  ],
)
def test_an_autoencoder_that_images_do_not_allow_is_refused(method, fields, words):
  split = Split(np.zeros((2, 8, 8, 1), np.uint8), np.zeros(2, np.int32))
  dataset = Dataset("zeros", split, split, 1)
  with pytest.raises(UserError, match=words):
    METHODS[method].check_data(
      validate(small_config(**CONVOLUTIONAL | fields)), dataset
    )


def test_only_networks_with_maps_attend():
  with pytest.raises(UserError, match="not for sae.architecture='mlp': .*'convolu"):
    validate(small_config(sae__encoder_attention=(4,)))
