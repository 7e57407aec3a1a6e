"""Batched apply takes as many rows at a time as fit into the host's fast memory."""

import jax.numpy as jnp
import numpy as np

from sgae.devices import batched_apply
from sgae.devices.mesh import make_mesh

ROWS = np.random.default_rng(0).normal(size=(50, 2, 1)).astype(np.float32)


def run_with(width):
  """Applies a layer of this width; returns the outputs and the smallest batch size."""
  batch_sizes = []

  def layer(tree, rows):
    batch_sizes.append(len(rows))
    hidden = jnp.tanh(rows[:, :, 0] @ tree["in"])
    return {"images": (hidden @ tree["out"]).reshape(-1, 2, 2), "sum": rows.sum((1, 2))}

  tree = {"in": jnp.ones((2, width)), "out": jnp.ones((width, 4)) / width}
  run = batched_apply.batched_apply(layer, make_mesh(1))
  return run(tree, ROWS), min(batch_sizes)


def test_rows_that_need_much_memory_come_in_smaller_batches():
  width = batched_apply.KEPT_BY_MALLOC // 4 // 20  # of which 20 rows would fit
  outputs, batch_size = run_with(width)
  assert 5 <= batch_size <= 20
  narrow, largest_batch_size = run_with(8)
  assert largest_batch_size == 1024
  np.testing.assert_allclose(outputs["images"], narrow["images"], rtol=1e-4)
  np.testing.assert_array_equal(outputs["sum"], ROWS.sum((1, 2)))
  assert outputs["images"].shape == (50, 2, 2)


def test_rows_of_large_results_come_in_smaller_batches(monkeypatch):
  _, largest_batch_size = run_with(8)
  row_bytes = 5 * 4  # four numbers of an image, and a sum
  monkeypatch.setattr(batched_apply, "RESULTS", 12 * row_bytes)
  outputs, batch_size = run_with(8)
  assert (batch_size, largest_batch_size) == (12, 1024)
  np.testing.assert_array_equal(outputs["sum"], ROWS.sum((1, 2)))


def test_this_compiler_has_the_option_for_products():
  assert batched_apply._if_known(*batched_apply.OWN_PRODUCTS)


def test_a_compiler_without_the_option_for_products_computes_the_same(monkeypatch):
  with_option, _ = run_with(8)
  monkeypatch.setattr(batched_apply, "OWN_PRODUCTS", ("xla_no_such_option", "1"))
  without, _ = run_with(8)
  np.testing.assert_allclose(without["images"], with_option["images"], rtol=1e-5)
