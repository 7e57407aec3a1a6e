"""A function over rows takes as many at a time as the host's memory is quick for."""

import jax.numpy as jnp
import numpy as np

from sgae.devices import batched_apply
from sgae.devices.mesh import make_mesh

ROWS = np.random.default_rng(0).normal(size=(50, 2, 1)).astype(np.float32)


def run_with(width):
  """Runs rows through a layer so wide; returns what comes out and the calls' sizes."""
  seen = []

  def some(tree, rows):
    seen.append(len(rows))
    hidden = jnp.tanh(rows[:, :, 0] @ tree["in"])
    return {"images": (hidden @ tree["out"]).reshape(-1, 2, 2), "sum": rows.sum((1, 2))}

  tree = {"in": jnp.ones((2, width)), "out": jnp.ones((width, 4)) / width}
  run = batched_apply.batched_apply(some, make_mesh(1))
  return run(tree, ROWS), min(seen)


def test_rows_that_need_much_memory_are_taken_fewer_at_a_time():
  width = batched_apply.KEPT_BY_MALLOC // 4 // 20  # of which 20 rows would fit
  made, at_a_time = run_with(width)
  assert 5 <= at_a_time <= 20
  narrow, all_at_once = run_with(8)
  assert all_at_once == 1024
  np.testing.assert_allclose(made["images"], narrow["images"], rtol=1e-4)
  np.testing.assert_array_equal(made["sum"], ROWS.sum((1, 2)))
  assert made["images"].shape == (50, 2, 2)


def test_rows_of_large_results_are_taken_fewer_at_a_time(monkeypatch):
  _, all_at_once = run_with(8)
  row_bytes = 5 * 4  # four numbers of an image, and a sum
  monkeypatch.setattr(batched_apply, "RESULTS", 12 * row_bytes)
  made, at_a_time = run_with(8)
  assert (at_a_time, all_at_once) == (12, 1024)
  np.testing.assert_array_equal(made["sum"], ROWS.sum((1, 2)))


def test_this_compiler_knows_the_option_for_products():
  assert batched_apply._if_known(*batched_apply.OWN_PRODUCTS)


def test_a_compiler_without_the_option_for_products_computes_the_same(monkeypatch):
  made, _ = run_with(8)
  monkeypatch.setattr(batched_apply, "OWN_PRODUCTS", ("xla_no_such_option", "1"))
  again, _ = run_with(8)
  np.testing.assert_allclose(again["images"], made["images"], rtol=1e-5)
