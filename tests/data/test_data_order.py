"""The order of examples is stateless and complete, and never changes."""

import numpy as np
import pytest
from scipy import stats

from sgae.data.dataset import Split
from sgae.data.order import (
  ENDLESS,
  at_most,
  balanced_indices,
  batch_indices,
  pooled_indices,
  shown_rows,
  stack_indices,
)


@pytest.mark.parametrize("num_examples", [1, 5, 7, 64])
def test_each_epoch_is_a_permutation_even_across_batches(num_examples):
  # 3 * 4 = 12 a step divides none of the sizes but 1: epochs end inside batches.
  indices = batch_indices(3, "sae", 0, num_examples * 5, (3, 4), num_examples)
  epochs = indices.reshape(-1, num_examples)
  np.testing.assert_array_equal(
    np.sort(epochs, axis=1), np.tile(np.arange(num_examples), (len(epochs), 1))
  )


def test_the_epochs_differ():
  epochs = batch_indices(0, "sae", 0, 6, (100,), 100)
  assert len({epoch.tobytes() for epoch in epochs}) == 6


def test_how_the_steps_are_split_changes_nothing():
  whole = batch_indices(7, "gan", 0, 40, (2, 3), 17)
  for cut in (1, 2, 3, 20, 39, 40):
    parts = [
      batch_indices(7, "gan", 0, cut, (2, 3), 17),
      batch_indices(7, "gan", cut, 40 - cut, (2, 3), 17),
    ]
    np.testing.assert_array_equal(np.concatenate(parts), whole)
  steps = [batch_indices(7, "gan", step, 1, (2, 3), 17) for step in range(40)]
  np.testing.assert_array_equal(np.concatenate(steps), whole)


def test_only_the_size_of_a_step_matters_not_its_shape():
  flat = batch_indices(1, "sae", 2, 5, (12,), 31)
  shaped = batch_indices(1, "sae", 2, 5, (3, 4), 31)
  np.testing.assert_array_equal(shaped.reshape(5, 12), flat)


def test_seed_and_stream_choose_the_order():
  args = (0, 1, (1000,), 1000)
  orders = [
    batch_indices(seed, stream, *args).tobytes()
    for seed in (0, 1, 2**63)
    for stream in ("sae", "gan")
  ]
  assert len(set(orders)) == len(orders)
  assert orders[0] == batch_indices(0, "sae", *args).tobytes()


def test_shape_and_type():
  indices = batch_indices(0, "sae", 5, 3, (2, 4), 10)
  assert indices.shape == (3, 2, 4)
  assert indices.dtype == np.int32
  assert batch_indices(0, "sae", 5, 0, (2, 4), 10).shape == (0, 2, 4)


def test_the_caller_may_change_the_result():
  first = batch_indices(0, "sae", 0, 1, (10,), 10)
  kept = first.copy()
  first[:] = 0
  np.testing.assert_array_equal(batch_indices(0, "sae", 0, 1, (10,), 10), kept)


def test_the_order_of_a_seed_never_changes():
  # A run can be resumed with another version of NumPy or sgae only if this holds. If it
  # changes on purpose, say so in the release notes: old runs cannot be resumed.
  golden = [[0, 6, 7, 8, 1, 4, 9, 2]]
  assert batch_indices(0, "sae", 1, 1, (8,), 10).tolist() == golden


def test_examples_are_uniform_over_positions():
  # 20,000 epochs of 5: each example comes first 4,000 times, sigma is 57.
  epochs = batch_indices(0, "sae", 0, 20_000, (5,), 5)
  counts = np.bincount(epochs[:, 0], minlength=5)
  assert np.abs(counts - 4000).max() < 5 * 57


def test_balanced_batches_have_classes_as_equal_as_possible():
  labels = np.repeat([0, 1, 2, -1], [70, 20, 10, 30])
  batches = balanced_indices(3, "gan", 0, 60, (2, 7), labels).reshape(120, 7)
  counts = np.stack([np.bincount(labels[batch], minlength=3) for batch in batches])
  assert set(counts.ravel()) == {2, 3}
  assert (labels[batches] >= 0).all()
  # each class in epochs of its own: the first 70 of class 0 are all of it
  drawn = batches.ravel()
  for label, size in ((0, 70), (1, 20), (2, 10)):
    mine = [np.sort(drawn[labels[drawn] == label][: size // 7 * 7])]
    assert len(np.unique(mine)) == pytest.approx(size, abs=7)
  # no class has a place of its own in a batch
  assert all(len(np.unique(labels[column])) == 3 for column in batches.T)


def test_balanced_batches_do_not_depend_on_how_steps_are_split():
  labels = np.arange(50) % 3
  whole = balanced_indices(7, "gan", 0, 30, (2, 5), labels)
  for cut in (1, 7, 29):
    parts = [
      balanced_indices(7, "gan", 0, cut, (2, 5), labels),
      balanced_indices(7, "gan", cut, 30 - cut, (2, 5), labels),
    ]
    np.testing.assert_array_equal(np.concatenate(parts), whole)
  assert (balanced_indices(8, "gan", 0, 30, (2, 5), labels) != whole).any()


def test_of_more_examples_some_of_all_classes_are_taken():
  labels = np.repeat(np.arange(10), 100)  # as a folder of classes is read
  whole = Split(np.arange(1000), labels)
  assert at_most(whole, "probe", 1000) is whole
  some = at_most(whole, "probe", 200)
  np.testing.assert_array_equal(some.labels, labels[some.images])
  assert len(np.unique(some.images)) == 200
  assert np.bincount(some.labels, minlength=10).min() > 5
  np.testing.assert_array_equal(at_most(whole, "probe", 200).images, some.images)


def test_the_first_examples_are_shown_but_of_sorted_classes_some_of_each():
  mixed = np.array([3, 1, 2, 0])
  np.testing.assert_array_equal(shown_rows(mixed, 3), [0, 1, 2])
  np.testing.assert_array_equal(shown_rows(mixed, 9), [0, 1, 2, 3])
  labels = np.repeat(np.arange(10), 100)
  rows = shown_rows(labels, 200)
  assert len(np.unique(rows)) == 200
  assert np.bincount(labels[rows], minlength=10).min() > 5


def test_a_pool_of_all_examples_is_the_usual_order():
  pools = (np.arange(17),)
  usual = batch_indices(7, "gan", 3, 4, (2, 3), 17)
  np.testing.assert_array_equal(pooled_indices(7, "gan", 3, 4, (2, 3), pools), usual)
  chosen = pooled_indices(7, "gan", 3, 4, (2, 3), (np.array([5, 9]), np.arange(17)))
  assert set(chosen[:, 0].ravel()) == {5, 9} and chosen.shape == (4, 2, 3)


def test_empty_data_are_refused():
  with pytest.raises(ValueError, match="num_examples=0"):
    batch_indices(0, "sae", 0, 1, (2,), 0)


def test_endless_data_are_new_at_every_position_however_the_steps_are_split():
  whole = batch_indices(7, "gan", 0, 40, (2, 3), ENDLESS)
  assert whole.shape == (40, 2, 3)
  assert whole.dtype == np.int64
  for cut in (1, 2, 3, 20, 39, 40):  # 6 a step: a cut lies anywhere in Philox's 4 words
    parts = [
      batch_indices(7, "gan", 0, cut, (2, 3), ENDLESS),
      batch_indices(7, "gan", cut, 40 - cut, (2, 3), ENDLESS),
    ]
    np.testing.assert_array_equal(np.concatenate(parts), whole)
  numbers = [
    batch_indices(seed, stream, 0, 1, (20_000,), ENDLESS)
    for seed in (0, 1)
    for stream in ("sae", "gan")
  ]
  assert min(map(np.min, numbers)) >= 0
  assert len(np.unique(numbers)) == 80_000
  assert stats.kstest(numbers[0].ravel() / 2**63, "uniform").pvalue > 1e-3


def test_the_numbers_of_a_seed_never_change():
  golden = [641831222089297669, 5373041517758475033, 2639993078617773011]
  assert batch_indices(0, "sae", 1, 1, (3,), ENDLESS)[0].tolist() == golden


def test_stacks_are_chosen_by_splitmix64():
  # The first outputs of its published reference implementation for the state 1234567.
  words = [
    6457827717110365317,
    3203168211198807973,
    9817491932198370423,
    4593380528125082431,
  ]
  for size in (1, 10, 60_000, 2**31 - 1):
    expected = [(word >> 32) * size >> 32 for word in words]
    assert stack_indices(np.array(1234567), 4, size).tolist() == expected


@pytest.mark.parametrize("first", [0, 2**62])
def test_stacks_are_uniform_and_their_parts_independent(first):
  indices = stack_indices(np.arange(first, first + 100_000), 3, 10)
  assert indices.shape == (100_000, 3)
  assert indices.dtype == np.int32
  counts = np.bincount(indices @ np.array([100, 10, 1]), minlength=1000)
  assert stats.chisquare(counts).pvalue > 1e-3
  # neighbours in the list are independent too
  pairs = indices[:-1, 0] * 10 + indices[1:, 0]
  assert stats.chisquare(np.bincount(pairs, minlength=100)).pvalue > 1e-3
