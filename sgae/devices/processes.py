"""Several processes that train one model: how they join, agree and end.

Every process runs the same program. Only the leader (process 0) writes metrics,
pictures and config; all processes take part in every compiled call and every save.
"""

import contextlib
import ctypes
import hashlib
import importlib.util
import json
import os
import re
import secrets
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import jax
import numpy as np
from jax.experimental import multihost_utils

from sgae.errors import UserError

LOST = 4  # exit code of a process after another process of the run was lost


def join(coordinator: str, num_processes: int, process_id: int) -> None:
  """Joins this process to the others of the run; call it before any device is used.

  Without arguments it joins under SLURM with more than one task and on a TPU VM, where
  JAX finds the other processes by itself, and does nothing anywhere else.

  Args:
    coordinator: `host:port` of process 0, or ''.
    num_processes: number of processes; 0: not given.
    process_id: number of this process, from 0; -1: not given.

  Raises:
    UserError: only some arguments are given, they are impossible, or the others cannot
      be reached.
  """
  given = (bool(coordinator), num_processes != 0, process_id != -1)
  if any(given) and not all(given):
    raise UserError(
      "--coordinator=host:port, --num_processes=N and --process_id=0..N-1 belong "
      "together: give all three, or none"
    )
  if all(given):
    _check_place(coordinator, num_processes, process_id)
  # Without the first option, JAX ends this process with a stack trace when another one
  # is lost, before `_watch` can end it with one line. Without the second, JAX handles
  # SIGTERM itself, which also announces the preemption of a TPU VM; here one process
  # notes it (signals.py), `any_of_us` tells the others, and all save.
  jax.config.update("jax_enable_recoverability", True)
  jax.config.update("jax_enable_preemption_service", False)
  try:
    if all(given):
      jax.distributed.initialize(coordinator, num_processes, process_id)
    elif _under_slurm() or _on_tpu_vm():
      jax.distributed.initialize()
    else:
      return
    if jax.process_count() > 1:
      _watch(coordinator.rpartition(":")[0].strip("[]") or _own_address())
  except (RuntimeError, ValueError, OSError) as error:
    raise UserError(
      f"cannot join the other processes ({str(error).splitlines()[0][:150]}): check "
      "that all were started, and that --coordinator can be reached from each"
    ) from error


def _check_place(coordinator: str, num_processes: int, process_id: int) -> None:
  """Refuses a number that no process can have, and a coordinator without a port."""
  if not 0 <= process_id < num_processes:
    raise UserError(
      f"--process_id={process_id} is not allowed with --num_processes={num_processes}: "
      "the processes have the numbers 0, 1, ... below that"
    )
  if not re.fullmatch(r".+:\d+", coordinator):
    raise UserError(
      f"--coordinator={coordinator} names no port: give host:port, such as "
      f"{coordinator.partition(':')[0]}:1234"
    )


def is_leader() -> bool:
  """Returns whether this process is the one that writes."""
  return jax.process_index() == 0


def any_of_us(flag: bool) -> bool:
  """Returns whether the flag is set in any process; all must call it at one point.

  With several processes, each waits here until its devices have finished.
  """
  if jax.process_count() == 1:
    return flag
  return bool(np.any(multihost_utils.process_allgather(np.array(flag))))


def from_leader(tree: Any) -> Any:
  """Returns the leader's arrays in every process; each gives arrays of these shapes."""
  if jax.process_count() == 1:
    return tree
  return multihost_utils.broadcast_one_to_all(tree)


def wait_for_all(name: str) -> None:
  """Waits until every process has called it with this name."""
  if jax.process_count() > 1:
    multihost_utils.sync_global_devices(name)


def require_equal(what: str, value: Any) -> None:
  """Checks that all processes hold the same value.

  Args:
    what: name of the value, for the message.
    value: any JSON value.

  Raises:
    UserError: in every process, if the values differ.
  """
  if jax.process_count() > 1:
    digest = hashlib.sha256(json.dumps(value, sort_keys=True).encode()).digest()
    mine = np.frombuffer(digest, np.uint8)
    if (multihost_utils.process_allgather(mine) != mine).any():
      raise UserError(
        f"the processes differ in {what}: start all with the same command on the same "
        "data, with a --workdir or --config.checkpoint.directory that all can reach"
      )


@contextmanager
def loss_awaited() -> Iterator[None]:
  """Gives `_watch` time to report a lost process before a failed collective does."""
  try:
    yield
  except jax.errors.JaxRuntimeError:
    if _connections:
      time.sleep(10)  # `_watch` ends the process meanwhile, with one line
    raise


@contextmanager
def leader_first(name: str) -> Iterator[None]:
  """Runs the block in the leader first, so that the others find what it writes."""
  if not is_leader():
    wait_for_all(name)
  yield
  if is_leader():
    wait_for_all(name)


def leave(exit_code: int, together: bool) -> int:
  """Returns the exit code of a single process; one of several ends with it here.

  Args:
    exit_code: 0 for success.
    together: whether all processes end now, for the same reason. If not, `_watch` ends
      the others; JAX would wait for them for minutes.
  """
  if not _connections:  # a single process
    return exit_code
  if together:
    for connection in _connections:
      with contextlib.suppress(OSError):
        connection.sendall(_GOODBYE)
    if is_leader():  # last: if it ends first, JAX ends the others with a stack trace
      for listener in _listeners:
        listener.join(timeout=10)
  else:
    time.sleep(2)  # others with the same error report it before they see this one end
  return _end(exit_code)


_GOODBYE = b"."
_connections: list[socket.socket] = []  # open as long as the process runs
_listeners: list[threading.Thread] = []  # one per connection; end with the other side


def _watch(leader_host: str) -> None:
  """Starts threads that end this process if another one ends without a goodbye.

  Otherwise a process would wait forever in a collective for a lost one. Each process
  keeps a connection to the leader, which the system closes however a process ends.
  """
  token = secrets.token_bytes(16)  # keeps other programs from taking a process's place
  both = socket.has_dualstack_ipv6()
  family = socket.AF_INET6 if both else socket.AF_INET
  with socket.create_server(("", 0), family=family, dualstack_ipv6=both) as server:
    server.settimeout(60)
    address = token + f"{leader_host}:{server.getsockname()[1]}".encode()
    padded = np.frombuffer(address.ljust(256, b"\0"), np.uint8)
    address = bytes(multihost_utils.broadcast_one_to_all(padded)).rstrip(b"\0")
    while is_leader() and len(_connections) < jax.process_count() - 1:
      connection = server.accept()[0]
      connection.settimeout(60)
      if secrets.compare_digest(connection.recv(16, socket.MSG_WAITALL), token):
        _connections.append(connection)
  if not is_leader():
    host, _, port = address[16:].decode().rpartition(":")
    _connections.append(socket.create_connection((host, int(port)), timeout=60))
    _connections[0].sendall(address[:16])
  _hold_aborts()
  for connection in _connections:
    connection.settimeout(None)
    # a host that crashes closes no connection: without keepalive nothing would show it
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    listener = threading.Thread(target=_listen, args=(connection,), daemon=True)
    _listeners.append(listener)
    listener.start()


def _hold_aborts() -> None:
  """Gives `_listen` six seconds to end this process before an abort does.

  JAX's service runs in process 0. When that one is lost, JAX aborts the others, at
  times before they have read that their connection is closed.
  """
  # A handler of Python's would run after the abort. This one is `sleep` itself, which
  # gets the number of the signal, 6, and holds the thread that aborts.
  c = ctypes.CDLL(None)
  c.signal(signal.SIGABRT, c.sleep)


def _listen(connection: socket.socket) -> None:
  try:
    message = connection.recv(1)
  except OSError:
    message = b""
  if message != _GOODBYE:
    sys.stderr.write(
      f"error: process {jax.process_index()} ends, because another process of the run "
      "was lost: start all of them again to resume from the last checkpoint\n"
    )
    _end(LOST)
  with contextlib.suppress(OSError):
    connection.recv(1)  # returns when the other side has ended


def _end(exit_code: int) -> NoReturn:
  sys.stdout.flush()
  sys.stderr.flush()
  os._exit(exit_code)


def _own_address() -> str:
  with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
    try:
      probe.connect(("192.0.2.1", 9))  # sends nothing; selects the outgoing interface
    except OSError:
      return socket.gethostname()
    return probe.getsockname()[0]


def _under_slurm() -> bool:
  # srun sets both; an sbatch script, which is not a task, has only the first
  tasks = int(os.environ.get("SLURM_NTASKS", "1"))
  return tasks > 1 and "SLURM_STEP_NODELIST" in os.environ


def _on_tpu_vm() -> bool:
  allowed = os.environ.get("JAX_PLATFORMS", "") in ("", "tpu")
  chips = [*Path("/dev").glob("accel*"), *Path("/dev/vfio").glob("[0-9]*")]
  return allowed and bool(chips) and importlib.util.find_spec("libtpu") is not None
