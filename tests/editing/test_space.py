"""Points of a generator keep the signs that its codes have."""

import jax
import jax.numpy as jnp
import pytest

from sgae import randomness
from sgae.config import validate
from sgae.editing.space import space_of
from tests.systems import MEAN, make_phase, small_config


@pytest.mark.parametrize(("sparsity_map", "signed"), [("topk", False), ("none", True)])
def test_codes_may_be_negative_without_a_sparsity_map(sparsity_map, signed):
  config = validate(
    small_config(code__sparsity_map=sparsity_map, sae__auxiliary_weight=0.0)
  )
  states = {"gan": make_phase("gan", config).init({})}
  for name, non_negative in (("code", not signed), ("latent", False)):
    _, space = space_of(config, MEAN.shape, states, name)
    assert space.non_negative == non_negative
    key = randomness.root_key(0)
    points = space.place(states, space.draw(states, key, jnp.arange(8)))
    assert bool(jax.device_get((points < 0).any())) != non_negative
