"""Time to quality: seconds until samples are as near to the data as asked.

Each side trains in a process of its own, and stops while another one trains or is
measured. One more process measures the samples of all. `--only=quality` runs it.
"""

import contextlib
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from configs.benchmark import QUALITY_TARGETS
from sgae.benchmark import table
from sgae.benchmark.rows import Side
from sgae.benchmark.worker import Failed, Worker

LIMIT = 900.0  # seconds of training of each side

Looks = list[dict[str, Any]]  # numbers of a `Look`, and `frechet`


def measure(
  sides: Sequence[Side],
  limit: float,
  start: Callable[..., Worker],
  say: Callable[[str], None],
  notes: list[str],
) -> dict[str, Looks]:
  """Trains all sides in turn until each is near enough, has no time left, or ends.

  The next turn is of the side that has trained for the least time, so that other load
  on the machine meets all of them at the same stage.

  Args:
    sides: what to train.
    limit: seconds of training of each side.
    start: makes a `Worker` of its arguments.
    say: takes a line for the first look at or below a target, and for the end of a
      side.
    notes: gets a line for each side that fails, which keeps its looks until then.

  Returns:
    name of a side -> its looks.

  Raises:
    Failed: samples cannot be measured.
  """
  found: dict[str, Looks] = {side.name: [] for side in sides}
  with contextlib.ExitStack() as ends:
    folder = ends.enter_context(tempfile.TemporaryDirectory())
    path = Path(folder) / "samples.npy"

    def begin(*args):
      worker = start(*args)
      ends.callback(worker.close)
      return worker

    measuring = begin("quality_measure", sides[0].config)
    running = {side.name: begin(*_arguments(side, folder)) for side in sides}

    def ask(name, what, *args) -> dict[str, Any]:
      try:
        return what(*args)
      except Failed as failure:
        notes.append(f"{name}: {failure}")
        running.pop(name).close()
        return {}

    measuring.await_start()
    for name, worker in tuple(running.items()):
      ask(name, worker.await_start)  # data are read before anybody trains
    while running:
      name = min(running, key=lambda name: trained(found[name]))
      look = ask(name, running[name].request, str(path))
      if look:
        found[name].append(look | measuring.request(str(path)))
      looks = found[name]
      ended = not look or _is_done(looks[-1], limit)
      if looks and (ended or seconds_to(looks) != seconds_to(looks[:-1])):
        say(_described(name, looks[-1], ended))
      if ended and name in running:  # else it has failed
        running.pop(name).close()
  return found


def _arguments(side: Side, folder: str) -> tuple[str, ...]:
  # a compiler that keeps what it made starts from nothing in an empty folder
  own = (tempfile.mkdtemp(dir=folder),) if side.variant else ()
  return (side.module, side.name, *own)


def trained(looks: Looks) -> float:
  """Returns the seconds that a side has trained for, of its looks."""
  return looks[-1]["seconds"] if looks else 0.0


def _is_done(look: Mapping[str, Any], limit: float) -> bool:
  return look["frechet"] <= min(QUALITY_TARGETS) or look["seconds"] >= limit


def _described(name: str, look: Mapping[str, Any], ended: bool) -> str:
  return (
    f"{look['seconds']:.1f} s: {name}, round {look['rounds']:,}, distance "
    f"{look['frechet']:.1f}{', the end' if ended else ''}"
  )


def seconds_to(looks: Looks) -> dict[int, float | None]:
  """Returns the seconds to the first look at or below each target; None: never."""
  return {
    target: next((at["seconds"] for at in looks if at["frechet"] <= target), None)
    for target in QUALITY_TARGETS
  }


def figures(name: str, looks: Looks) -> dict[str, Any]:
  """Returns the figures of one side by name, and all its looks."""
  last = looks[-1] if looks else {}
  return {
    "side": name,
    "seconds_to": seconds_to(looks),
    "preparing": last.get("preparing"),
    "compiling": last.get("compiling"),
    "seconds": trained(looks),
    "rounds": last.get("rounds"),
    "frechet": last.get("frechet"),
    "looks": looks,
  }


def times_as_fast(
  ours: Mapping[str, Any], theirs: Sequence[Mapping[str, Any]]
) -> list[str]:
  """Returns how many times as fast we reach each target as the soonest other side.

  Where no other side reaches it, that is more than the longest of them tried; '-' where
  we do not, or there is no other side.

  Args:
    ours, theirs: from `figures`.
  """
  texts = []
  for target in QUALITY_TARGETS:
    own = ours["seconds_to"][target]
    reached = [s for side in theirs if (s := side["seconds_to"][target]) is not None]
    if own is None or not theirs:
      texts.append("-")
    elif reached:
      texts.append(f"{min(reached) / own:.1f}")
    else:
      texts.append(f"> {max(side['seconds'] for side in theirs) / own:.1f}")
  return texts


HEAD = (
  "seconds to a distance of",
  *map(str, QUALITY_TARGETS),
  "pretraining, fitting",
  "compiling",
  "last distance",
)
WIDTHS = (34, *(20,) * len(QUALITY_TARGETS), 20, 9, 22)


def lines(found: Sequence[Mapping[str, Any]], ours: Sequence[str]) -> list[str]:
  """Returns the table as lines: the sides, then how ours compare with the others.

  Args:
    found: from `figures`, of all sides.
    ours: names of our sides.
  """
  rows = [HEAD, *map(cells, found)]
  theirs = [side for side in found if side["side"] not in ours and side["looks"]]
  for side in found:
    if side["side"] in ours:
      name = f"  {side['side']}, times as fast"
      rows.append((name, *times_as_fast(side, theirs), "", "", ""))
  return [table.line(row, WIDTHS).rstrip() for row in rows]


def cells(side: Mapping[str, Any]) -> tuple[str, ...]:
  """Returns the cells of a side, from `figures`."""
  if not side["looks"]:
    return (side["side"], *("-",) * (len(HEAD) - 1))
  never = f"not reached in {side['seconds']:.0f} s"
  reached = side["seconds_to"].values()
  return (
    side["side"],
    *(never if seconds is None else f"{seconds:.1f}" for seconds in reached),
    f"{side['preparing']:.1f}",
    f"{side['compiling']:.1f}",
    f"{side['frechet']:.1f}, round {side['rounds']:,}",
  )
