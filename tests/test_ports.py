"""Nothing listens: a run on one machine opens no port."""

import os
import socket
from pathlib import Path

import pytest

from tests.commands import Forked, wait_for_records

TABLES = ("tcp", "tcp6", "udp", "udp6")
TAKES = ("0A", "07")  # TCP that listens, UDP without a peer


def open_ports(pid: int) -> list[str]:
  """Returns the local addresses (hexadecimal) at which a process can be reached."""
  sockets = set()
  for link in Path(f"/proc/{pid}/fd").iterdir():
    try:
      target = os.readlink(link)
    except FileNotFoundError:  # of the listing itself
      continue
    if target.startswith("socket:["):
      sockets.add(target[len("socket:[") : -1])
  rows = [
    line.split()
    for table in TABLES
    if (path := Path(f"/proc/{pid}/net/{table}")).exists()
    for line in path.read_text().splitlines()[1:]
  ]
  return [row[1] for row in rows if row[3] in TAKES and row[9] in sockets]


@pytest.mark.skipif(not Path("/proc/self/net/tcp").exists(), reason="needs Linux")
def test_a_run_listens_on_no_port(tmp_path, whole_run):
  with socket.create_server(("127.0.0.1", 0)) as server:
    port = server.getsockname()[1]
    assert [f"0100007F:{port:04X}"] == open_ports(os.getpid())
  output, workdir = tmp_path / "said.txt", tmp_path / "run"
  long = [f"--config.sae.{name}=300000" for name in ("steps", "evaluate_every")]
  process = Forked(
    [f"--config={whole_run}/config.json", f"--workdir={workdir}", *long], output
  )
  wait_for_records(process, workdir, 3)
  assert process.poll() is None, output.read_text()
  found = open_ports(process.pid)
  process.kill()
  process.wait(60)
  assert not found
