"""What a discriminator is shown: each way of altering images, by hand."""

import jax
import jax.numpy as jnp
import numpy as np

from sgae.data.augment import ALTERATIONS, altered, draws_of

IMAGES = np.random.default_rng(0).uniform(-1, 1, (64, 9, 8, 3)).astype(np.float32)
ALL = tuple(ALTERATIONS)
DRAWN = jax.random.uniform(jax.random.key(0), (64, draws_of(ALL)))
alter = jax.jit(altered, static_argnums=1)


def one(kind, *numbers):
  """Returns the first image after one alteration, which the numbers choose."""
  drawn = jnp.array([[0.0, *numbers]], jnp.float32)
  return np.asarray(altered(jnp.asarray(IMAGES[:1]), (kind,), drawn, 0.5))[0]


def test_each_way_by_hand():
  image = IMAGES[0]
  np.testing.assert_array_equal(one("mirror", 0.4), image[:, ::-1])
  np.testing.assert_array_equal(one("mirror", 0.6), image)
  padded = np.pad(image, ((1, 1), (1, 1), (0, 0)), mode="edge")
  np.testing.assert_array_equal(one("shift", 0.99, 0.0), padded[2:, :-2])
  # rows 9, columns 8: squares of 5 and 4, of which one hangs over an edge
  cut = image.copy()
  cut[2:7, 0:2] = 0
  np.testing.assert_array_equal(one("cutout", 0.5, 0.0), cut)
  plain = one("colour", 0.5, 0.5, 0.5)
  np.testing.assert_allclose(plain, image, atol=1e-6)
  np.testing.assert_allclose(one("colour", 0.7, 0.5, 0.5), image + 0.2, atol=1e-6)
  grey = np.broadcast_to(image.mean(2, keepdims=True), image.shape)
  np.testing.assert_allclose(one("colour", 0.5, 0.0, 0.5), grey, atol=1e-6)
  flat = image.mean() + 1.25 * (image - image.mean())
  np.testing.assert_allclose(one("colour", 0.5, 0.5, 0.75), flat, atol=1e-6)


def test_each_image_is_altered_by_its_own_numbers_and_chance():
  ours = np.asarray(alter(IMAGES, ALL, DRAWN, 0.5))
  part = alter(IMAGES[16:24], ALL, DRAWN[16:24], 0.5)  # of one device
  np.testing.assert_allclose(part, ours[16:24], atol=1e-6)
  np.testing.assert_array_equal(alter(IMAGES, ALL, DRAWN, 0.0), IMAGES)
  same = (ours == IMAGES).all(axis=(1, 2, 3))
  assert 0 < same.mean() < 0.3  # in 1 of 16 nothing is chosen
  often = np.asarray(alter(IMAGES, ("colour",), DRAWN[:, :4], 0.25))
  changed = (often != IMAGES).any(axis=(1, 2, 3))
  np.testing.assert_array_equal(changed, DRAWN[:, 0] < 0.25)


def test_gradients_flow_through_every_way():
  """Each is an affine function of the images."""
  step = np.random.default_rng(1).normal(size=IMAGES.shape).astype(np.float32)

  def all_of(images):
    return altered(images, ALL, DRAWN, 0.9)

  _, along = jax.jit(lambda: jax.jvp(all_of, (IMAGES,), (step,)))()
  np.testing.assert_allclose(along, all_of(IMAGES + step) - all_of(IMAGES), atol=1e-5)
