"""Augments the training images of any method, in front of its step."""

from collections.abc import Sequence

import jax.numpy as jnp

from sgae import randomness
from sgae.data.augment import augmented
from sgae.methods.method import Program


def augmenting(program: Program, name: str, kinds: Sequence[str]) -> Program:
  """Returns a program whose step sees augmented images.

  What is done to an image depends on the run's key, the method, the step, the update
  within it and the place in the global batch, so that a resumed run and any number of
  devices give the same. Of two sides both are altered alike, or pairs would come apart.

  Args:
    program: of a single run.
    name: of the method.
    kinds: of `data.augment`; none: the program as it is.
  """
  if not kinds:
    return program

  def step(state, batch, *, axis: str | None = None):
    key = randomness.stream_key(state.key, f"{name}/augment", state.step)
    positions_b = batch["position"]

    def altered(images):
      if images.ndim == 4:
        return augmented(images, kinds, key, positions_b)
      drawn = [  # the batches of several updates
        augmented(images_bhwc, kinds, randomness.fold_in(key, update), positions_b)
        for update, images_bhwc in enumerate(images)
      ]
      return jnp.stack(drawn)

    sides = [name for name in ("image", "second_image") if name in batch]
    changed = {name: altered(batch[name]) for name in sides}
    return program.step(state, batch | changed, axis=axis)

  return program._replace(step=step)
