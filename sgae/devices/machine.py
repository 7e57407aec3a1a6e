"""What this machine has, besides the devices that JAX knows of."""

import os


def memory() -> int:
  """Returns the memory of this machine (bytes)."""
  return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
