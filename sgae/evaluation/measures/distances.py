"""Distances between two sets of points, in blocks that fit into memory."""

from collections.abc import Iterator

import numpy as np

_BLOCK_ENTRIES = 2**23  # 32 MiB in float32; larger blocks are no faster.


def squared_distance_blocks(
  queries_nd: np.ndarray, references_md: np.ndarray
) -> Iterator[tuple[slice, np.ndarray]]:
  """Yields |x - y|^2 between blocks of queries x and all references y.

  Computed as |x|^2 + |y|^2 - 2 x.y, since a matrix product is many times faster than
  differences. Its rounding error is relative to |x|^2 + |y|^2, not to the distance, so
  that results may be negative: centre the points first.

  Args:
    queries_nd: [N, D], float32 or float64.
    references_md: [M, D], of the same dtype; the results have it too.

  Yields:
    The slice of the queries and their [rows, M] squared distances. The array may be
    changed; the next block overwrites it.
  """
  rows = max(1, _BLOCK_ENTRIES // len(references_md))
  buffer = np.empty((min(rows, len(queries_nd)), len(references_md)), queries_nd.dtype)
  references_m = np.einsum("md,md->m", references_md, references_md)
  for start in range(0, len(queries_nd), rows):
    queries_bd = queries_nd[start : start + rows]
    block_bm = buffer[: len(queries_bd)]
    np.matmul(-2 * queries_bd, references_md.T, out=block_bm)
    block_bm += references_m
    block_bm += np.einsum("bd,bd->b", queries_bd, queries_bd)[:, None]
    yield slice(start, start + len(queries_bd)), block_bm
