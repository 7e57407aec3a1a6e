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
  devices give the same.

  Args:
    program: of a single run.
    name: of the method.
    kinds: of `data.augment`; none: the program as it is.
  """
  if not kinds:
    return program

  def step(state, batch, *, axis: str | None = None):
    key = randomness.stream_key(state.key, f"{name}/augment", state.step)
    images, positions_b = batch["image"], batch["position"]
    if images.ndim == 4:
      images = augmented(images, kinds, key, positions_b)
    else:  # the batches of several updates
      drawn = [
        augmented(images_bhwc, kinds, randomness.fold_in(key, update), positions_b)
        for update, images_bhwc in enumerate(images)
      ]
      images = jnp.stack(drawn)
    return program.step(state, batch | {"image": images}, axis=axis)

  return program._replace(step=step)
