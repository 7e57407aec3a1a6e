"""Costs counted from a program's text, against counts by hand."""

import re
from pathlib import Path

import pytest

from sgae.aot.costs import Collective, Product, count
from sgae.aot.hlo import parse

# Compiled for v5e:2x4 (JAX 0.10.2, libtpu 0.0.42) from five steps of gradient descent
# on mean((x @ w)**2): w is [784, 512], x are 64 of 60,000 uint8 images, 8 on each chip.
# Metadata and the backend's configuration, except its cycles, are removed.
SCAN = (Path(__file__).parent / "scan_on_8_chips.txt").read_text()
WEIGHTS = 784 * 512 * 4  # bytes
IMAGES = 60_000 * 784  # bytes


def program(*lines, name="main"):
  return "\n".join([f"ENTRY %{name} () -> f32[] {{", *(f"  {line}" for line in lines)])


def test_a_scan_is_counted_with_all_its_iterations():
  costs = count(SCAN)
  assert costs.products == [Product(8, 784, 512, 1, 5), Product(784, 8, 512, 1, 5)]
  assert costs.flops == 5 * 2 * (2 * 8 * 784 * 512)
  assert costs.collectives == [Collective("all-reduce", WEIGHTS, 5)]
  assert costs.cycles == 682_636 + 5 * (1832 + 1817 + 1652 + 9129)


def test_only_hbm_traffic_counts():
  """Images and weights are copied on chip once a call, and the weights back."""
  assert count(SCAN).hbm_bytes == pytest.approx(IMAGES + 2 * WEIGHTS, rel=1e-5)


def test_a_gather_reads_only_the_chosen_images():
  in_hbm = SCAN.replace(
    "u8[60000,784]{1,0:T(8,128)(4,1)S(1)}", "u8[60000,784]{1,0:T(8,128)(4,1)}"
  )
  more = count(in_hbm).hbm_bytes - count(SCAN).hbm_bytes
  assert more == IMAGES + 5 * 8 * 784  # the copy's target, and eight images a step


@pytest.mark.parametrize(
  ("shape", "numbers", "padded"),
  [
    ("f32[32,784]{1,0:T(8,128)}", 32 * 784 * 4, 32 * 896 * 4),
    ("f32[32,784]{0,1:T(8,128)S(1)}", 32 * 784 * 4, 128 * 784 * 4),
    ("bf16[9,100]{1,0:T(8,128)(2,1)}", 9 * 100 * 2, 16 * 128 * 2),
    ("u8[60000,28,28,1]{0,2,3,1:T(8,128)(4,1)}", 60_000 * 784, 60_032 * 32 * 28),
    ("pred[5]{0:T(512)}", 5, 512),
    ("f32[]{:T(128)}", 4, 4),
  ],
)
def test_tiles_pad_the_minor_axes(shape, numbers, padded):
  (array,) = parse(program(f"%x = {shape} parameter(0)"))[0].arrays
  assert (array.bytes, array.padded_bytes) == (numbers, padded)
  assert array.in_hbm == ("S(1)" not in shape)


@pytest.mark.parametrize(
  ("left", "right", "out", "how", "expected"),
  [
    # a batch of four products, as XLA writes it
    (
      "f32[4,256,512]",
      "f32[4,512,384]",
      "f32[4,256,384]",
      "window={size=4 stride=3 lhs_dilate=4}, dim_labels=0bf_0io->0bf",
      Product(4 * 256, 512, 384, 1, 1),
    ),
    # a 3x3 convolution whose border windows are cut: 94 = 3 * 32 - 2 of each axis
    (
      "f32[8,32,32,64]",
      "f32[3,3,64,128]",
      "f32[8,32,32,128]",
      "window={size=3x3 pad=1_1x1_1}, dim_labels=b01f_01io->b01f",
      Product(8 * 94 * 94, 64, 128, 1, 1),
    ),
    (
      "f32[64,32]",
      "f32[128,32]",
      "f32[64,128]",
      "dim_labels=bf_oi->bf, operand_precision={highest,highest}",
      Product(64, 32, 128, 6, 1),
    ),
  ],
)
def test_products_of_all_kinds(left, right, out, how, expected):
  text = program(
    f"%a = {left} parameter(0)",
    f"%b = {right} parameter(1)",
    f"ROOT %c = {out} convolution(%a, %b), {how}",
  )
  assert count(text).products == [expected]


def test_asynchronous_copies_and_updates_move_their_part():
  text = program(
    "%x = f32[512,784]{0,1:T(8,128)} parameter(0)",
    "%part = ((f32[512,784]{0,1:T(8,128)}), f32[512,200]{0,1:T(8,128)S(1)}, s32[]) "
    "slice-start(%x), slice={[0:512], [200:400]}",
    "%done = f32[512,200]{0,1:T(8,128)S(1)} slice-done(%part)",
    "%row = f32[1,784]{0,1:T(8,128)S(1)} parameter(1)",
    "%zero = s32[]{:T(128)S(6)} constant(0)",
    "%new = f32[512,784]{0,1:T(8,128)} dynamic-update-slice(%x, %row, %zero, %zero)",
    "%out = (f32[512]{0:T(512)}, f32[512]{0:T(512)}, u32[]{:S(2)}) copy-start(%x)",
  )
  # a slice read, a row written, 512 numbers read and written
  assert count(text).hbm_bytes == (512 * 200 + 784 + 2 * 512) * 4


@pytest.mark.parametrize(
  "named",
  [
    "branch_computations={%none, %some}",
    "true_computation=%some, false_computation=%none",
  ],
)
def test_the_most_expensive_branch_of_a_conditional_counts(named):
  branches = [
    "%none (p: f32[8,8]) -> f32[8,8] {",
    "  ROOT %p = f32[8,8]{1,0:T(8,128)} parameter(0)",
    "}",
    "%some (q: f32[8,8]) -> f32[8,8] {",
    "  %q = f32[8,8]{1,0:T(8,128)} parameter(0)",
    "  ROOT %r = f32[8,8]{1,0:T(8,128)} convolution(%q, %q), dim_labels=bf_io->bf",
    "}",
  ]
  entry = program(
    "%chosen = s32[]{:T(128)S(6)} parameter(0)",
    "%x = f32[8,8]{1,0:T(8,128)} parameter(1)",
    f"ROOT %c = f32[8,8]{{1,0:T(8,128)}} conditional(%chosen, %x, %x), {named}",
  )
  costs = count("\n".join([*branches, entry]))
  assert costs.products == [Product(8, 8, 8, 1, 1)]
  assert costs.hbm_bytes == 3 * 8 * 8 * 4  # of the product alone


def test_an_exchange_beside_other_work_counts_once():
  """Its fusions repeat it, and what begins it has several results."""
  shapes = "bf16[2,8]{1,0:T(8,128)(2,1)S(1)}", "bf16[16,8]{1,0:T(8,128)(2,1)}"
  both = f"({shapes[0]}, {shapes[1]}, u32[]{{:S(2)}})"
  lines = [f"  %p = {shapes[0]} parameter(0)", f"  %a = {shapes[1]} all-gather(%p)"]
  target = 'custom_call_target="AsyncCollective{}"'.format
  fusions = [
    "%begin (p: bf16[2,8]) -> bf16[2,8] {",
    *lines,
    f"  ROOT %b = {both} custom-call(%a), {target('Start')}",
    "}",
    "%end (p: bf16[2,8]) -> bf16[16,8] {",
    *lines,
    f"  ROOT %e = {shapes[1]} custom-call(%p, %a), {target('Done')}",
    "}",
  ]
  entry = program(
    f"%x = {shapes[0]} parameter(0)",
    f"%start = {both} fusion(%x), kind=kCustom, calls=%begin",
    f"%rows = {shapes[0]} get-tuple-element(%start), index=0",
    f"ROOT %done = {shapes[1]} fusion(%rows), kind=kCustom, calls=%end",
  )
  assert count("\n".join([*fusions, entry])).collectives == [
    Collective("all-gather", 16 * 8 * 2, 1)
  ]


def test_a_program_that_cannot_be_counted_is_refused():
  with pytest.raises(ValueError, match="iterations of while.15 is not a constant"):
    count(
      re.sub(r"(%constant.47.clone.1 = .*) constant\(5\)", r"\1 parameter(1)", SCAN)
    )
  with pytest.raises(ValueError, match="c is a dot"):
    count(program("%c = f32[8,8]{1,0} dot()"))
