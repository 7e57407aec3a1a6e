"""The report in a real browser, without a network."""

import pytest

from sgae.methods import views
from sgae.reporting.report import write_report
from tests.browser import (
  NEEDED,
  assert_fits,
  assert_loads_nothing,
  assert_readable,
  open_page,
)

pytestmark = NEEDED


@pytest.fixture
def page(browser, make_run):
  """Returns a function that opens the report of a whole run at a width [pixels]."""
  workdir = make_run()
  write_report(workdir, [], views.shown())
  browser.get_log("browser")

  def open_report(width=1280, scheme="light"):
    open_page(browser, workdir / "report.html", width, scheme)
    return browser

  return open_report


def test_it_loads_without_a_complaint_and_without_a_request(page):
  assert_loads_nothing(page())


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
  assert_fits(page(width), width)


def test_text_is_readable_in_light_and_dark(page):
  for scheme in ("light", "dark"):
    assert_readable(page(390, scheme), scheme)
