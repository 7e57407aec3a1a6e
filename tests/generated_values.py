"""Strategies for single fields of a config."""

from hypothesis import strategies as st

from sgae.methods.optimizers import OPTIMIZERS, SCHEDULES


def one_of(names):
  return st.sampled_from(sorted(names))


rates = st.floats(0, 1, exclude_max=True, width=32)
shares = st.floats(0.01, 1)
weights = st.sampled_from([0.0, 1e-6, 0.01, 1.0, 30.0])
widths = st.lists(st.integers(1, 9), max_size=3).map(tuple)
optimizers = st.fixed_dictionaries(
  {
    "name": one_of(OPTIMIZERS),
    "schedule": one_of(SCHEDULES),
    "learning_rate": st.floats(0, 0.1),
    "beta1": rates,
    "beta2": rates,
    "warmup_updates": st.integers(0, 10),
  }
)
