"""The report in a real browser, without a network."""

import importlib.util
from pathlib import Path

import pytest

from sgae.methods import views
from sgae.reporting.report import write_report

BROWSER, DRIVER = Path("/usr/bin/chromium"), Path("/usr/bin/chromedriver")
FLAGS = (
  "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run"
  " --disable-background-networking --disable-component-update --disable-sync"
)

pytestmark = [
  pytest.mark.skipif(
    importlib.util.find_spec("selenium") is None, reason="selenium is not installed"
  ),
  pytest.mark.skipif(
    not (BROWSER.exists() and DRIVER.exists()),
    reason=f"{BROWSER} or {DRIVER} is missing (Debian: chromium, chromium-driver)",
  ),
]


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
  from selenium.webdriver import Chrome, ChromeOptions
  from selenium.webdriver.chrome.service import Service

  options = ChromeOptions()
  options.binary_location = str(BROWSER)
  for flag in FLAGS.split():
    options.add_argument(flag)
  options.add_argument(f"--user-data-dir={tmp_path_factory.mktemp('browser')}")
  options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
  driver = Chrome(options=options, service=Service(str(DRIVER)))
  try:
    driver.execute_cdp_cmd("Network.enable", {})
    offline = dict(offline=True, latency=0, downloadThroughput=0, uploadThroughput=0)
    driver.execute_cdp_cmd("Network.emulateNetworkConditions", offline)
    yield driver
  finally:
    driver.quit()


@pytest.fixture
def page(browser, make_run):
  """Returns a function that opens the report of a whole run at a width [pixels]."""
  workdir = make_run()
  write_report(workdir, [], views.shown())
  browser.get_log("browser")

  def open_page(width=1280, scheme="light"):
    metrics = dict(width=width, height=800, deviceScaleFactor=1, mobile=width < 500)
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    media = [{"name": "prefers-color-scheme", "value": scheme}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": media})
    browser.get((workdir / "report.html").as_uri())
    return browser

  return open_page


def test_it_loads_without_a_complaint_and_without_a_request(page):
  browser = page()
  assert browser.get_log("browser") == []
  requests = browser.execute_script(
    "return performance.getEntriesByType('resource').map(entry => entry.name)"
  )
  assert [name for name in requests if not name.startswith("data:")] == []
  # all pictures are drawn
  assert browser.execute_script(
    "return [...document.images].every(image => image.naturalWidth > 0)"
  )


def test_markup_in_the_config_is_text(page):
  browser = page()
  assert browser.title == "a run · sgae"
  assert browser.execute_script("return document.scripts.length") == 1
  text = browser.execute_script("return document.body.textContent")
  assert "<script>document.title='taken'</script>" in text


def test_the_slider_shows_the_pictures_of_the_steps(page):
  from selenium.webdriver.common.by import By
  from selenium.webdriver.common.keys import Keys

  browser = page()
  slider = browser.find_element(By.ID, "frame")

  def shown():
    frames = browser.find_elements(By.CSS_SELECTOR, ".player img")
    visible = [frame for frame in frames if frame.is_displayed()]
    assert len(visible) == 1
    # the fixture's samples have the grey of their step
    grey = browser.execute_script(
      "const c = document.createElement('canvas').getContext('2d');"
      "c.drawImage(arguments[0], 0, 0); return c.getImageData(30, 30, 1, 1).data[0]",
      visible[0],
    )
    caption = browser.find_element(By.CSS_SELECTOR, ".player .caption").text
    spoken = slider.get_attribute("aria-valuetext")
    assert spoken.replace(",", "") == caption.replace(",", "")
    return round(grey / 25.5), caption

  grey, caption = shown()
  assert grey == 10 and caption.startswith("step 1,000")
  assert "64,000 images · Fréchet distance 0.3" in caption
  slider.send_keys(Keys.ARROW_LEFT)
  grey, caption = shown()
  assert grey == 9 and caption.startswith("step 900")
  slider.send_keys(Keys.HOME)
  grey, caption = shown()
  assert grey == 0 and caption.startswith("step 0")
  assert browser.get_log("browser") == []


def test_pointing_at_a_chart_shows_the_values_there(page):
  browser = page()
  # FVU is 1 / (1 + step): at step 50, which is 3,200 of 6,400 images, 0.0196
  legend = browser.execute_script(
    """
    const chart = [...document.querySelectorAll("[data-chart]")].find(
      (one) => one.querySelector("figcaption").textContent.startsWith("FVU"));
    const svg = chart.querySelector(":scope > svg");
    const box = svg.getBoundingClientRect();
    const point = (type) => svg.dispatchEvent(new PointerEvent(type, {
      clientX: box.left + (42 + 308 / 2) / 360 * box.width,
      clientY: box.top + box.height / 2 }));
    const read = () => chart.querySelector("figcaption").textContent + " "
      + chart.querySelector("output").textContent;
    const states = [read()];
    point("pointermove");
    states.push(read());
    point("pointerleave");
    states.push(read());
    return states;
    """
  )
  assert legend[0].endswith("0.00990")
  assert "3,200 images" in legend[1] and legend[1].endswith("0.0196")
  assert legend[2] == legend[0]


@pytest.mark.parametrize("width", [390, 1280])
def test_nothing_is_wider_than_the_screen(page, width):
  browser = page(width)
  browser.execute_script(
    "document.querySelectorAll('details').forEach(part => { part.open = true; })"
  )
  sizes = "const { scrollWidth, clientWidth } = document.documentElement;"
  wide, screen = browser.execute_script(f"{sizes} return [scrollWidth, clientWidth]")
  assert wide == screen
  assert screen >= width - 20  # but for a scroll bar


def test_text_is_readable_in_light_and_dark(page):
  for scheme in ("light", "dark"):
    browser = page(390, scheme)
    colours = browser.execute_script(
      """
      const seen = new Set();
      for (const e of document.querySelectorAll("p, th, td, b, li, small, a, summary"))
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
