"""The explorer in a real browser, without a network: its numbers and its controls."""

import jax
import numpy as np
import pytest

from sgae.networks import mlp
from sgae.reporting import pictures
from sgae.reporting.explorer import Explored, write_explorer
from tests.browser import (
  NEEDED,
  assert_fits,
  assert_loads_nothing,
  assert_readable,
  open_page,
)
from tests.explorer_page import fragment, greys, halved, move, press, random

pytestmark = NEEDED

SHAPE, LATENTS = (6, 5, 1), 30
MARKUP = "<script>document.title='taken'</script>"
# the first is a dictionary, the others have hidden layers
DECODERS = {
  "Dictionary": ((), "relu", "tanh"),
  "Leaky": ((9, 7), "leaky_relu", "tanh"),
  "Rectified": ((9,), "relu", "linear"),
  "Swish": ((9,), "silu", "tanh"),
  "Bent": ((9, 7), "tanh", "linear"),
}


def sparse_codes(count, seed):
  codes = np.abs(random(count, LATENTS, seed=seed)) * 3
  return np.where(np.random.default_rng(seed).random(codes.shape) < 0.2, codes, 0)


TESTS, SAMPLES = sparse_codes(4, 1), sparse_codes(3, 2)


@pytest.fixture(scope="module")
def networks():
  """Returns (layers, apply, parameters that float16 changes) by title."""
  found = {}
  for i, (title, (hidden, activation, output)) in enumerate(DECODERS.items()):
    decoder = mlp.mlp_decoder(
      np.zeros(SHAPE, np.float32), hidden, LATENTS, activation, output
    )
    params = decoder.init(jax.random.key(i))
    params = jax.tree.map(lambda p: p + 0.1 * random(*p.shape), params)
    found[title] = decoder.layers, decoder.apply, params
  return found


@pytest.fixture(scope="module")
def file(networks, tmp_path_factory):
  examples = np.random.default_rng(3).integers(0, 256, (50, *SHAPE), np.uint8)
  rates = np.linspace(0, 1, LATENTS)
  explored = Explored(
    name=MARKUP,
    dataset="noise",
    image_shape=SHAPE,
    scale=1.0,
    decoders={title: layers(params) for title, (layers, _, params) in networks.items()},
    steps=dict.fromkeys(DECODERS, 1000),
    own=("Dictionary", "Leaky"),
    tests=examples[:4],
    test_codes=TESTS[:, None],
    classes=["cat", "cat", "dog", MARKUP],
    sample_codes=SAMPLES[:, None],
    rates=rates,
    largest=np.full(LATENTS, 4.0),
    usual=np.zeros(LATENTS, int),
    top=np.arange(LATENTS * 6).reshape(LATENTS, 6) % 50,
    examples=examples,
    described="50 test images",
  )
  return write_explorer(tmp_path_factory.mktemp("run"), explored)


@pytest.fixture
def page(browser, file):
  """Returns a function that opens the explorer; arguments as for `open_page`."""

  def open_explorer(fragment="", width=1280, scheme="light"):
    browser.get_log("browser")
    open_page(browser, file, width, scheme, fragment)
    return browser

  return open_explorer


def decoded(networks, title, codes):
  """Returns what JAX makes of codes with weights that are rounded to float16."""
  _, apply, params = networks[title]
  return np.asarray(apply(halved(params), codes))


def test_it_loads_without_a_complaint_and_without_a_request(page):
  browser = page()
  assert_loads_nothing(browser)
  assert browser.execute_script("return document.scripts.length") == 2
  assert browser.title.endswith("explorer · sgae")
  text = browser.execute_script("return document.body.textContent")
  assert MARKUP in text


@pytest.mark.parametrize("width", [375, 1280])
def test_it_fits_the_screen_and_is_readable(page, width):
  for scheme in ("light", "dark"):
    browser = page(width=width, scheme=scheme)
    assert_fits(browser, width)
    assert_readable(browser, scheme)


def test_the_script_decodes_as_jax_does(page, networks):
  browser = page()
  for number, title in enumerate(DECODERS):
    for kind, codes in (("test", TESTS), ("sample", SAMPLES)):
      found = browser.execute_script(
        "const [kind, count, decoder] = arguments;"
        "return Array.from({ length: count }, (_, i) =>"
        " explorer.decode(explorer.code(kind, i), decoder))",
        kind,
        len(codes),
        number,
      )
      expected = decoded(networks, title, codes).reshape(len(codes), -1)
      np.testing.assert_allclose(found, expected, atol=1e-3, err_msg=title)


def test_a_slider_changes_the_image_at_once_and_can_be_undone(page, networks):
  browser = page("#test=2")
  code = TESTS[2].copy()

  def shown():
    expected = pictures.as_uint8(decoded(networks, "Dictionary", code[None]))[0]
    assert np.abs(greys(browser, SHAPE) - expected).max() <= 1
    return fragment(browser)

  assert shown() == "#test=2"
  off = int(np.flatnonzero(code == 0)[-1])  # rates rise: it is among the first
  move(browser, off, [10, 80, 150])
  code[off] = 6
  assert shown() == f"#test=2&{off}=6"
  on = int(code.argmax() if code.argmax() != off else TESTS[2].argmax())
  before, code[on] = code[on], 0
  move(browser, on, [0], "#active")
  last = shown()
  assert browser.find_element("id", "changes").text == "2 changes"
  press(browser, "undo")
  code[on] = before
  assert shown() == f"#test=2&{off}=6"
  press(browser, "redo")
  code[on] = 0
  assert shown() == last
  press(browser, "reset")
  code = TESTS[2].copy()
  assert shown() == "#test=2"
  press(browser, "off")
  code[:] = 0
  shown()
  for _ in range(4):
    press(browser, "undo")
  code = TESTS[2].copy()
  assert shown() == "#test=2"
  assert not browser.find_element("id", "undo").is_enabled()
  # where it was, it is: the whole way again
  for _ in range(2):
    press(browser, "redo")
  assert fragment(browser) == last
  # what was undone is gone once something else is changed
  move(browser, off, [20])
  assert not browser.find_element("id", "redo").is_enabled()


def test_a_link_opens_what_was_seen(page, networks):
  browser = page("#sample=1&decoder=3&4=2.5&7=0")
  code = SAMPLES[1].copy()
  code[[4, 7]] = 2.5, 0
  expected = pictures.as_uint8(decoded(networks, "Swish", code[None]))[0]
  assert np.abs(greys(browser, SHAPE) - expected).max() <= 1
  assert browser.find_element("id", "title").text == "Random sample 1"
  chosen = browser.find_element("css selector", "input[name=decoder]:checked")
  assert chosen.get_attribute("value") == "3"
  # a random sample is drawn by its own decoder, unless another one is chosen
  browser = page("#sample=1")
  expected = pictures.as_uint8(decoded(networks, "Leaky", SAMPLES[1:2]))[0]
  assert np.abs(greys(browser, SHAPE) - expected).max() <= 1


@pytest.mark.parametrize(
  "fragment_given", ["#", "#test=99&x=1&99=4&3=abc&&=", f"#{MARKUP}", "#test=NaN"]
)
def test_a_link_that_cannot_be_read_shows_the_first_image(page, fragment_given):
  browser = page(fragment_given)
  assert fragment(browser) == "#test=0"
  assert browser.find_element("id", "title").text == "Test image 0, class cat"
  assert browser.get_log("browser") == []


def test_all_can_be_done_by_the_keyboard(page, networks):
  from selenium.webdriver.common.action_chains import ActionChains
  from selenium.webdriver.common.keys import Keys

  browser = page()
  first = browser.find_element("css selector", "input[name=test]:checked")
  first.send_keys(Keys.ARROW_RIGHT)
  assert fragment(browser) == "#test=1"
  random_sample = browser.find_element("id", "random")
  random_sample.send_keys(Keys.ENTER)
  assert fragment(browser).startswith("#sample=")
  ActionChains(browser).key_down(Keys.CONTROL).send_keys("z").perform()
  assert fragment(browser) == "#test=1"
  ActionChains(browser).key_up(Keys.CONTROL).perform()

  # the most used atom: a slider, a button, and what a screen reader says of them
  card = browser.find_element("css selector", "#all .card")
  latent = int(card.get_attribute("data-latent"))
  assert latent == LATENTS - 1
  slider = card.find_element("css selector", "input")
  slider.send_keys(Keys.HOME)
  slider.send_keys(Keys.ARROW_RIGHT)
  assert slider.get_attribute("aria-valuetext") == "0.04"
  assert f"{latent}=0.04" in fragment(browser)
  atom = card.find_element("css selector", ".atom")
  assert atom.get_attribute("aria-pressed") == "true"
  atom.send_keys(Keys.SPACE)
  assert atom.get_attribute("aria-pressed") == "false"


def test_an_atom_stands_beside_the_images_in_which_it_is_strongest(page):
  browser = page()
  browser.execute_script(
    "document.querySelector('#all .card').scrollIntoView({ block: 'center' })"
  )
  browser.execute_async_script("setTimeout(arguments[0], 200)")
  stored = np.random.default_rng(3).integers(0, 256, (50, *SHAPE), np.uint8)
  rows = [(6 * (LATENTS - 1) + i) % 50 for i in range(6)]
  pixels = browser.execute_script(
    "const c = document.querySelector('#all .card .top');"
    "return [...c.getContext('2d').getImageData(0, 0, c.width, c.height).data]"
  )
  grid = np.array(pixels).reshape(2 * SHAPE[0], 3 * SHAPE[1], 4)[..., :1]
  np.testing.assert_array_equal(grid, pictures.grid(stored[rows], 3, scale=1, gap=0))
