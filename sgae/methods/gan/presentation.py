"""How the discriminator is shown images: altered at random, several in one, thinned."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from sgae import randomness
from sgae.data.augment import altered, draws_of
from sgae.kernels import microbatches
from sgae.networks.dropout import Inputs, Thinned, kept

# Uniform in [0, 1): [B, N] for alterations of 'real' and 'fake' images, and of those of
# 'real_again' and 'fake_again'; [B, 1] for 'real_target' and 'fake_target'; [B, units]
# for 'units'.
Drawn = Mapping[str, jax.Array]
# Their order chooses the key of each, so that it is the same whatever else is drawn.
PARTS = (
  "real",
  "fake",
  "units",
  "real_again",
  "fake_again",
  "real_target",
  "fake_target",
)
Numbers = Mapping[str, jax.Array]  # of `GanState`
SIDES = ("real", "fake")
NOTHING: Drawn = {}


class Presentation(NamedTuple):
  """What the discriminator sees of images, and which targets it learns for them.

  Attributes:
    kinds: of alterations, which both players' updates make.
    packing: images that it judges as one; they are neighbours in the batch, and lie in
      the channels. Lin et al. 2018 (arXiv 1712.04086).
    kinds_again: of alterations that are not to change its logits.
    again: 'real' and 'fake', of which logits are held alike.
    noise: whether targets of some images are swapped.
    units: hidden units of the discriminator of which some are left out; 0: none is.
  """

  kinds: tuple[str, ...] = ()
  packing: int = 1
  kinds_again: tuple[str, ...] = ()
  again: tuple[str, ...] = ()
  noise: bool = False
  units: int = 0

  def draw(self, key: randomness.Key, positions_b: jax.Array, player: str) -> Drawn:
    """Returns the random numbers of an update, which depend on key and place alone.

    Args:
      key: of the update.
      positions_b: int32 [B], place of each example in the global batch.
      player: 'generator' or 'discriminator', whose update it is.
    """
    counts: dict[str, int] = {}
    if self.kinds:
      counts |= dict.fromkeys(SIDES, draws_of(self.kinds))
    if self.units:
      counts["units"] = self.units
    if player == "discriminator":
      again = draws_of(self.kinds_again)
      counts |= {f"{side}_again": again for side in self.again}
      if self.noise:
        counts |= {f"{side}_target": 1 for side in SIDES}
    return {
      name: randomness.uniform(
        randomness.fold_in(key, PARTS.index(name)), positions_b, (count,)
      )
      for name, count in counts.items()
    }

  def show(
    self, side: str, images_bhwc: jax.Array, drawn: Drawn, numbers: Numbers
  ) -> jax.Array:
    """Returns images as the discriminator sees them.

    Args:
      side: 'real' or 'fake'.
      images_bhwc: float32 [B, H, W, C] in [-1, 1].
      drawn: from `draw`.
      numbers: what `chance` reads, where there are alterations.

    Returns:
      float32 [B / packing, H, W, packing * C], differentiable in the images.
    """
    return packed(self._altered(side, images_bhwc, drawn, numbers), self.packing)

  def thinned(self, images_bhwc: jax.Array, drawn: Drawn, numbers: Numbers) -> Inputs:
    """Returns shown images as the discriminator takes them.

    Real image i and generated image i keep the same units, so that the losses and
    penalties that compare both are of one network.

    Args:
      images_bhwc: from `show`, or several for each example, those of one side by side.
      drawn: from `draw`.
      numbers: with 'dropout', the chance that a unit is left out, where there are some.
    """
    if not self.units:
      return images_bhwc
    kept_bn = kept(self.first(drawn["units"]), numbers["dropout"])
    return Thinned(images_bhwc, microbatches.beside(kept_bn, images_bhwc))

  def consistency(
    self,
    discriminate: Callable[[jax.Array], jax.Array],
    images: Mapping[str, jax.Array],
    logits: Mapping[str, jax.Array],
    drawn: Drawn,
    numbers: Numbers,
  ) -> tuple[jax.Array | float, dict[str, jax.Array]]:
    """Weighs how far logits move where images are altered once more (bCR).

    consistency_real E (D(x) - D(T(x)))^2 + consistency_fake E (D(G) - D(T(G)))^2. Zhao
    et al. 2020 (arXiv 2002.04724).

    Args:
      discriminate: images as they are shown -> logits.
      images: by 'real' and 'fake', as they are given to `show`.
      logits: of these images as they are shown.
      drawn, numbers: as for `show`.

    Returns:
      (what it adds to the discriminator's loss, metrics).
    """
    total, metrics = 0.0, {}
    for side in self.again:
      seen = self._altered(side, images[side], drawn, numbers)
      again = altered(seen, self.kinds_again, drawn[f"{side}_again"], 1.0)
      again_logits = discriminate(packed(again, self.packing))
      moved = jnp.mean((logits[side] - again_logits) ** 2)
      metrics[f"gan/consistency_{side}"] = moved
      total += numbers[f"consistency_{side}"] * moved
    return total, metrics

  def swapped(self, drawn: Drawn, numbers: Numbers) -> dict[str, Any]:
    """Returns which images get the other target, as `with_targets` takes it."""
    if not self.noise:
      return {}
    sides = (self.first(drawn[f"{side}_target"][:, 0]) for side in SIDES)
    return {"flipped": tuple(side < numbers["label_noise"] for side in sides)}

  def first(self, values_b: jax.Array) -> jax.Array:
    """Returns the numbers of the first image of each pack, [B] -> [B / packing]."""
    return values_b[:: self.packing]

  def _altered(self, side, images_bhwc, drawn, numbers):
    if not self.kinds:
      return images_bhwc
    return altered(images_bhwc, self.kinds, drawn[side], chance(numbers))


def chance(numbers: Numbers) -> jax.Array:
  """Returns how likely an alteration is; fixed where a member has a target of 0."""
  if "augment_target" not in numbers:
    return numbers["augment_probability"]
  adaptive = numbers["augment_target"] > 0
  return jnp.where(adaptive, numbers["augment_probability"], numbers["augment_most"])


AS_THEY_ARE = Presentation()


def packed(images_bhwc: Any, packing: int) -> Any:
  """Puts neighbours of a batch into the channels of one image.

  [B, H, W, C] -> [B / packing, H, W, packing * C], where pack i holds the images i *
  packing, i * packing + 1, ..., in this order. Of NumPy's arrays as of JAX's.
  """
  if packing == 1:
    return images_bhwc
  count, height, width, channels = images_bhwc.shape
  packs = images_bhwc.reshape(count // packing, packing, height, width, channels)
  packs = packs.transpose(0, 2, 3, 1, 4)
  return packs.reshape(-1, height, width, packing * channels)


# Architectures whose hidden units may be left out: widths -> how many units these are.
THINNED: dict[str, Callable[[Sequence[int]], int]] = {
  "mlp": sum,
  "autoencoder": lambda hidden: sum(hidden[:-1]),  # the last is of the code
}


def make_presentation(gan: Any) -> Presentation:
  """Returns what the section `gan` says of it."""
  again = tuple(side for side in SIDES if gan.consistency[side])
  units = 0
  if gan.discriminator_dropout:
    units = THINNED[gan.discriminator_architecture](gan.discriminator_hidden)
  return Presentation(
    kinds=tuple(gan.augmentation.kinds),
    packing=gan.packing,
    kinds_again=tuple(gan.consistency.kinds) if again else (),
    again=again,
    noise=bool(gan.label_noise),
    units=units,
  )
