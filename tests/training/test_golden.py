"""The numbers of the first step: the arithmetic must not change by accident."""

import jax
import numpy as np
import pytest

from tests.systems import batches, make_phase, small_config

pytestmark = pytest.mark.usefixtures("optimised")

GOLDEN = {
  "sae": {"sae/mse": 0.198369, "sae/omega": 3.283110, "sae/grad_norm": 0.112728},
  "gan": {
    "gan/d_loss": 1.965317,
    "gan/r1": 1.073545,
    "gan/r2": 1.169783,
    "discriminator/grad_norm": 3.491194,
    "gan/g_loss": 0.593874,
    "gan/omega": 5.806600,
    "generator/grad_norm": 0.594780,
  },
}


@pytest.mark.parametrize("name", ["sae", "gan"])
def test_the_numbers_of_the_first_step_are_unchanged(name):
  phase = make_phase(name, small_config())
  batch = jax.tree.map(lambda leaf: leaf[0], batches(phase, 0, 1))
  _, metrics = jax.jit(phase.step)(jax.jit(phase.init)({}), batch)
  found = {key: float(metrics[key]) for key in GOLDEN[name]}
  np.testing.assert_allclose(
    list(found.values()),
    list(GOLDEN[name].values()),
    rtol=1e-4,
    err_msg=f"the first step changed; if on purpose, set GOLDEN[{name!r}] = {found}",
  )
