"""The report as a browser would read it, for the tests of its page."""

from html.parser import HTMLParser


class Page(HTMLParser):
  """What a browser would make of the page: its elements and its text."""

  def __init__(self, path):
    super().__init__()
    self.elements, self.text = [], ""
    self.feed(path.read_text(encoding="utf-8"))

  def handle_starttag(self, tag, attrs):
    self.elements.append((tag, dict(attrs)))

  def handle_data(self, data):
    self.text += data
