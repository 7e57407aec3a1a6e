"""The one switch between the fast forms of this folder and their plain references.

`SGAE_REFERENCE_KERNELS=1` in the environment takes the references everywhere;
`SGAE_REFERENCE_KERNELS=winograd,dense` those of these kernels alone. A result that
depends on the switch by more than rounding is a bug of a fast form.
"""

import functools
import os
from collections.abc import Iterator
from contextlib import contextmanager

import jax

from sgae.errors import UserError

KERNELS = (
  "convolution",
  "dense",
  "microbatches",
  "one_pass_penalty",
  "sparse",
  "top_k",
  "winograd",
)


@functools.cache  # of the environment, each time that a function asks
def _chosen(names: str) -> frozenset[str]:
  if names in ("", "0"):
    return frozenset()
  chosen = frozenset(KERNELS if names == "1" else names.split(","))
  if unknown := chosen - set(KERNELS):
    raise UserError(
      f"SGAE_REFERENCE_KERNELS names {', '.join(sorted(unknown))}; it may be 1, or "
      f"some of {','.join(KERNELS)}"
    )
  return chosen


# Those that `use_references` takes; None: as the environment says.
_references: frozenset | None = None


def uses_reference(kernel: str) -> bool:
  """Says whether a kernel, one of `KERNELS`, is to take its reference.

  Functions ask while they are traced: what is compiled stays as it is.
  """
  if _references is None:
    return kernel in _chosen(os.environ.get("SGAE_REFERENCE_KERNELS", ""))
  return kernel in _references


@contextmanager
def use_references(*kernels: str) -> Iterator[None]:
  """Takes references for what is traced inside the block.

  Args:
    kernels: of `KERNELS`; none: all of them.
  """
  global _references
  before = _references
  _references = _chosen(",".join(kernels) or "1")
  jax.clear_caches()  # else what was traced the other way is used on
  try:
    yield
  finally:
    _references = before
    jax.clear_caches()
