"""Least times of a step against times by hand, with the published peaks."""

import pytest

from sgae.aot.costs import Collective, Costs, Product
from sgae.aot.report import Memory, describe_phase
from sgae.aot.roofline import CHIPS, exchange_seconds, parse_slice, roofline, unit_flops
from sgae.errors import UserError


@pytest.mark.parametrize(
  ("topology", "chips", "links", "hops"),
  [
    ("v5e:1x1", 1, 0, 0),
    ("v5e:2x4", 8, 2, 1 + 3),  # a corner has one neighbour along each axis
    ("v5e:8x16", 128, 3, 7 + 8),  # sixteen in a row are a ring
    ("v6e:16x16", 256, 4, 8 + 8),
    ("v4:2x2x1", 4, 2, 1 + 1),
    ("v4:2x2x4", 16, 3, 1 + 1 + 3),
    ("v5p:4x4x8", 128, 6, 2 + 2 + 4),  # cubes of four close to rings
  ],
)
def test_the_network_of_a_slice(topology, chips, links, hops):
  where = parse_slice(topology)
  assert (where.chips, where.links, where.hops) == (chips, links, hops)


@pytest.mark.parametrize(
  "topology",
  ["", "v5e", "v5e:3x3", "v5e:2x2x2", "v5e:16x32", "v4:2x2", "v4:2x4x2", "v4:4x4x6"]
  + ["v4:0x4x4", "v4:16x16x20", "v9:2x2", "v5e:2x4x"],
)
def test_a_slice_that_does_not_exist_is_refused(topology):
  with pytest.raises(UserError) as refusal:
    parse_slice(topology)
  assert f"--topology={topology!r}" in str(refusal.value)
  assert "2x4, 4x4" in str(refusal.value)


@pytest.mark.parametrize(
  ("product", "unit", "padded"),
  [
    (Product(128, 256, 384, 1, 1), 128, 128 * 256 * 384),
    (Product(32, 784, 512, 1, 1), 128, 32 * 896 * 512),
    (Product(784, 32, 512, 1, 1), 128, 784 * 128 * 512),  # a gradient of few images
    (Product(512, 32, 1, 1, 1), 128, 512 * 128 * 8),  # one column goes through as rows
    (Product(128, 128, 128, 1, 1), 256, 128 * 256 * 256),
    (Product(128, 128, 128, 6, 3), 128, 6 * 3 * 128**3),
  ],
)
def test_matrix_units_pad_their_operands(product, unit, padded):
  assert unit_flops([product], unit) == 2 * padded


def test_collectives_take_their_bytes_or_their_hops():
  where = parse_slice("v5e:2x4")  # two links of 50 GB/s, four hops
  large, small = 8_000_000, 4
  assert exchange_seconds(Collective("all-reduce", large, 3), where) == pytest.approx(
    3 * 2 * large * 7 / 8 / 100e9
  )
  assert exchange_seconds(Collective("all-gather", large, 1), where) == pytest.approx(
    large * 7 / 8 / 100e9
  )
  assert exchange_seconds(
    Collective("reduce-scatter", large, 1), where
  ) == pytest.approx(large * 7 / 100e9)
  assert exchange_seconds(Collective("all-reduce", small, 31), where) == pytest.approx(
    31 * 2 * 4e-6
  )
  assert (
    exchange_seconds(Collective("all-reduce", large, 1), parse_slice("v5e:1x1")) == 0
  )


GIGA = 10**9


@pytest.mark.parametrize(
  ("side", "hbm", "exchanged", "bound", "seconds"),
  [
    (12_800, GIGA, 4, "compute", 2 * 12_800**3 / 275e12),
    (128, 12 * GIGA, 4, "HBM", 12e9 / 1200e9),
    (128, GIGA, GIGA, "interconnect", 2e9 * 7 / 8 / (3 * 45e9)),
  ],
)
def test_the_largest_of_three_times_bounds_a_step(side, hbm, exchanged, bound, seconds):
  costs = Costs(
    [Product(side, side, side, 1, 10)],
    hbm_bytes=0,
    hbm_padded_bytes=10 * hbm,
    collectives=[Collective("all-reduce", exchanged, 10)],
    cycles=0,
  )
  limits = roofline(costs, 10, parse_slice("v4:2x2x2"))
  assert limits.bound == bound
  assert limits.seconds == pytest.approx(seconds)


def test_the_clock_is_the_one_at_which_the_units_reach_the_peak():
  for name, units in (("v4", 8), ("v5e", 4), ("v5p", 8)):
    chip = CHIPS[name]
    assert chip.clock == pytest.approx(chip.bfloat16 / (units * 2 * 128**2), rel=0.01)


def test_the_report_of_a_phase_by_hand():
  costs = Costs(
    [Product(784, 32, 512, 1, 10)],  # three quarters of the unit's rows are padding
    hbm_bytes=900_000_000,
    hbm_padded_bytes=1_000_000_000,
    collectives=[Collective("all-reduce", 8_000_000, 10)],
    cycles=15_000_000,
  )
  memory = Memory(
    arguments=2**30,
    outputs=2**29,
    temporaries=2**28,
    aliased=2**29,
    code=0,
    beside=2**28,
  )
  assert memory.total == 1.5 * 2**30
  text = "\n".join(
    describe_phase(costs, memory, parse_slice("v5e:2x4"), 10, 256, seconds=1.0)
  )
  flop = 2 * 784 * 32 * 512 / 32  # per image, 32 images on each chip
  assert f"{flop / 1e3:.3g} kFLOP" in text
  assert "3.12 MB of HBM traffic per image" in text  # 1e9 / (10 steps * 32 images)
  assert "75% of the work of the 128x128 matrix units, 10% of the HBM" in text
  assert "1 per step with 8 MB (all-reduce)" in text
  assert "1.5 of 16 GiB per chip" in text
  # 14 MB through two links of 50 GB/s; 1.5 million cycles at 1.5 GHz
  assert "140 us per step, bound by interconnect" in text
  assert "1.14 ms per step" in text
  assert "1,830,000 images/s, 229,000 per chip" in text
