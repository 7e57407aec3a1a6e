"""What a method gives the report to show, as data."""

from collections.abc import Mapping
from typing import NamedTuple


class Curve(NamedTuple):
  """A metric in a chart: its key, what it is called there, its error's key."""

  key: str
  label: str
  error: str = ""


class Panel(NamedTuple):
  """A chart: its title, its curves, the range of its values (None: from the data)."""

  title: str
  curves: tuple[Curve, ...]
  y_range: tuple[float, float] | None = None


class Meaning(NamedTuple):
  """What a figure is called and says; `better` is 'lower', 'higher' or '' (neither)."""

  label: str
  better: str
  text: str


class Front(NamedTuple):
  """Two figures that are traded for each other, both better when they are smaller.

  Attributes:
    x, y: their names.
    along: fields of the config that move a run along a curve of its kind.
  """

  x: str
  y: str
  along: tuple[str, ...]


class Drawn(NamedTuple):
  """What a picture of a method's evaluator is called, and shows."""

  heading: str
  about: str


class MethodReport(NamedTuple):
  """What the report shows of one method.

  Attributes:
    title: above its figures, such as 'Generator'.
    panels: (heading, charts) in the order of the page.
    meanings: figure -> what it is called and says, in the order of the page.
    headline: names of the figures that stand first; the others are folded away.
    while_training: figure -> (metric, metric of its error or None), which stand in for
      evaluation.json until there is one.
    front: figures that a comparison of runs sets against each other, or None.
    pictures: title of a picture that the page has no section for -> what it shows.
  """

  title: str
  panels: tuple[tuple[str, tuple[Panel, ...]], ...] = ()
  meanings: Mapping[str, Meaning] = {}
  headline: tuple[str, ...] = ()
  while_training: Mapping[str, tuple[str, str | None]] = {}
  front: Front | None = None
  pictures: Mapping[str, Drawn] = {}


class Shown(NamedTuple):
  """A method as the report shows it.

  Attributes:
    title: name of its phase, such as 'GAN'.
    report: what is shown of it.
    selects_by: the metric whose least value marks its best state; None: it has none.
  """

  title: str
  report: MethodReport
  selects_by: str | None = None


def shown_as(shown: Mapping[str, Shown], phase: str) -> Shown:
  """Returns how a phase is shown; under its own name where its method is unknown."""
  return shown.get(phase) or Shown(phase, MethodReport(phase))
