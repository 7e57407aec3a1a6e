"""A real browser without a network, for the tests of pages."""

import importlib.util
from contextlib import contextmanager
from pathlib import Path

import pytest

BROWSER, DRIVER = Path("/usr/bin/chromium"), Path("/usr/bin/chromedriver")
FLAGS = (
  "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run"
  " --disable-background-networking --disable-component-update --disable-sync"
)

NEEDED = [
  pytest.mark.skipif(
    importlib.util.find_spec("selenium") is None, reason="selenium is not installed"
  ),
  pytest.mark.skipif(
    not (BROWSER.exists() and DRIVER.exists()),
    reason=f"{BROWSER} or {DRIVER} is missing (Debian: chromium, chromium-driver)",
  ),
]


@contextmanager
def started(folder):
  """Starts the browser, offline; its own files go to a folder."""
  from selenium.webdriver import Chrome, ChromeOptions
  from selenium.webdriver.chrome.service import Service

  options = ChromeOptions()
  options.binary_location = str(BROWSER)
  for flag in FLAGS.split():
    options.add_argument(flag)
  options.add_argument(f"--user-data-dir={folder}")
  options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
  driver = Chrome(options=options, service=Service(str(DRIVER)))
  try:
    driver.execute_cdp_cmd("Network.enable", {})
    offline = dict(offline=True, latency=0, downloadThroughput=0, uploadThroughput=0)
    driver.execute_cdp_cmd("Network.emulateNetworkConditions", offline)
    yield driver
  finally:
    driver.quit()


def open_page(browser, file, width=1280, scheme="light", fragment=""):
  """Opens a file on a screen of a width [pixels], in 'light' or 'dark'."""
  metrics = dict(width=width, height=800, deviceScaleFactor=1, mobile=width < 500)
  browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
  media = [{"name": "prefers-color-scheme", "value": scheme}]
  browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": media})
  browser.get("about:blank")  # else another fragment alone would load nothing
  browser.get(file.as_uri() + fragment)


def assert_loads_nothing(browser):
  """Fails if the page complained, asked for anything, or drew a picture in vain."""
  assert browser.get_log("browser") == []
  requests = browser.execute_script(
    "return performance.getEntriesByType('resource').map(entry => entry.name)"
  )
  assert [name for name in requests if not name.startswith("data:")] == []
  assert browser.execute_script(
    "return [...document.images].every(image => image.naturalWidth > 0)"
  )


def assert_fits(browser, width):
  """Fails if anything is wider than the screen, whose width [pixels] is given."""
  browser.execute_script(
    "document.querySelectorAll('details').forEach(part => { part.open = true; })"
  )
  sizes = "const { scrollWidth, clientWidth } = document.documentElement;"
  wide, screen = browser.execute_script(f"{sizes} return [scrollWidth, clientWidth]")
  assert wide == screen
  assert screen >= width - 20  # but for a scroll bar


def assert_readable(browser, scheme):
  """Fails if text has too little contrast with the page, in 'light' or 'dark'."""
  colours = browser.execute_script(
    """
    const seen = new Set();
    for (const e of document.querySelectorAll(
      "p, th, td, b, li, small, a, summary, legend, figcaption, output"))
      if (e.textContent.trim()) seen.add(getComputedStyle(e).color);
    return [getComputedStyle(document.body).backgroundColor, ...seen];
    """
  )
  page_colour, *texts = [_luminance(colour) for colour in colours]
  assert (page_colour > 0.5) == (scheme == "light")
  for text in texts:
    # WCAG 2, level AA
    light, dark = max(page_colour, text), min(page_colour, text)
    assert (light + 0.05) / (dark + 0.05) >= 4.5


def _luminance(colour):
  """Returns the relative luminance (WCAG 2) of a CSS `rgb(r, g, b)`."""
  parts = [int(part) / 255 for part in colour.strip("rgb()").split(",")]
  linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
  return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
