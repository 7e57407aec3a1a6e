"""Both steps under JAX's strictest checks."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from sgae.data import order, resident
from sgae.devices.compiled_steps import MODES, CompiledSteps
from sgae.devices.mesh import make_mesh, replicate
from tests.systems import EXAMPLES, IMAGES, make_phase, small_config


@pytest.mark.parametrize(
  ("name", "sparsity_map", "penalty"),
  [
    ("sae", "relu", "l1"),
    ("sae", "sigmoid", "kl"),
    ("sae", "topk", "none"),
    ("sae", "batch_topk", "l1"),
    ("sae", "jumprelu", "l0"),
    ("sae", "gated", "l1"),
    ("gan", "topk", "l1"),
    ("gan", "batch_topk", "l1"),
  ],
)
def test_no_key_is_used_twice_and_no_rank_is_promoted(name, sparsity_map, penalty):
  config = small_config(code__sparsity_map=sparsity_map, code__penalty=penalty)
  config.sae.sparsity_weight = config.gan.sparsity_weight = 1e-3
  config.gan.penalties.gradient_penalty = 1.0
  if sparsity_map == "gated":  # and all variants of the loss with it
    config.sae.update(unit_norm_atoms=False, penalty_by_norms=True, p_annealing=0.5)
    config.sae.update(matryoshka=(6, 24), archetypes=30)
  with jax.debug_key_reuse(True), jax.numpy_rank_promotion("raise"):
    phase = make_phase(name, config)
    steps = CompiledSteps(
      phase.step, resident.gather, make_mesh(1), "jit", phase.batch_shape
    )
    indices = order.batch_indices(0, name, 0, 3, phase.batch_shape, len(IMAGES))
    source = jax.tree.map(jnp.asarray, EXAMPLES)
    state, metrics = steps(phase.init({}), source, steps.place(indices))
  assert int(state.step) == 3
  assert all(np.isfinite(column).all() for column in metrics.values())


@pytest.mark.parametrize(
  ("name", "mode"),
  [("gan", "jit"), *[("sae", mode) for mode in MODES if mode != "jit"]],
)
def test_a_call_makes_no_implicit_transfers(name, mode):
  phase = make_phase(name, small_config())
  mesh = make_mesh(1)
  steps = CompiledSteps(phase.step, resident.gather, mesh, mode, phase.batch_shape)
  indices = order.batch_indices(0, name, 0, 3, phase.batch_shape, len(IMAGES))
  source = replicate(EXAMPLES, mesh)
  state = replicate(phase.init({}), mesh)
  state, _ = steps(state, source, steps.place(indices))
  with jax.transfer_guard("disallow"):
    state, metrics = steps(state, source, steps.place(indices))
  assert int(state.step) == 6
  assert steps.traces == 1
