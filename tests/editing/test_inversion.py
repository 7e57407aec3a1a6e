"""Inversion finds again what a generator made, and looks at each image alone."""

import jax
import jax.numpy as jnp
import numpy as np

from sgae import randomness
from sgae.devices.mesh import local_mesh
from sgae.editing.inversion import Tree, draw_candidates, make_invert
from sgae.editing.space import Space

SIZE, SHAPE = 6, (4, 3, 1)
ROWS = np.linalg.qr(np.random.default_rng(0).normal(size=(12, SIZE)))[0].T
WEIGHTS = ROWS.astype(np.float32)


def images(states, points):
  return jnp.tanh(points @ states["weights"]).reshape(-1, *SHAPE)


def draw(states, key, positions_b):
  del states
  return randomness.normal(key, positions_b, (SIZE,))


def encode(states, images_bhwc):
  """Returns the three strongest of what a linear map says, not the best ones."""
  values = images_bhwc.reshape(-1, 12) @ jnp.linalg.pinv(states["weights"])
  return jnp.where(values > jnp.median(values, axis=1, keepdims=True), values, 0)


def features(params, images_bhwc):
  return jax.nn.relu(images_bhwc.reshape(-1, 12) @ params)


LATENTS = Space(
  "latent", (SIZE,), draw, lambda _, z: z, images, None, None, "", False, True, 0
)
CODES = LATENTS._replace(
  name="code",
  encode=lambda states, given: jnp.maximum(encode(states, given), 0),
  encoder="autoencoder",
  non_negative=True,
)
STATES = {"weights": jnp.asarray(WEIGHTS)}
LOOK = jnp.asarray(np.random.default_rng(1).normal(size=(12, 5)).astype(np.float32))


def own_images(count):
  """Images that the generator makes of latents which are none of the candidates."""
  latents = draw(STATES, randomness.root_key(7), jnp.arange(count))
  return latents, np.asarray(images(STATES, latents))


def inverted(space, given, iterations, look=features):
  drawn = None if space.encode else draw_candidates(space, STATES, 3, local_mesh())
  tree = Tree(STATES, LOOK, drawn)
  return jax.device_get(jax.jit(make_invert(space, look, iterations))(tree, given))


def test_what_the_generator_made_is_found_again():
  latents, given = own_images(5)
  found = inverted(LATENTS, given, 300)
  assert found["start_error"].min() > 1e-3
  assert found["pixel_error"].max() < 1e-6
  np.testing.assert_allclose(found["points"], latents, atol=0.02)
  again = jnp.round((images(STATES, found["points"]) + 1) * 127.5)
  np.testing.assert_array_equal(found["images"], again.astype(np.uint8))


def test_weights_of_classes_stay_those_of_the_start():
  _, given = own_images(3)
  space = LATENTS._replace(classes=2)
  found, start = (inverted(space, given, count)["points"] for count in (50, 0))
  drawn = np.asarray(draw_candidates(space, STATES, 3, local_mesh()).points)
  assert all((drawn[:, -2:] == point[-2:]).all(axis=1).any() for point in found)
  assert (found[:, :-2] != start[:, :-2]).any(axis=1).all()


def test_the_start_is_the_nearest_of_all_draws():
  _, given = own_images(3)
  found = inverted(LATENTS, given, 0, look=None)
  drawn = np.asarray(draw_candidates(LATENTS, STATES, 3, local_mesh()).images)
  errors = np.square(given[:, None] - drawn[None]).mean(axis=(2, 3, 4))
  np.testing.assert_allclose(found["start_error"], errors.min(axis=1), rtol=1e-5)
  np.testing.assert_array_equal(found["pixel_error"], found["start_error"])


def test_an_image_is_looked_at_alone():
  _, given = own_images(4)
  others = np.concatenate([given[:1], given[1:] * -0.7])
  for space in (LATENTS, CODES):
    together, apart = inverted(space, given, 20), inverted(space, others, 20)
    for name, values in together.items():
      np.testing.assert_array_equal(values[0], apart[name][0])
      assert (values[1] != apart[name][1]).any()


def test_codes_start_from_the_encoder_and_stay_as_sparse():
  _, given = own_images(6)
  assert CODES.encode is not None
  start = np.asarray(CODES.encode(STATES, given))
  at_start = inverted(CODES, given, 0)
  np.testing.assert_allclose(at_start["points"], start, rtol=1e-5)
  np.testing.assert_array_equal(at_start["start_error"], at_start["pixel_error"])
  found = inverted(CODES, given, 100)
  assert (found["points"] >= 0).all() and (found["points"][start == 0] == 0).all()
  loss, before = (
    each["pixel_error"] + 0.1 * each["feature_error"] for each in (found, at_start)
  )
  assert (loss < before).all()
  assert "feature_error" not in inverted(CODES, given, 1, look=None)
