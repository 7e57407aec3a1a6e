"""The curves of cost: valid configs, and one point that is measured."""

import re

from ml_collections import ConfigDict

from sgae.benchmark import growth
from sgae.config import validate


def test_points_are_different_and_their_configs_valid():
  points = list(growth.points())
  assert len({(point.curve, point.at) for point in points}) == len(points)
  for point in points:
    config = validate(ConfigDict(point.config))
    assert point.compiles or point.phase in ("sae", "gan")
    if point.curve == "batch":
      assert config.gan.batch_size == int(point.at)
    if point.curve == "width":
      assert set(config.gan.discriminator_hidden) == {int(point.at)}
    if point.curve == "latents":
      assert config.code.num_latents == int(point.at)


def test_a_point_that_fails_is_named(tmp_path):
  point = next(p for p in growth.points() if p.curve == "batch")
  for impossible in (point._replace(phase="absent"), point._replace(shape=(0, 0))):
    figures = growth.figures_of(impossible, str(tmp_path))
    line = growth.describe({"curve": "batch", "at": "64"} | figures)
    assert re.fullmatch(r"batch +64  failed: .+", line)


def test_a_point_is_measured_in_a_separate_process(tmp_path):
  point = next(p for p in growth.points() if p.curve == "devices" and p.devices == 2)
  found = growth.alone(point._replace(steps=1), str(tmp_path))
  line = growth.describe({"curve": "devices", "at": "2"} | found)
  assert re.fullmatch(r"devices +2 +[\d,]+ images/s +[\d,]+ MiB +start [\d.]+ s", line)
  assert any(tmp_path.iterdir())  # compiled programs, kept for a second start
