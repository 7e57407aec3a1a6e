"""Some of the training images: balanced, by seed, and not for what measures."""

import numpy as np
import pytest

from configs import base
from sgae.config import validate
from sgae.data import sources
from sgae.data.fingerprint import fingerprint
from sgae.data.reading import describe_data
from sgae.data.subset import chosen, take
from sgae.errors import UserError
from sgae.evaluation.measures.reference import EvaluationData
from sgae.methods.generation import full_count

LABELS = np.random.default_rng(0).choice(4, 400, p=[0.4, 0.3, 0.29, 0.01])


def loaded(**fields):
  config = base.get_config(("gan",))
  config.data.update(fields)
  return config, sources.load(config.data, lambda line: None)


def test_classes_are_as_equal_as_they_can_be():
  few = int((LABELS == 3).sum())
  assert 0 < few < 25
  counts = np.bincount(LABELS[chosen(LABELS, 100, seed=0)])
  assert counts[3] == few
  assert np.ptp(counts[:3]) <= 1
  assert counts.sum() == 100
  every = chosen(LABELS, 400, seed=5)
  np.testing.assert_array_equal(every, np.arange(400))


def test_the_seed_chooses_and_more_hold_fewer():
  first = chosen(LABELS, 50, seed=0)
  np.testing.assert_array_equal(first, chosen(LABELS, 50, seed=0))
  assert (np.diff(first) > 0).all()
  assert set(first) <= set(chosen(LABELS, 120, seed=0))
  other = chosen(LABELS, 50, seed=1)
  assert len(set(first) & set(other)) < 30


def test_how_many_of_them_have_no_label_is_said():
  _, whole = loaded()
  labels = np.where(np.arange(len(whole.train.labels)) % 2, whole.train.labels, -1)
  part = take(whole._replace(train=whole.train._replace(labels=labels)), 110, seed=0)
  assert (part.train.labels == -1).sum() == 10  # as one class more
  assert "(data.examples=110, of which 10 have no label)" in describe_data(part)


def test_a_data_set_keeps_its_test_split_and_what_measures_sees_all():
  config, whole = loaded()
  _, part = loaded(examples=50)
  assert np.bincount(part.train.labels).tolist() == [5] * 10
  assert {bytes(image) for image in part.train.images} <= {
    bytes(image) for image in whole.train.images
  }
  np.testing.assert_array_equal(part.test.images, whole.test.images)
  prints = [fingerprint(each)["sha256"] for each in (whole, part, part.everything)]
  assert prints[0] == prints[2] != prints[1]
  other = fingerprint(loaded(examples=50, examples_seed=1)[1])["sha256"]
  assert other not in prints
  assert "1,448 of the training images (data.examples=50)" in describe_data(part)
  config.evaluation.final_samples = 1000
  assert full_count(config, EvaluationData(part, None)) == 1000
  config.data.examples = 50
  assert sources.train_shape(config.data)[0] == 50


def test_what_cannot_be_taken_is_refused():
  with pytest.raises(UserError, match="data.examples=2000 is more than the 1498"):
    loaded(examples=2000)
  config = base.get_config(("gan",))
  config.gan.update(generator="plain", sparsity_weight=0.0)
  config.data.update(examples=5, source="mixture", name="ring")
  with pytest.raises(UserError, match="data.examples=5 .*data.source='mixture'"):
    validate(config)
  config.data.update(examples=-1, source="digits", name="mnist")
  with pytest.raises(UserError, match="data.examples=-1 .* 0 or more"):
    validate(config)
