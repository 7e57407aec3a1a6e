"""Training images that are mirrored and moved: by hand, by place, in every method."""

from types import SimpleNamespace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from sgae.config import changed_fields, validate
from sgae.data.augment import augmented, describe, largest_shift
from sgae.data.dataset import Dataset, Split
from sgae.data.reading import describe_data
from sgae.errors import UserError
from sgae.methods import augmenting as methods_augmenting
from sgae.methods import population
from sgae.methods.augmenting import augmenting
from sgae.methods.method import Program
from tests.systems import MEAN, small_config

KEY = jax.random.key(3)
POSITIONS = jnp.arange(256, dtype=jnp.int32)
IMAGES = np.random.default_rng(0).uniform(-1, 1, (256, 9, 8, 2)).astype(np.float32)
augment = jax.jit(augmented, static_argnums=1)


def test_half_of_the_images_are_mirrored_and_the_others_stay():
  ours = np.asarray(augment(IMAGES, ("mirror",), KEY, POSITIONS))
  same = (ours == IMAGES).all(axis=(1, 2, 3))
  np.testing.assert_array_equal(ours[same], IMAGES[same])
  np.testing.assert_array_equal(ours[~same], IMAGES[~same, :, ::-1])
  assert 96 < same.sum() < 160  # 4 standard deviations


def test_images_are_moved_each_way_and_their_edges_are_repeated():
  assert [largest_shift((side, side, 1)) for side in (4, 28, 64)] == [1, 3, 8]
  ours = np.asarray(augment(IMAGES, ("shift",), KEY, POSITIONS))
  found = set()
  for image, moved in zip(IMAGES, ours, strict=True):
    padded = np.pad(image, ((1, 1), (1, 1), (0, 0)), mode="edge")
    found |= {
      (down, right)
      for down in range(3)
      for right in range(3)
      if (padded[down : down + 9, right : right + 8] == moved).all()
    }
  assert len(found) == 9


def test_an_image_depends_on_its_place_and_the_key_alone():
  kinds = ("mirror", "shift")
  ours = np.asarray(augment(IMAGES, kinds, KEY, POSITIONS))
  # a device has some places of the batch
  part = augment(IMAGES[64:128], kinds, KEY, POSITIONS[64:128])
  np.testing.assert_array_equal(part, ours[64:128])
  other = augment(IMAGES, kinds, jax.random.key(4), POSITIONS)
  assert (np.asarray(other) != ours).any(axis=(1, 2, 3)).mean() > 0.8


def seeing(kinds) -> Program:
  """A program whose metric is the images that its step is given."""

  def step(state, batch, *, axis=None):
    del axis
    return state, {"seen": batch["image"]}

  program = Program(
    (256,), {}, init=lambda key: None, step=step, shown=(), functions={}
  )
  return augmenting(program, "toy", kinds)


def test_a_step_sees_augmented_images_which_differ_from_step_to_step():
  def seen(step, images, kinds=("mirror",)):
    state: Any = SimpleNamespace(key=KEY, step=step)
    batch = {"image": images, "position": POSITIONS}
    return np.asarray(seeing(kinds).step(state, batch)[1]["seen"])

  first = seen(0, IMAGES)
  np.testing.assert_array_equal(first, seen(0, IMAGES))  # as after a resume
  assert (first != seen(1, IMAGES)).any()
  np.testing.assert_array_equal(seen(0, IMAGES, ()), IMAGES)
  # several updates in a step: each draws its own
  both = seen(0, jnp.stack([IMAGES, IMAGES]))
  assert (both[0] != both[1]).any()
  same = (both == IMAGES).all(axis=(2, 3, 4))
  assert (same | (both == IMAGES[:, :, ::-1]).all(axis=(2, 3, 4))).all()


@pytest.mark.parametrize(("name", "seeds"), [("sae", 1), ("vae", 1), ("gan", 2)])
def test_a_run_of_every_method_augments(name, seeds, monkeypatch):
  """Alone and in a population; traced alone, which takes no time."""
  seen = []

  def spy(images, kinds, key, positions):
    seen.append((images.shape, kinds))
    return augmented(images, kinds, key, positions)

  monkeypatch.setattr(methods_augmenting, "augmented", spy)
  config = small_config(data__augment=("mirror", "shift"))
  config.population.seeds = seeds
  program = population.build(name, config, MEAN.shape, MEAN)
  state = jax.eval_shape(lambda: program.init_from(jax.random.key(0), {}))
  shape = (*([seeds] if seeds > 1 else []), *program.batch_shape)
  batch = {
    "image": jax.ShapeDtypeStruct((*shape, *MEAN.shape), jnp.float32),
    "label": jax.ShapeDtypeStruct(shape, jnp.int32),
    "position": jax.ShapeDtypeStruct(program.batch_shape[-1:], jnp.int32),
  }
  assert jax.eval_shape(program.step, state, batch)[0] == state
  assert set(seen) == {((16, *MEAN.shape), ("mirror", "shift"))}


def test_what_is_done_is_said_and_belongs_to_the_experiment():
  split = Split(np.zeros((2, 28, 28, 1), np.uint8), np.zeros(2, np.int32))
  line = describe_data(Dataset("pets", split, split, 1), ("shift", "mirror"))
  assert line.endswith(
    "no labels; training images augmented: half of them mirrored, moved each way by "
    "up to 3 px"
  )
  assert describe(("shift",), (9, 8, 1)) == "moved each way by up to 1 px"

  config = small_config()
  old = config.to_dict()
  del old["data"]["augment"]  # stored before there was any
  assert not changed_fields(old, validate(config))
  config.data.augment = ("mirror",)
  assert len(changed_fields(old, validate(config))) == 1
  config.data.augment = ("mirror", "rotate")
  with pytest.raises(UserError, match="data.augment='rotate' .* mirror, shift"):
    validate(config)
  config.data.update(augment=("shift",), source="mixture", name="ring")
  with pytest.raises(UserError, match="data.augment=.'shift',. has no meaning"):
    validate(config)
