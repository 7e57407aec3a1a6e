"""Links of the pages lead somewhere."""

import re

import pytest

from tests.pages import PAGES, code_lines
from tests.systems import ROOT


def prose(text: str) -> str:
  """Returns a page without its code."""
  numbers = {number for number, _ in code_lines(text)}
  lines = [
    "" if number in numbers else line
    for number, line in enumerate(text.splitlines(), 1)
  ]
  return re.sub(r"`[^`]*`", "", "\n".join(lines))


def anchors(text: str) -> set[str]:
  """Returns the anchors that GitHub gives to the headings of a page."""
  code = {number for number, _ in code_lines(text)}
  found: dict[str, int] = {}
  names = set()
  for number, line in enumerate(text.splitlines(), 1):
    if number not in code and (heading := re.match(r"#{1,6} +(.*?)[ #]*$", line)):
      plain = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading[1]).lower()
      name = re.sub(r"[^\w\- ]", "", plain).replace(" ", "-")
      count = found[name] = found.get(name, -1) + 1
      names.add(f"{name}-{count}" if count else name)
  return names


def test_headings_have_anchors():
  text = "# One, `two` & [three](x.md)\n## Again\n    # no\n\n    # code\n# Again #\n"
  assert anchors(text) == {"one-two--three", "again", "again-1"}


@pytest.mark.parametrize("name", PAGES)
def test_links_lead_somewhere(name):
  # a link's text may be code, its target not
  text = prose(re.sub(r"\[[^\]]*\]\(", "[](", PAGES[name]))
  for target in re.findall(r"\]\(([^)\s]+)|<img[^>]*src=\"([^\"]+)", text):
    link = "".join(target)
    if re.match(r"[a-z]+:", link):
      continue
    path, _, anchor = link.partition("#")
    file = (ROOT / name).parent / path if path else ROOT / name
    assert file.exists(), f"{name}: {link} does not exist"
    if anchor:
      assert file.suffix == ".md" and anchor in anchors(file.read_text()), (
        f"{name}: no heading for {link}"
      )
