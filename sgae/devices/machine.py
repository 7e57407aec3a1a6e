"""What this machine has, apart from the devices that JAX finds."""

import os


def memory() -> int:
  """Returns the memory of this machine (bytes)."""
  return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
