"""The explorer of codes with places in a real browser: its numbers and its sliders."""

import jax
import numpy as np
import pytest

from sgae.networks import conv_autoencoder
from sgae.reporting import pictures
from sgae.reporting.explorer import Explored, write_explorer
from tests.browser import NEEDED, open_page
from tests.explorer_page import greys, halved, move, press, random

pytestmark = NEEDED

# A code of 3 x 3 places, and its two decoders: with a hidden layer and without.
SPATIAL_CODES = np.where(random(4, 9, 5, seed=4) > 0.8, np.abs(random(4, 9, 5)), 0)
USUAL = np.array([0, 4, 8, 2, 6])


@pytest.fixture(scope="module")
def spatial():
  """Returns the decoders with their parameters, and the page that holds them."""
  found = {}
  for title, size, hidden in (("Patches", (6, 5, 1), ()), ("Deep", (11, 10, 1), (4,))):
    decoder = conv_autoencoder.spatial_decoder(
      np.zeros(size, np.float32), hidden, 5, 3, "leaky_relu", "tanh"
    )
    params = decoder.init(jax.random.key(0))
    params = jax.tree.map(lambda p: p + 0.1 * random(*p.shape), params)
    found[title] = decoder, params
  return found


@pytest.fixture(scope="module", params=["Patches", "Deep"])
def spatial_page(request, spatial, browser, tmp_path_factory):
  """Returns the browser with a page of one decoder, and what JAX makes of codes."""
  decoder, params = spatial[request.param]
  shape = params["pixels"].shape
  images = np.zeros((4, *shape), np.uint8)
  explored = Explored(
    name="run",
    dataset="noise",
    image_shape=shape,
    scale=1.0,
    decoders={"Autoencoder": decoder.layers(params)},
    steps={"Autoencoder": 1},
    own=("Autoencoder", "Autoencoder"),
    tests=images,
    test_codes=SPATIAL_CODES,
    classes=[""] * 4,
    sample_codes=np.zeros((0, 9, 5), np.float32),
    rates=np.linspace(0, 1, 5),
    largest=np.full(5, 4.0),
    usual=USUAL,
    top=np.full((5, 6), -1),
    examples=images,
    described="4 test images",
  )
  path = write_explorer(tmp_path_factory.mktemp("spatial"), explored)
  browser.get_log("browser")
  open_page(browser, path, 1280, "light", "#test=1")
  return browser, lambda codes: np.asarray(
    decoder.apply(halved(params), codes.reshape(-1, 3, 3, 5))
  )


def test_a_code_with_places_is_decoded_as_jax_does_and_scaled_as_a_whole(spatial_page):
  browser, decode = spatial_page
  found = browser.execute_script(
    "return Array.from({ length: 4 }, (_, i) =>"
    " explorer.decode(explorer.code('test', i)))"
  )
  expected = decode(SPATIAL_CODES)
  np.testing.assert_allclose(found, expected.reshape(4, -1), atol=1e-3)
  code = SPATIAL_CODES[1].copy()

  def assert_shown():
    made = pictures.as_uint8(decode(code[None]))[0]
    assert np.abs(greys(browser, made.shape) - made).max() <= 1

  assert_shown()
  assert (code > 0).sum(axis=0).tolist() == [4, 0, 3, 3, 0]
  move(browser, 2, [100], "#active")
  code[:, 2] *= 4 / code[:, 2].max()  # at all of its places
  assert_shown()
  move(browser, 1, [50])
  code[USUAL[1], 1] = 2
  assert_shown()
  press(browser, "off")
  code[:] = 0
  assert_shown()
  assert browser.find_element("id", "count").text.startswith("0 of 5 atoms")
  # reading pixels back, as this test does, is warned of
  log = browser.get_log("browser")
  assert not [entry for entry in log if entry["level"] == "SEVERE"]
