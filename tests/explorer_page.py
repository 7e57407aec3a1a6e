"""What is done to the explorer's page in a browser, for the tests of it."""

import jax
import numpy as np


def random(*shape, seed=0):
  return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def halved(params):
  """Returns parameters as the page has them, rounded to float16."""
  return jax.tree.map(lambda p: p.astype(np.float16).astype(np.float32), params)


def greys(browser, shape):
  """Returns the grey levels of the image that is shown."""
  pixels = browser.execute_script(
    "const c = document.getElementById('image');"
    "return [...c.getContext('2d').getImageData(0, 0, c.width, c.height).data]"
  )
  return np.array(pixels).reshape(*shape[:2], 4)[..., :1]


def move(browser, latent, percents, where="#all"):
  """Drags the slider of an atom over percentages of the largest strength seen."""
  browser.execute_script(
    """
    const [where, latent, percents] = arguments;
    const list = document.querySelector(where);
    let slider;
    while (!(slider = list.querySelector(`[data-latent="${latent}"] input`)))
      list.querySelector(".more").click();
    for (const percent of percents) {
      slider.value = percent;
      slider.dispatchEvent(new Event("input"));
    }
    slider.dispatchEvent(new Event("change"));
    """,
    where,
    latent,
    percents,
  )


def fragment(browser):
  return browser.execute_script("return location.hash")


def press(browser, name):
  browser.execute_script("document.getElementById(arguments[0]).click()", name)
