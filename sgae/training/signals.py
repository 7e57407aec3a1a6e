"""SIGINT and SIGTERM while a run trains: the first is noted, the second ends it."""

import os
import select
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from sgae.errors import StoppedBySignal

SIGNALS = (signal.SIGINT, signal.SIGTERM)
# [s] `timeout` and others signal a process and then its group: it gets two for one.
_ONE_MOMENT = 0.2


@contextmanager
def noted_signals() -> Iterator[list[int]]:
  """Gives a list that the first SIGINT or SIGTERM is put into.

  A second one ends the process at once, without saving; two of one moment are one.
  """
  received: list[int] = []

  def note(number, frame):
    del frame
    received.append(number)

  # A handler of Python's waits until the main thread is back from compiling or from a
  # compiled call, which can take a minute; what the system writes into a pipe does not.
  reader, writer = os.pipe()
  os.set_blocking(writer, False)
  before = {number: signal.signal(number, note) for number in SIGNALS}
  pipe_before = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
  watcher = threading.Thread(target=_end_at_the_second, args=(reader,), daemon=True)
  watcher.start()
  try:
    yield received
  finally:
    signal.set_wakeup_fd(pipe_before)
    for number, handler in before.items():
      signal.signal(number, handler)
    os.close(writer)
    watcher.join()
    os.close(reader)


def stopped(received: list[int], where: str, what_next: str) -> StoppedBySignal:
  """Returns what ends a run that is saved because of a signal.

  Args:
    received: from `noted_signals`; empty where another process got the signal.
    where: the run stands.
    what_next: the same command does.
  """
  number = received[0] if received else signal.SIGTERM
  return StoppedBySignal(
    f"stopped by {signal.Signals(number).name} {where}, saved: run the same command "
    f"again {what_next}",
    number,
  )


def _end_at_the_second(reader: int) -> None:
  noted = False
  while byte := os.read(reader, 1):  # b"": closed
    if byte[0] not in SIGNALS:
      continue
    if noted:
      os.write(2, b"error: stopped at once by a second signal, without saving\n")
      os._exit(128 + byte[0])
    noted = True
    time.sleep(_ONE_MOMENT)
    if select.select([reader], [], [], 0)[0]:
      os.read(reader, 4096)
