"""Pictures pixel by pixel, and sample sets bit by bit."""

import os
import zipfile

import numpy as np
import pytest
from PIL import Image

from sgae.errors import UserError
from sgae.reporting.pictures import (
  as_uint8,
  atoms,
  grid,
  pairs,
  points,
  write_png,
  write_samples,
)

SAMPLES = np.random.default_rng(0).integers(0, 256, (12, 5, 4, 3), np.uint8)


def test_floats_become_bytes_rounded_and_clipped():
  values = np.array([-2, -1, -0.5, 0, 0.5, 1, 2, np.nan, np.inf], np.float32)
  pixels = as_uint8(values.reshape(1, 1, -1, 1)).ravel()
  assert pixels.tolist() == [0, 0, 64, 128, 191, 255, 255, 128, 128]
  every = np.arange(256, dtype=np.uint8).reshape(1, 16, 16, 1)
  np.testing.assert_array_equal(as_uint8(every.astype(np.float32) / 127.5 - 1), every)


def test_a_grid_by_hand():
  images = np.arange(3 * 2, dtype=np.uint8).reshape(3, 1, 2, 1)
  w = 255
  expected = [
    [w, w, w, w, w, w, w, w, w, w, w],
    [w, 0, 0, 1, 1, w, 2, 2, 3, 3, w],
    [w, 0, 0, 1, 1, w, 2, 2, 3, 3, w],
    [w, w, w, w, w, w, w, w, w, w, w],
    [w, 4, 4, 5, 5, w, w, w, w, w, w],
    [w, 4, 4, 5, 5, w, w, w, w, w, w],
    [w, w, w, w, w, w, w, w, w, w, w],
  ]
  picture = grid(images, columns=2, scale=2, gap=1)
  assert picture.dtype == np.uint8
  np.testing.assert_array_equal(picture[..., 0], expected)


def test_a_grid_without_gap_keeps_colours_in_place():
  images = np.arange(4 * 2 * 3 * 3, dtype=np.uint8).reshape(4, 2, 3, 3)
  rows = [np.concatenate(images[i : i + 2], axis=1) for i in (0, 2)]
  expected = np.concatenate(rows, axis=0)
  np.testing.assert_array_equal(grid(images, 2, scale=1, gap=0), expected)


@pytest.mark.parametrize(
  "size, cell", [(8, 56), (28, 56), (27, 81), (56, 56), (64, 64)]
)
def test_cells_are_at_least_56_pixels_by_the_smallest_factor(size, cell):
  picture = grid(np.zeros((1, size, size, 1)), columns=1)
  assert picture.shape == (cell + 4, cell + 4, 1)
  assert grid(np.zeros((1, size, size + 9, 1)), columns=1).shape[0] == cell + 4


def test_pairs_stand_above_one_another_and_apart_from_others():
  originals = np.arange(4, dtype=np.uint8).reshape(4, 1, 1, 1) * np.ones(
    (1, 56, 56, 1), np.uint8
  )
  reconstructions = originals + 100
  picture = pairs(originals, reconstructions, columns=2)[..., 0]
  assert picture.shape == (2 * (56 + 2 + 56) + 3 * 8, 2 * 56 + 3 * 8)
  column = picture[:, 8]
  expected = [255] * 8 + [0] * 56 + [255] * 2 + [100] * 56
  expected += [255] * 8 + [2] * 56 + [255] * 2 + [102] * 56 + [255] * 8
  assert column.tolist() == expected
  assert picture[8, 8 + 56 + 8] == 1
  assert picture[8 + 56 + 2, 8 + 56 + 8] == 101


def test_pairs_of_floats_and_bytes_share_one_range():
  whites = np.full((1, 56, 56, 1), 255, np.uint8)
  picture = pairs(whites, np.ones((1, 56, 56, 1), np.float32), 1)
  assert (picture == 255).all()


def test_atoms_are_scaled_each_by_its_own_and_zero_is_grey():
  dictionary = np.zeros((4, 56, 56, 1), np.float32)
  dictionary[1, 0, 0] = 1e-30
  dictionary[2, 0, 0], dictionary[2, 0, 1] = -50, 25
  dictionary[3, 0, 0], dictionary[3, 0, 1] = np.nan, -1e-3
  picture = atoms(dictionary, columns=4)[..., 0]
  cells = [picture[2:58, 2 + 58 * i : 58 + 58 * i] for i in range(4)]
  assert (cells[0] == 128).all()
  assert [cell[0, 0] for cell in cells] == [128, 255, 0, 128]
  assert [cell[0, 1] for cell in cells] == [128, 128, 191, 0]
  assert all((cell[1:] == 128).all() for cell in cells)


def test_points_by_hand():
  real = np.array([[-1, -1], [0, 0]], np.float32).reshape(-1, 1, 1, 2)
  generated = np.array([[1, 1], [0, 0], [-5, 0], [np.nan, 1]], np.float32)
  picture = points(real, generated.reshape(-1, 1, 1, 2))
  expected = np.full((448, 448, 1), 255, np.uint8)
  expected[446:448, 0:2] = 190  # below, left
  expected[0:2, 446:448] = 0  # above, right
  expected[223:225, 223:225] = 0  # over the real one
  expected[223:225, 0:2] = 0  # from far on the left
  expected[0:2, 223:225] = 0  # no number at 0
  np.testing.assert_array_equal(picture, expected)
  assert (points(real[:0], real[:0]) == 255).all()
  for wrong in (real[:, 0], real.astype(int), np.zeros((3, 1, 2, 1))):
    with pytest.raises(ValueError, match="1, 1, 2"):
      points(real, wrong)


@pytest.mark.parametrize("channels", [2, 4])
def test_channels_that_are_no_colours_stand_side_by_side(tmp_path, channels):
  images = np.random.default_rng(0).integers(0, 256, (6, 5, 4, channels), np.uint8)
  wide = np.concatenate([images[..., k : k + 1] for k in range(channels)], axis=2)
  np.testing.assert_array_equal(grid(images, 3), grid(wide, 3))
  np.testing.assert_array_equal(
    pairs(images, images[::-1], 3), pairs(wide, wide[::-1], 3)
  )
  weights = images / 255 - 0.5
  np.testing.assert_array_equal(
    atoms(weights, 3),
    atoms(np.concatenate([weights[..., [k]] for k in range(channels)], axis=2), 3),
  )
  write_samples(tmp_path, images, "png")
  with Image.open(tmp_path / "000005.png") as opened:
    assert opened.mode == "L"
    np.testing.assert_array_equal(np.asarray(opened), wide[5, ..., 0])
  with np.load(write_samples(tmp_path, images, "npz")) as data:
    np.testing.assert_array_equal(data["arr_0"], images)


@pytest.mark.parametrize("draw", [grid, atoms])
def test_what_cannot_be_drawn_is_refused(draw):
  with pytest.raises(UserError, match="5 channels .*1 .*3") as refusal:
    draw(np.zeros((2, 8, 8, 5)), 2)
  assert "\n" not in str(refusal.value)
  for wrong in (
    np.zeros((8, 8, 1)),
    np.zeros((0, 8, 8, 1)),
    np.zeros((1, 8, 8, 1), int),
  ):
    with pytest.raises(ValueError):
      draw(wrong, 2)
  with pytest.raises(ValueError, match="column"):
    draw(np.zeros((1, 8, 8, 1)), 0)


def test_atoms_of_bytes_and_pairs_of_two_shapes_are_refused():
  with pytest.raises(ValueError, match="float"):
    atoms(np.zeros((1, 8, 8, 1), np.uint8), 1)
  with pytest.raises(ValueError, match="differ"):
    pairs(np.zeros((1, 8, 8, 1)), np.zeros((2, 8, 8, 1)), 1)


@pytest.mark.parametrize("channels, mode", [(1, "L"), (3, "RGB")])
def test_a_png_holds_the_very_pixels(tmp_path, channels, mode):
  image = SAMPLES[0, ..., :channels]
  write_png(tmp_path / "images" / "a.png", image)
  with Image.open(tmp_path / "images" / "a.png") as opened:
    assert (opened.format, opened.mode) == ("PNG", mode)
    np.testing.assert_array_equal(np.asarray(opened).reshape(image.shape), image)


def test_a_picture_of_floats_is_not_written(tmp_path):
  with pytest.raises(ValueError, match="uint8"):
    write_png(tmp_path / "a.png", np.zeros((4, 4, 1)))
  assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("channels, mode", [(1, "L"), (3, "RGB")])
def test_single_pngs_hold_the_very_samples_in_order(tmp_path, channels, mode):
  samples = SAMPLES[..., :channels]
  assert write_samples(tmp_path / "s", samples, "png") == tmp_path / "s"
  names = [f"{index:06d}.png" for index in range(12)]
  assert sorted(os.listdir(tmp_path / "s")) == names
  for name, sample in zip(names, samples, strict=True):
    with Image.open(tmp_path / "s" / name) as opened:
      assert opened.mode == mode
      np.testing.assert_array_equal(np.asarray(opened).reshape(sample.shape), sample)


def test_an_npz_holds_the_very_samples(tmp_path):
  path = write_samples(tmp_path / "s", SAMPLES, "npz")
  assert path == tmp_path / "s" / "samples.npz"
  with np.load(path, allow_pickle=False) as data:
    assert data.files == ["arr_0"]
    assert data["arr_0"].dtype == np.uint8
    np.testing.assert_array_equal(data["arr_0"], SAMPLES)


@pytest.mark.parametrize("channels", [1, 3])
def test_evaluators_read_the_samples_back(tmp_path, channels):
  """A folder as torch-fidelity and clean-fid open it, an archive as ADM does."""
  samples = SAMPLES[..., :channels]
  colours = np.broadcast_to(samples, (*samples.shape[:3], 3))
  write_samples(tmp_path / "s", samples, "png")
  found = sorted(path for path in (tmp_path / "s").rglob("*") if path.suffix == ".png")
  for path, expected in zip(found, colours, strict=True):
    with Image.open(path) as opened:
      np.testing.assert_array_equal(np.asarray(opened.convert("RGB")), expected)
  archive = write_samples(tmp_path / "a", samples, "npz")
  with zipfile.ZipFile(archive) as members, members.open("arr_0.npy") as file:
    assert np.lib.format.read_magic(file) == (1, 0)
    shape, by_columns, dtype = np.lib.format.read_array_header_1_0(file)
    assert (shape, by_columns, dtype) == (colours.shape, False, np.uint8)
    rest = np.frombuffer(file.read(), np.uint8).reshape(shape)
  np.testing.assert_array_equal(rest, colours)


def test_points_are_stored_as_they_are_and_not_as_pngs(tmp_path):
  samples = np.array([[1.5, -2.25], [3, 4]], np.float32)
  write_samples(tmp_path / "s", samples, "npz")
  with np.load(tmp_path / "s" / "samples.npz", allow_pickle=False) as data:
    np.testing.assert_array_equal(data["arr_0"], samples)
    assert data["arr_0"].dtype == np.float32
  with pytest.raises(UserError, match="--format=png .*--format=npz") as refusal:
    write_samples(tmp_path / "s", samples, "png")
  assert "\n" not in str(refusal.value)
  assert os.listdir(tmp_path / "s") == ["samples.npz"]


def test_a_new_set_leaves_nothing_of_the_old_one(tmp_path):
  write_samples(tmp_path / "s", SAMPLES, "png")
  write_png(tmp_path / "s" / "grid.png", SAMPLES[0])
  write_samples(tmp_path / "s", SAMPLES[:2], "png")
  assert sorted(os.listdir(tmp_path / "s")) == ["000000.png", "000001.png", "grid.png"]
  write_samples(tmp_path / "s", SAMPLES, "npz")
  assert sorted(os.listdir(tmp_path / "s")) == ["grid.png", "samples.npz"]
  assert os.listdir(tmp_path) == ["s"]


def test_samples_that_cannot_be_written_are_refused_in_one_line(tmp_path):
  (tmp_path / "file").write_bytes(b"")
  for directory in (tmp_path / "file", tmp_path / "file" / "s"):
    with pytest.raises(UserError, match="file") as refusal:
      write_samples(directory, SAMPLES, "png")
    assert "\n" not in str(refusal.value)
  with pytest.raises(UserError, match="'jpg'.*png or npz"):
    write_samples(tmp_path / "s", SAMPLES, "jpg")
  with pytest.raises(UserError, match="5 channels"):
    write_samples(tmp_path / "s", np.zeros((2, 4, 4, 5), np.uint8), "npz")
  with pytest.raises(ValueError, match="uint8"):
    write_samples(tmp_path / "s", SAMPLES.astype(float), "png")
  assert os.listdir(tmp_path) == ["file"]
