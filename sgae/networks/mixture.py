"""A mixture of Gaussians over the pre-activations of a code, drawn from noise."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from sgae.networks.network import Params


class Mixture(NamedTuple):
  """A mixture of Gaussians in `axes` coordinates, as a function of normal noise.

  pre = mean + (m_c + L_c z) basis; what is in brackets are the coordinates. The first
  number of the noise chooses the component c through the normal's cumulative
  distribution, the `rank` numbers after it are z.

  Attributes:
    shape: of one example's pre-activations, (K,) or (h, w, K).
    components: number of Gaussians, C.
    axes: number of coordinates, P, at most the size of `shape`.
    rank: directions in which each Gaussian varies, R, at most P.
    classes: K, of which each has C / K Gaussians in a row; 0: all are for all. The last
      K numbers of a latent are the weights of the classes.
  """

  shape: tuple[int, ...]
  components: int
  axes: int
  rank: int
  classes: int = 0

  def init(self) -> Params:
    """Returns parameters of the right shapes, which a fit replaces.

    Returns:
      float32: `cumulative` [C], the components' weights summed up, or for each class
      those of its own, [K, C / K]; `means` [C, P];
      `factors` [C, P, R]; `basis` [P, size], its rows orthonormal; `mean` [size];
      `scale` [P], standard deviation of each coordinate.
    """
    size = int(np.prod(self.shape))
    own = self.components // max(self.classes, 1)
    cumulative = jnp.linspace(0, 1, own + 1)[1:]
    if self.classes:
      cumulative = jnp.tile(cumulative, (self.classes, 1))
    return {
      "cumulative": cumulative,
      "means": jnp.zeros((self.components, self.axes)),
      "factors": jnp.zeros((self.components, self.axes, self.rank)),
      "basis": jnp.eye(self.axes, size),
      "mean": jnp.zeros(size),
      "scale": jnp.ones(self.axes),
    }

  def draw(self, params: Params, latents_bz: Any) -> tuple[jax.Array, jax.Array]:
    """Draws from the mixture.

    Args:
      params: as from `init`.
      latents_bz: normal noise, float32 [B, Z], Z more than `rank`; with classes
        [B, Z + K].

    Returns:
      (pre-activations, float32 [B, *shape]; their coordinates [B, P], each divided by
      its standard deviation).
    """
    uniform_b = jax.scipy.stats.norm.cdf(latents_bz[:, 0])
    if self.classes:
      coordinates_bp = self._between_classes(params, uniform_b, latents_bz)
    else:
      # the last is left out: rounding must not lead beyond the components
      bounds = params["cumulative"][:-1]
      chosen_b = jnp.searchsorted(bounds, uniform_b, side="right")
      coordinates_bp = self._coordinates(params, chosen_b, latents_bz)
    pre = params["mean"][None] + coordinates_bp @ params["basis"]
    return pre.reshape(-1, *self.shape), coordinates_bp / params["scale"][None]

  def _coordinates(self, params, chosen_b, latents_bz) -> jax.Array:
    return params["means"][chosen_b] + jnp.einsum(
      "bpr,br->bp", params["factors"][chosen_b], latents_bz[:, 1 : self.rank + 1]
    )

  def _between_classes(self, params, uniform_b, latents_bz) -> jax.Array:
    """Returns what the class draws, or a point between what two classes draw.

    The noise chooses a component of each; of more than two classes, those of the
    largest weights count.
    """
    weights_b2, classes_b2 = jax.lax.top_k(latents_bz[:, -self.classes :], 2)
    own = self.components // self.classes
    coordinates_bp = jnp.zeros((len(latents_bz), self.axes))
    for i in range(2):
      bounds_bc = params["cumulative"][classes_b2[:, i], :-1]
      chosen_b = jnp.sum(bounds_bc <= uniform_b[:, None], axis=1)
      drawn_bp = self._coordinates(
        params, own * classes_b2[:, i] + chosen_b, latents_bz
      )
      coordinates_bp += weights_b2[:, [i]] * drawn_bp
    return coordinates_bp
