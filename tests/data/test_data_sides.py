"""Data with two sides: unpaired, in pairs, and one side that is made of the other."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from configs import digits
from sgae.config import changed_fields, validate
from sgae.data import checks, derived, sources
from sgae.data.dataset import Dataset, Split
from sgae.data.fingerprint import differences, fingerprint
from sgae.data.placement import PLACEMENTS, for_sides, placed
from sgae.data.reading import describe_data
from sgae.errors import UserError
from sgae.methods.augmenting import augmenting
from sgae.methods.method import Program
from sgae.training.batches import check_examples
from sgae.training.calls import examples_of_calls
from sgae.training.run import _check_inputs
from tests.image_files import encode, pixels

BATCH, CHUNK = 3, 2


def side(count, start, second=None):
  """Returns a side whose image i is the number start + i, of the class i % 2."""
  numbers = np.arange(start, start + count, dtype=np.uint8)
  split = Split(numbers.reshape(-1, 1, 1, 1), (np.arange(count) % 2).astype(np.int32))
  return Dataset(f"from {start}", split, split, 2, second=second)


SECOND = side(7, 100)
SIDES = side(5, 0, SECOND)


def program(members=()):
  return Program((BATCH,), {}, lambda: None, lambda: ({}, {}), (), {}, members=members)


def make_run(paired=False, steps=12):
  config = digits.get_config()
  config.data.paired = paired
  config.sae.update(steps=steps, log_every=CHUNK, batch_size=BATCH)
  return config


def seen(name, first=0, dataset=SIDES, members=(), paired=False):
  """Returns what the steps from `first` on see: {array: [steps, (M,) B]}."""
  placement = PLACEMENTS[name]
  if dataset.second is not None:
    placement = for_sides(placement)
  rows = np.arange(len(members) or BATCH)
  calls = examples_of_calls(
    "sae", make_run(paired), program(members), dataset, placement, rows, first
  )
  source = dataset.source if placement.resident else ()
  gathered = [placement.gather(source, examples) for examples in calls]
  batch = {key: np.concatenate([each[key] for each in gathered]) for key in gathered[0]}
  for key in ("image", "second_image"):
    if key in batch:
      numbers = np.asarray(batch[key]).reshape(batch[key].shape[:-3])
      batch[key] = np.round(numbers * 127.5 + 127.5).astype(int)
  return batch


@pytest.mark.parametrize("name", list(PLACEMENTS))
def test_each_side_has_endless_epochs_of_its_own_size(name):
  batch = seen(name)
  assert set(batch) == {"image", "label", "second_image", "second_label"}
  assert batch["image"].shape == (12, BATCH)
  first, second = batch["image"].ravel(), batch["second_image"].ravel()
  for start in range(0, 35, 5):
    assert sorted(first[start : start + 5]) == list(range(5))
  for start in range(0, 35, 7):
    assert sorted(second[start : start + 7]) == list(range(100, 107))
  np.testing.assert_array_equal(batch["label"].ravel(), first % 2)
  np.testing.assert_array_equal(batch["second_label"].ravel(), (second - 100) % 2)


def test_the_first_side_comes_as_without_a_second_and_placements_agree():
  whole = seen("resident")
  alone = seen("resident", dataset=side(5, 0))
  streamed = seen("streamed")
  for key in alone:
    np.testing.assert_array_equal(whole[key], alone[key])
  for key in whole:
    np.testing.assert_array_equal(whole[key], streamed[key])


@pytest.mark.parametrize("name", list(PLACEMENTS))
@pytest.mark.parametrize("first", [2, 6, 10])
def test_a_resumed_run_goes_on_with_both_orders(name, first):
  whole, resumed = seen(name), seen(name, first)
  for key in whole:
    np.testing.assert_array_equal(resumed[key], whole[key][first:])


def test_members_of_a_population_see_what_single_runs_see():
  both = seen("resident", members=(0, 1))
  alone = seen("resident")
  for key in both:
    np.testing.assert_array_equal(both[key][:, 0], alone[key])
  for key in ("image", "second_image"):
    assert (both[key][:, 1] != alone[key]).any()


def test_pairs_come_in_one_order_and_others_do_not():
  equal = side(7, 0, SECOND)
  paired = seen("resident", dataset=equal, paired=True)
  np.testing.assert_array_equal(paired["second_image"], paired["image"] + 100)
  apart = seen("resident", dataset=equal)
  assert (apart["second_image"] != apart["image"] + 100).any()


def test_pairs_are_altered_alike():
  def step(state, batch, *, axis=None):
    del axis
    return state, batch

  class State:
    key, step = jax.random.key(0), jnp.int32(3)

  images = jax.random.uniform(jax.random.key(1), (16, 8, 8, 1))
  batch = {"image": images, "second_image": -images, "position": jnp.arange(16)}
  altering = augmenting(program()._replace(step=step), "sae", ("mirror", "shift"))
  _, changed = altering.step(State, batch)
  assert (changed["image"] != images).any()
  np.testing.assert_array_equal(changed["second_image"], -changed["image"])


def test_the_second_side_counts_for_the_fingerprint():
  before = fingerprint(SIDES)
  assert differences(before, fingerprint(side(5, 0, side(7, 100)))) == []
  assert differences(before, fingerprint(side(5, 0, side(7, 101)))) == [
    "second side: as many of the same shape, but other pixels or labels"
  ]
  lines = differences(before, fingerprint(side(5, 0, side(6, 100))))
  assert lines[0].startswith("second side: training images")


def test_both_sides_are_reported_and_choose_the_placement():
  line = describe_data(SIDES)
  assert "5 training" in line and "second side: from 100: 7 training" in line
  assert placed("auto", SIDES, 48).resident  # 12 bytes are a quarter of it
  assert not placed("auto", SIDES, 47).resident


def test_a_source_of_its_own_is_read_and_one_made_of_the_first(make_config, tmp_path):
  images = pixels(30, 8, 8, 1)
  np.savez(tmp_path / "b.npz", images=images, labels=np.arange(30) % 3)
  config = make_config(source="digits")
  config.second.update(source="npz", path=str(tmp_path / "b.npz"))
  checks.check(config)
  dataset = sources.load(config, lambda line: None)
  assert dataset.second is not None and not dataset.paired
  assert len(dataset.second.train.images) + len(dataset.second.test.images) == 30
  assert dataset.second.num_classes == 3 and dataset.num_classes == 10
  config.second.update(source="inverted", path="")
  config.examples = 100
  checks.check(config)
  dataset = sources.load(config, lambda line: None)
  assert dataset.second is not None and dataset.paired
  for own, other in zip(dataset.sides, dataset.second.sides, strict=False):
    np.testing.assert_array_equal(other.images, 255 - own.images)
    np.testing.assert_array_equal(other.labels, own.labels)
  everything = dataset.second.everything
  assert len(everything.train.images) > len(dataset.second.train.images) == 100
  assert dataset.second.name == "inverted digits"


def test_edges_by_hand():
  image = np.zeros((1, 4, 4, 1), np.uint8)
  image[0, 0, 0, 0] = 200
  image[0, 3, 3, 0] = 90
  edges = derived.edges(image)[0, :, :, 0]
  expected = [[200, 200, 0, 0], [200, 200, 0, 0], [0, 0, 90, 90], [0, 0, 90, 90]]
  np.testing.assert_array_equal(edges, expected)
  assert not derived.edges(np.full((1, 3, 3, 2), 9, np.uint8)).any()


def test_pairs_of_a_file_stay_together_in_both_splits(make_config, tmp_path):
  images = pixels(40, 8, 8, 3)
  path = tmp_path / "pairs.npz"
  labels = np.arange(40) % 4
  np.savez(path, images=images, targets=images // 2, labels=labels, other=labels)
  config = make_config(source="npz", path=str(path), paired=True, image_size=4)
  checks.check(config)
  dataset = sources.load(config, lambda line: None)
  second = dataset.second
  assert second is not None and dataset.paired and dataset.num_classes == 4
  assert dataset.train.images.shape[1:] == second.test.images.shape[1:] == (4, 4, 3)
  for mine, other in ((dataset.train, second.train), (dataset.test, second.test)):
    np.testing.assert_array_equal(mine.labels, other.labels)
    halves = sources.resized(images // 2, 4)
    wholes = sources.resized(images, 4)
    for one, two in zip(mine.images, other.images, strict=True):
      row = (wholes == one).all(axis=(1, 2, 3)).argmax()
      np.testing.assert_array_equal(two, halves[row])
  assert "array 'other'" in describe_data(dataset)


def test_pairs_of_folders_have_files_of_the_same_names(make_config, tmp_path):
  images = pixels(12, 8, 8, 3)
  for name, factor in (("A", 1), ("B", 0)):
    (tmp_path / "root" / name).mkdir(parents=True)
    for number, image in enumerate(images):
      changed = image if factor else 255 - image
      file = tmp_path / "root" / name / f"{number:02}.png"
      file.write_bytes(encode(changed, "png"))
  config = make_config(source="folder", path=str(tmp_path / "root"), paired=True)
  dataset = sources.load(config, lambda line: None)
  second = dataset.second
  assert second is not None
  np.testing.assert_array_equal(second.train.images, 255 - dataset.train.images)
  np.testing.assert_array_equal(second.test.images, 255 - dataset.test.images)
  (tmp_path / "root" / "B" / "03.png").unlink()
  with pytest.raises(UserError, match=r"03.png of 1 files that are in A alone"):
    sources.load(config, lambda line: None)


def wrong(make_config, **second):
  config = make_config(source=second.pop("first", "digits"))
  config.paired = second.pop("paired", False)
  config.second.update(second)
  with pytest.raises(UserError) as error:
    checks.check(config)
  message = str(error.value)
  assert message.isprintable()
  return message


@pytest.mark.parametrize(
  "fields, words",
  [
    ({"source": "bogus"}, "data.second.source='bogus' is unknown"),
    ({"source": "mixture"}, "data.second.source='mixture' is unknown"),
    ({"source": "npz"}, "data.second.path='' names nothing"),
    ({"source": "tfds", "path": "x"}, "data.second.path='x' is not read"),
    ({"source": "tfds", "image_size": -1}, "data.second.image_size=-1"),
    ({"source": "tfds", "examples": -1}, "data.second.examples=-1"),
    ({"source": "edges", "image_size": 8}, "data.second.image_size=8 is not read"),
    ({"path": "x"}, "data.second.path='x' is not read"),
    ({"source": "edges", "first": "mixture"}, "not for data.source='mixture'"),
    ({"paired": True}, "data.paired=True needs pairs"),
    ({"paired": True, "first": "stacked"}, "not for data.source='stacked'"),
  ],
)
def test_fields_that_cannot_be_are_refused(make_config, fields, words):
  fields = dict(fields)
  if fields.get("first") == "mixture":
    config = make_config(source="mixture", name="ring")
    config.second.source = "edges"
    with pytest.raises(UserError, match=words):
      checks.check(config)
    return
  assert words in wrong(make_config, **fields)


def test_what_is_no_pair_is_refused(make_config, tmp_path):
  path = tmp_path / "one.npz"
  images = pixels(10, 4, 4, 1)
  config = make_config(source="npz", path=str(path), paired=True)
  np.savez(path, images=images)
  with pytest.raises(UserError, match="no array 'targets'"):
    sources.load(config, print)
  np.savez(path, images=images, targets=images[:9])
  with pytest.raises(UserError, match="have 10, 9 entries"):
    sources.load(config, print)
  np.savez(path, images=images)
  config.second.update(source="digits")
  with pytest.raises(UserError, match="needs a partner for each example"):
    sources.load(config, print)
  # a test split is chosen by labels, so other labels would tear partners apart
  images = pixels(20, 4, 4, 1)
  np.savez(path, images=images)
  np.savez(tmp_path / "named.npz", images=images, labels=np.arange(20) % 2)
  config.second.update(source="npz", path=str(tmp_path / "named.npz"))
  with pytest.raises(UserError, match="needs the same labels on both sides"):
    sources.load(config, print)
  config.update(examples=4)
  config.second.update(examples=4, examples_seed=1)
  with pytest.raises(UserError, match="examples_seed=1 chooses others"):
    checks.check(config)
  folder = make_config(source="folder", path=str(tmp_path), paired=True)
  with pytest.raises(UserError, match="is no folder"):
    sources.load(folder, print)


def test_a_batch_must_fit_both_sides_and_a_method_find_its_arrays():
  config = make_run()
  config.phases = ("sae",)
  config.sae.batch_size = 6
  check_examples(config, len(SECOND.train.images))
  with pytest.raises(UserError, match="more than the 5"):
    check_examples(config, len(SIDES.train.images))
  config.sae.both_sides = True
  _check_inputs("sae", config, SIDES)
  with pytest.raises(UserError, match="with --config.data.second.source=..."):
    _check_inputs("sae", config, SECOND)


def test_a_resume_may_move_the_second_side_but_not_change_it(tmp_path):
  config = digits.get_config()
  config.sae.both_sides = True
  config.data.second.update(source="npz", path=str(tmp_path / "a.npz"))
  stored = validate(config).to_dict()
  config.data.second.path = str(tmp_path / "b.npz")
  assert changed_fields(stored, validate(config)) == []
  config.data.second.image_size = 4
  (line,) = changed_fields(stored, validate(config))
  assert line == "data.second.image_size: 0 -> 4"
