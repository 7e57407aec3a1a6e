"""SIGINT, SIGTERM and SIGHUP while a run trains: the first saves, a second ends it."""

import contextlib
import os
import select
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from sgae.errors import StoppedBySignal

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
# Seconds. `timeout` and others signal a process and then its group: a process gets two
# signals, which must not count as a second Ctrl-C.
_ONE_MOMENT = 0.2


def heeded() -> tuple[signal.Signals, ...]:
  """Returns the signals that save a run; not SIGHUP where `nohup` has it ignored."""
  ignored = signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
  return tuple(each for each in SIGNALS if each != signal.SIGHUP or not ignored)


@contextmanager
def noted_signals() -> Iterator[list[int]]:
  """Yields a list that receives the first of the signals that save a run.

  A second one ends the process at once, without saving; two within 0.2 seconds count as
  one, and so does any SIGHUP, which a closed terminal and its shell both send.
  """
  received: list[int] = []

  def note(number, frame):
    del frame
    received.append(number)

  # A Python handler runs only when the main thread returns from compiling or from a
  # compiled call, which can take a minute: a second Ctrl-C would have no effect. The
  # wakeup pipe is written at once, and a thread reads it.
  reader, writer = os.pipe()
  os.set_blocking(writer, False)
  before = {number: signal.signal(number, note) for number in heeded()}
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
  """Returns the exception that ends a run which is saved because of a signal.

  Args:
    received: from `noted_signals`; empty if another process got the signal.
    where: where the run stopped, such as 'after the last step'.
    what_next: what the same command continues with, such as 'for the evaluation'.
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
    if noted and byte[0] == signal.SIGHUP:
      continue
    if noted:
      with contextlib.suppress(OSError):
        os.write(2, b"error: stopped at once by a second signal, without saving\n")
      os._exit(128 + byte[0])
    noted = True
    time.sleep(_ONE_MOMENT)
    if select.select([reader], [], [], 0)[0]:
      os.read(reader, 4096)
