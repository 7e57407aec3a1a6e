"""Networks that take a class.

A class is K weights, float32 [B, K], one-hot for a single class; weights between two
one-hot rows lie between two classes.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from sgae.networks import layers
from sgae.networks.network import BatchNetwork, Params


def embedded(
  body: BatchNetwork, noise: int, classes: int, width: int, *, modulated: bool
) -> BatchNetwork:
  """Joins an embedding of the class to the noise, in front of a body.

  Args:
    body: of inputs [B, noise + width + more], or with `modulated` of (such inputs,
      weights [B, K]).
    noise: length of the noise z.
    classes: K.
    width: length of the embedding, which is linear in the weights and has no bias.
    modulated: whether the body is a `modulated_chain`.

  Returns:
    BatchNetwork with [B, noise + K + more] -> what the body gives.
  """

  def init(key):
    embedding_key, body_key = jax.random.split(key)
    embedding = jax.random.normal(embedding_key, (classes, width))
    # first: the last branch is the body's last layer
    return {"embedding": embedding, **body.init(body_key)}

  def apply(params, inputs_bi, *, train, axis=None):
    noise_bz, weights_bk, more = jnp.split(inputs_bi, (noise, noise + classes), axis=1)
    joined = jnp.concatenate([noise_bz, weights_bk @ params["embedding"], more], axis=1)
    inputs = (joined, weights_bk) if modulated else joined
    return body.apply(params, inputs, train=train, axis=axis)

  def after_update(params, statistics):
    return params | body.after_update(params, statistics)

  return BatchNetwork(init, apply, after_update)


def modulated_chain(
  stack: Mapping[str, BatchNetwork],
  channels: Mapping[str, int],
  classes: int,
  activation: Callable[[jax.Array], jax.Array],
) -> BatchNetwork:
  """Composes layers, some followed by a gain and a shift of the class.

  (1 + g_y) x + h_y for each channel, g and h zero at the start. After a layer with
  batch normalization it is conditional batch normalization (Dumoulin et al. 2017, arXiv
  1610.07629; de Vries et al. 2017, arXiv 1707.00683).

  Args:
    stack: layers in order, by the names that they have among the parameters.
    channels: name of each layer that is modulated -> its channels.
    classes: K.
    activation: after each modulation, elementwise.

  Returns:
    BatchNetwork with (inputs, weights [B, K]) -> outputs.
  """
  after_layers = layers.after_update_of(stack)

  def init(key):
    own = {
      name: {"gain": jnp.zeros((classes, width)), "shift": jnp.zeros((classes, width))}
      for name, width in channels.items()
    }
    # first: the last branch is the last layer
    return {"classes": own, **layers.init_of(stack)(key)}

  def apply(params, inputs, *, train, axis=None):
    x, weights_bk = inputs
    statistics: dict[str, Any] = {}
    for name, layer in stack.items():
      x, statistics[name] = layer.apply(params[name], x, train=train, axis=axis)
      if name in channels:
        own = params["classes"][name]
        gain, shift = (
          _beside_places(weights_bk @ own[part], x) for part in ("gain", "shift")
        )
        x = activation((1 + gain) * x + shift)
    return x, statistics

  def after_update(params, statistics):
    return params | after_layers(params, statistics)

  return BatchNetwork(init, apply, after_update)


def _beside_places(values_bc: jax.Array, like: jax.Array) -> jax.Array:
  """Returns [B, C] as [B, 1, ..., 1, C], to stand beside `like` [B, ..., C]."""
  return jnp.expand_dims(values_bc, range(1, like.ndim - 1))


class Judgement(NamedTuple):
  """How a discriminator looks at a class.

  Attributes:
    outputs: `outputs(K, width) -> N`, numbers that the body makes of an image.
    read: `read(params, outputs_bn, weights_bk) -> (logits_b, what is said of the
      class)`.
    channels: that are put beside those of the image.
    init: `init(key, image_shape, K, width) -> own parameters`.
  """

  outputs: Callable[[int, int], int]
  read: Callable[[Params, jax.Array, jax.Array], tuple[jax.Array, Any]]
  channels: int = 0
  init: Callable[..., Params] = lambda key, image_shape, classes, width: {}


def _own_logit(params, outputs_bn, weights_bk):
  del params, weights_bk
  return outputs_bn[:, 0], outputs_bn[:, 1:]


def _of_class(params, outputs_bn, weights_bk):
  del params
  return outputs_bn[:, 0] + jnp.sum(weights_bk * outputs_bn[:, 1:], axis=1), None


def _of_pair(params, outputs_bn, weights_bk):
  del params, weights_bk
  return outputs_bn[:, 0], None


def _embedding_and_proxy(params, outputs_bn, weights_bk):
  proxies_bm = weights_bk @ params["proxies"]
  return outputs_bn[:, 0], (_unit(outputs_bn[:, 1:]), _unit(proxies_bm))


def _planes(key, image_shape, classes, width):
  del width
  # a bias: it does not scale with the image, see `Network.piecewise_linear`
  return {"planes": {"bias": jax.random.normal(key, (classes, *image_shape[:2], 1))}}


def _proxies(key, image_shape, classes, width):
  del image_shape
  return {"proxies": jax.random.normal(key, (classes, width))}


def _unit(rows_bm: jax.Array) -> jax.Array:
  squares_b1 = jnp.sum(rows_bm**2, axis=1, keepdims=True)
  return rows_bm * jax.lax.rsqrt(jnp.maximum(squares_b1, 1e-24))


JUDGEMENTS: dict[str, Judgement] = {
  # psi(phi(x)) + <e_y, phi(x)> + b_y, phi being the last hidden layer. Miyato & Koyama
  # 2018 (arXiv 1802.05637), there without b_y.
  "projection": Judgement(lambda classes, width: 1 + classes, _of_class),
  # A learned plane of the class as one more channel of the image. Mirza & Osindero 2014
  # (arXiv 1411.1784), for any body.
  "concatenation": Judgement(lambda classes, width: 1, _of_pair, 1, _planes),
  # Logits of the classes. Odena et al. 2017 (arXiv 1610.09585).
  "auxiliary": Judgement(lambda classes, width: 1 + classes, _own_logit),
  # Logits of the classes of real, then of generated images. Hou et al. 2022 (arXiv
  # 2107.10060).
  "adc": Judgement(lambda classes, width: 1 + 2 * classes, _own_logit),
  # A unit vector, and that of the class. Kang et al. 2021 (arXiv 2111.01118).
  "reacgan": Judgement(
    lambda classes, width: 1 + width, _embedding_and_proxy, init=_proxies
  ),
}


def conditional_discriminator(
  build: Callable[[tuple[int, ...], int], BatchNetwork],
  image_shape: tuple[int, ...],
  judgement: Judgement,
  classes: int,
  width: int,
) -> BatchNetwork:
  """(Image, class) -> a logit, and what is said of the class.

  At a fixed class it is as piecewise linear as its body.

  Args:
    build: `build((H, W, channels), N)` gives a body images_bhwc -> float32 [B, N].
    image_shape: (H, W, C).
    judgement: of `JUDGEMENTS`.
    classes: K.
    width: length of the class's vector, where it has one.

  Returns:
    BatchNetwork with (images_bhwc in [-1, 1], weights [B, K]) -> (logits float32 [B],
    what `judgement.read` says of the class).
  """
  *size, channels = image_shape
  body = build(
    (*size, channels + judgement.channels), judgement.outputs(classes, width)
  )

  def init(key):
    own_key, body_key = jax.random.split(key)
    own = judgement.init(own_key, image_shape, classes, width)
    return own | body.init(body_key)

  def apply(params, inputs, *, train, axis=None):
    images_bhwc, weights_bk = inputs
    if judgement.channels:
      planes = jnp.einsum("bk,khwc->bhwc", weights_bk, params["planes"]["bias"])
      images_bhwc = jnp.concatenate([images_bhwc, planes], axis=3)
    outputs_bn, statistics = body.apply(params, images_bhwc, train=train, axis=axis)
    return judgement.read(params, outputs_bn, weights_bk), statistics

  def after_update(params, statistics):
    return params | body.after_update(params, statistics)

  return BatchNetwork(init, apply, after_update, body.piecewise_linear)


def without_classes(network: BatchNetwork) -> BatchNetwork:
  """Returns `conditional_discriminator`'s network as one that gives logits alone."""

  def apply(params, inputs, *, train, axis=None):
    (logits_b, _), statistics = network.apply(params, inputs, train=train, axis=axis)
    return logits_b, statistics

  return network._replace(apply=apply)
