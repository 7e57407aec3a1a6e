"""Logits of training, held-out and generated images, compared."""

import jax
import numpy as np
import pytest

from sgae.config import validate
from sgae.data import resident
from sgae.data.dataset import Dataset, Split
from sgae.devices.mesh import local_mesh
from sgae.evaluation.measures.suite import Extracted
from sgae.methods.gan.held_out import make_discriminate, overfitting_figures
from sgae.methods.gan.presentation import packed
from tests.systems import IMAGES, LABELS, make_phase, small_config


def logits(training, held_out, generated, spread=1.0):
  """Returns 400 logits about each of three means."""
  noise = np.random.default_rng(0).normal(size=(3, 400))
  noise -= noise.mean(axis=1, keepdims=True)
  means = {"training": training, "held_out": held_out, "generated": generated}
  return {
    kind: mean + spread * own
    for (kind, mean), own in zip(means.items(), noise, strict=True)
  }


@pytest.mark.parametrize(("held_out", "share"), [(3.0, 0.0), (0.0, 0.6), (-2.0, 1.0)])
def test_the_share_of_the_way_to_generated_images(held_out, share):
  figures = overfitting_figures(logits(3.0, held_out, -2.0))
  assert figures["overfitting"].value == pytest.approx(share, abs=1e-9)
  assert figures["d_held_out"].value == pytest.approx(held_out, abs=1e-9)


def test_its_error_is_that_of_repeated_draws():
  random = np.random.default_rng(1)
  found = []
  for _ in range(300):
    drawn = {
      kind: mean + random.normal(size=100)
      for kind, mean in (("training", 2.0), ("held_out", 1.0), ("generated", 0.0))
    }
    found.append(overfitting_figures(drawn)["overfitting"])
  spread = np.std([each.value for each in found])
  assert found[0].error == pytest.approx(spread, rel=0.25)


def test_it_is_left_out_where_the_discriminator_cannot_tell():
  for generated in (2.9, 3.5):
    assert "overfitting" not in overfitting_figures(logits(3.0, 0.0, generated))
  assert overfitting_figures({}) == {}


def test_images_of_each_kind_are_judged_in_packs():
  config = validate(
    small_config(
      phases=("gan",), gan__generator="plain", gan__sparsity_weight=0.0, gan__packing=2
    )
  )
  phase = make_phase("gan", config)
  state = phase.init({})
  dataset = Dataset("x", Split(IMAGES[:9], LABELS[:9]), Split(IMAGES[9:], LABELS), 10)
  discriminate = make_discriminate(config, phase.program, dataset, local_mesh())
  found = discriminate(state, Extracted(IMAGES[100:105], None, None))
  assert [len(values) for values in found.values()] == [4, 123, 2]
  run = jax.jit(phase.program.functions["discriminate"])
  packs = packed(resident.to_model_range(IMAGES[100:104]), 2)
  np.testing.assert_allclose(found["generated"], run(state, packs), rtol=1e-5)
  pairs = np.array([(i, j) for i in range(9) for j in range(9) if i != j])
  packs = packed(resident.to_model_range(IMAGES[pairs.ravel()]), 2)
  gaps = np.abs(found["training"][:, None] - run(state, packs)[None])
  assert gaps.min(axis=1).max() < 1e-5
  assert np.unique(pairs[gaps.argmin(axis=1)]).size == 8  # each once


def test_images_are_judged_with_their_classes():
  config = validate(small_config(gan__conditional__classes=10))
  phase = make_phase("gan", config)
  state = phase.init({})
  split = Split(IMAGES[:9], LABELS[:9])
  discriminate = make_discriminate(
    config, phase.program, Dataset("x", split, split, 10), local_mesh()
  )
  found = discriminate(state, Extracted(split.images, None, None, split.labels[::-1]))
  weights = np.eye(10, dtype=np.float32)[split.labels]
  images = resident.to_model_range(split.images)
  discriminate = phase.program.functions["discriminate"]
  for kind, rows in (("held_out", weights), ("generated", weights[::-1])):
    wanted = discriminate(state, images, rows)
    ordered = np.sort if kind == "held_out" else np.asarray  # drawn in another order
    np.testing.assert_allclose(ordered(found[kind]), ordered(wanted), rtol=1e-5)


def test_without_its_class_a_held_out_image_is_not_judged():
  config = validate(small_config(gan__conditional__classes=10))
  phase = make_phase("gan", config)
  state, train = phase.init({}), Split(IMAGES[:9], LABELS[:9])
  samples = Extracted(train.images, None, None, train.labels)
  for known in (4, 0):
    labels = np.where(np.arange(9) < known, LABELS[:9], -1)
    dataset = Dataset("x", train, Split(train.images, labels), 10)
    discriminate = make_discriminate(config, phase.program, dataset, local_mesh())
    found = discriminate(state, samples)
    wanted = np.sort(found["generated"][:known])  # the same images
    np.testing.assert_allclose(np.sort(found.get("held_out", [])), wanted, rtol=1e-5)


def test_of_sorted_data_no_class_is_judged_alone():
  config = validate(
    small_config(phases=("gan",), gan__generator="plain", gan__sparsity_weight=0.0)
  )
  phase = make_phase("gan", config)
  labels = np.repeat(np.arange(2, dtype=np.int32), 1500)
  images = np.repeat(255 * labels.astype(np.uint8), 16).reshape(-1, 4, 4, 1)
  split = Split(images, labels)
  dataset = Dataset("x", split, Split(images[::10], labels[::10]), 2)
  discriminate = make_discriminate(config, phase.program, dataset, local_mesh())
  found = discriminate(phase.init({}), Extracted(images[:9], None, None))
  black = found["generated"][0]
  for kind, count in (("training", 1000), ("held_out", 300)):
    assert len(found[kind]) == count
    assert np.isclose(found[kind], black).mean() == pytest.approx(0.5, abs=0.05)
