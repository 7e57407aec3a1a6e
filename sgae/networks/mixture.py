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
  """

  shape: tuple[int, ...]
  components: int
  axes: int
  rank: int

  def init(self) -> Params:
    """Returns parameters of the right shapes, which a fit replaces.

    Returns:
      float32: `cumulative` [C], the components' weights summed up; `means` [C, P];
      `factors` [C, P, R]; `basis` [P, size], its rows orthonormal; `mean` [size];
      `scale` [P], standard deviation of each coordinate.
    """
    size = int(np.prod(self.shape))
    return {
      "cumulative": jnp.linspace(0, 1, self.components + 1)[1:],
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
      latents_bz: normal noise, float32 [B, Z], Z more than `rank`.

    Returns:
      (pre-activations, float32 [B, *shape]; their coordinates [B, P], each divided by
      its standard deviation).
    """
    uniform_b = jax.scipy.stats.norm.cdf(latents_bz[:, 0])
    # the last of `cumulative` is left out: rounding must not lead beyond the components
    chosen_b = jnp.searchsorted(params["cumulative"][:-1], uniform_b, side="right")
    coordinates_bp = params["means"][chosen_b] + jnp.einsum(
      "bpr,br->bp", params["factors"][chosen_b], latents_bz[:, 1 : self.rank + 1]
    )
    pre = params["mean"][None] + coordinates_bp @ params["basis"]
    return pre.reshape(-1, *self.shape), coordinates_bp / params["scale"][None]
