"""Self-attention: by hand, its derivatives, and where networks have it."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from sgae.config import validate
from sgae.data.dataset import Dataset, Split
from sgae.errors import UserError
from sgae.losses import penalties
from sgae.methods import METHODS
from sgae.methods.gan.networks import build_discriminator, build_generator
from sgae.methods.gan.starts import from_encoder
from sgae.networks import conv_autoencoder, dcgan
from sgae.networks.attention import Attention, self_attention
from sgae.networks.normalization import NONE, make_spectral
from tests.systems import small_config

KEY = jax.random.key(0)


def applied(network, params, x):
  """Returns images or logits, of any network."""
  return jax.jit(functools.partial(network.apply, train=False))(params, x)[0]


def fresh(network):
  return jax.jit(network.init)(KEY)


def moved(params):
  """Returns parameters of which none is at its start, as sigma at zero."""
  noise = np.random.default_rng(2)
  return jax.tree.map(
    lambda leaf: leaf + 0.3 * noise.normal(size=leaf.shape).astype(np.float32), params
  )


def test_a_tiny_map_by_hand():
  """Two columns of one channel: one key and value, the larger, so all see it alike."""
  block = self_attention(2, 1, NONE)
  params = {
    "query": {"kernel": jnp.array([1.0, 0.0]).reshape(1, 1, 2, 1)},
    "key": {"kernel": jnp.array([0.0, 1.0]).reshape(1, 1, 2, 1)},
    "value": {"kernel": jnp.array([1.0, 1.0]).reshape(1, 1, 2, 1)},
    "output": {"kernel": jnp.array([1.0, 10.0]).reshape(1, 1, 1, 2)},
    "sigma": jnp.float32(0.5),
  }
  x = np.zeros((1, 1, 4, 2), np.float32)
  x[0, 0, :, 0] = [0.0, 1.0, -1.0, 2.0]
  x[0, 0, :, 1] = [0.0, np.log(2.0), np.log(3.0), 0.0]
  # keys log 2 and log 3; values 1 + log 2 and 2, of the first and second pair
  keys, values = np.log([2.0, 3.0]), np.array([1 + np.log(2.0), 2.0])
  weights = np.exp(np.outer(x[0, 0, :, 0], keys))  # of query 1: 2 and 3
  np.testing.assert_allclose(weights[1], [2, 3], rtol=1e-6)
  found = weights @ values / weights.sum(axis=1)
  wanted = x[0, 0] + 0.5 * np.outer(found, [1.0, 10.0])
  np.testing.assert_allclose(applied(block, params, x)[0, 0], wanted, rtol=1e-5)


def test_heads_attend_apart():
  """Each of two heads is a block of one with its part of the channels."""
  x = jax.random.normal(KEY, (2, 5, 6, 16))  # odd rows as well
  block = self_attention(16, 2, NONE)
  params = moved(fresh(block))
  total = x
  for head in range(2):
    q, k, v = (x @ params[name]["kernel"][0, 0] for name in ("query", "key", "value"))
    k, v = (
      jnp.pad(each, ((0, 0), (0, 1), (0, 0), (0, 0)), constant_values=-jnp.inf)
      .reshape(2, 3, 2, 3, 2, -1)
      .max((2, 4))
      for each in (k, v)
    )
    q, k, v = (
      each.reshape(2, -1, each.shape[-1])[..., head * size : (head + 1) * size]
      for each, size in ((q, 1), (k, 1), (v, 4))
    )
    weights = jax.nn.softmax(q @ k.transpose(0, 2, 1))
    output = params["output"]["kernel"][0, 0, head * 4 : (head + 1) * 4]
    total += params["sigma"] * (weights @ v @ output).reshape(x.shape)
  np.testing.assert_allclose(applied(block, params, x), total, rtol=1e-4, atol=1e-4)


def test_it_starts_as_the_identity_and_learns_to_leave_it():
  block = self_attention(8, 1, make_spectral())
  params = fresh(block)
  x = jax.random.normal(KEY, (2, 4, 4, 8))
  np.testing.assert_array_equal(applied(block, params, x), x)
  slopes = jax.jit(jax.grad(lambda p: jnp.sum(applied(block, p, x) ** 2)))(params)
  assert slopes["sigma"] != 0


def test_spectral_normalization_takes_its_kernels():
  block = self_attention(16, 1, make_spectral())
  params = moved(fresh(block))
  x = jax.random.normal(KEY, (2, 4, 4, 16))
  for name in ("query", "key", "value", "output"):
    scaled = params[name] | {"kernel": 7 * params[name]["kernel"]}
    np.testing.assert_allclose(
      applied(block, params | {name: scaled}, x),
      applied(block, params, x),
      rtol=1e-4,
      atol=1e-5,
    )
  turned = block.after_update(params, block.apply(params, x, train=True)[1])
  assert turned["sigma"] == params["sigma"]
  assert (turned["query"]["singular"] != params["query"]["singular"]).any()


def config_of(**fields):
  return small_config(
    gan__generator="plain",
    gan__sparsity_weight=0.0,
    phases=("gan",),
    **{f"gan__{name}": value for name, value in fields.items()},
  )


def test_r1_has_the_gradient_of_its_definition():
  """Beside a plain loop over images, and beside finite differences."""
  config = config_of(
    discriminator_architecture="dcgan",
    discriminator_hidden=(8,),
    discriminator_normalization="spectral",
    discriminator_activation="silu",  # no kinks beside those of the largest of four
    discriminator_attention=(4,),
    kernel_size=2,
  )
  shape = (8, 8, 1)
  network = build_discriminator(config, np.zeros(shape, np.float32))
  assert not network.piecewise_linear
  params = moved(fresh(network))
  images = jax.random.normal(KEY, (3, *shape))

  def objective(params):
    return penalties.penalised(
      lambda real_b, fake_b: jnp.zeros(()),
      ("r1",),
      {"r1": 2.0},
      lambda params, x: network.apply(params, x, train=True),
      params,
      images,
      images,
      jnp.zeros(3),
      piecewise_linear=network.piecewise_linear,
    ).objective

  def definition(params):
    def logit(x_hwc):
      return applied(network, params, x_hwc[None])[0]

    return sum(jnp.sum(jax.grad(logit)(x) ** 2) for x in images) / 3

  # a member of a population
  both = jax.tree.map(lambda *leaves: jnp.stack(leaves), fresh(network), params)
  slopes = jax.jit(jax.vmap(jax.grad(objective)))(both)
  slopes = jax.tree.map(lambda leaf: leaf[1], slopes)
  wanted = jax.jit(jax.grad(definition))(params)
  for leaf, like in zip(*map(jax.tree.leaves, (slopes, wanted)), strict=True):
    np.testing.assert_allclose(leaf, like, rtol=1e-3, atol=1e-4)
  for name in ("query", "key", "value", "output"):
    assert jnp.any(slopes["convolution_0_attention"][name]["kernel"])

  length = jnp.sqrt(sum(jnp.sum(leaf**2) for leaf in jax.tree.leaves(slopes)))

  @jax.jit
  def along(step):
    at = jax.tree.map(lambda leaf, way: leaf + step * way / length, params, slopes)
    return definition(at)

  rise = (along(0.005) - along(-0.005)) / 0.01
  np.testing.assert_allclose(rise, length, rtol=0.02)


@pytest.mark.parametrize("architecture", ["dcgan", "residual"])
def test_a_fresh_pair_is_the_pair_without(architecture):
  plain, attending = (
    config_of(
      generator_architecture=architecture,
      discriminator_architecture=architecture,
      generator_hidden=(6, 4),
      discriminator_hidden=(4, 6),
      generator_attention=attention,
      discriminator_attention=attention,
    )
    for attention in ((), (4,))
  )
  for player, inputs in (
    ("generator", jax.random.normal(KEY, (2, 6))),
    ("discriminator", jax.random.normal(KEY, (2, 8, 8, 1))),
  ):
    network, other = (NETWORKS[player](config) for config in (attending, plain))
    params = fresh(network)
    added = [name for name in params if name.endswith("_attention")]
    assert len(added) == 1  # of two sizes
    np.testing.assert_array_equal(
      applied(network, params, inputs), applied(other, params, inputs)
    )
    changed = params | {name: moved(params[name]) for name in added}
    assert not np.allclose(
      applied(network, changed, inputs), applied(other, changed, inputs)
    )


NETWORKS = {
  "generator": lambda config: build_generator(config, np.zeros((8, 8, 1), np.float32)),
  "discriminator": lambda config: build_discriminator(config, np.zeros((8, 8, 1))),
}


@pytest.mark.parametrize(
  ("fields", "words"),
  [
    ({"generator_attention": (8,)}, "names 8, and the generator has maps of 2 and 4"),
    ({"discriminator_attention": (4, 3)}, "names 3, and the discriminator has maps"),
    ({"generator_attention": (4,), "attention_heads": 2}, "does not divide 1 and 4,"),
    ({"generator_attention": (0,)}, "generator_attention=.* whole sizes"),
    ({"discriminator_attention": ("4",)}, "discriminator_attention=.* whole sizes"),
    ({"attention_heads": 0}, "attention_heads=0 is too small"),
    (
      {"generator_architecture": "mlp", "generator_attention": (4,)},
      "generator_attention=.* is not for gan.generator_architecture='mlp'",
    ),
  ],
)
def test_what_no_map_allows_is_refused_before_a_run(fields, words):
  pair = {
    f"{player}_{field}": value
    for player in ("generator", "discriminator")
    for field, value in (("architecture", "dcgan"), ("hidden", (8, 8)))
  }
  config = config_of(**pair | fields)
  split = Split(np.zeros((2, 8, 8, 1), np.uint8), np.zeros(2, np.int32))
  with pytest.raises(UserError, match=words):
    METHODS["gan"].check_data(validate(config), Dataset("zeros", split, split, 1))


def test_a_discriminator_that_starts_from_the_encoder_may_attend():
  mean = np.zeros((8, 8, 1), np.float32)
  encoder = conv_autoencoder.spatial_encoder(mean, (8,), 4, 4, "relu").init(KEY)
  discriminator = dcgan.dcgan_discriminator(
    (8, 8, 1), (8, 6), 4, "relu", "none", Attention((4, 2))
  )
  params = discriminator.init(jax.random.key(1))
  started = from_encoder(params, encoder)
  x = jax.random.normal(KEY, (2, 8, 8, 1))
  assert (applied(discriminator, started, x) != applied(discriminator, params, x)).all()
  for name in ("convolution_0_attention", "convolution_1_attention"):
    assert jax.tree.all(jax.tree.map(np.array_equal, started[name], params[name]))
