"""Image files: what their formats, modes and sizes become."""

import io
import time

import numpy as np
import pytest
from PIL import Image

from sgae.data.holdout import hold_out
from tests.image_files import assert_holds, encode, pixels


def only_image(load_folder, **changes):
  """Loads a folder that holds the same image twice; returns the image."""
  dataset = load_folder(**changes)
  np.testing.assert_array_equal(dataset.train.images, dataset.test.images)
  return dataset.test.images[0]


def test_lossless_formats_give_what_was_stored(write_images, load_folder):
  image = pixels(4, 6, 3)
  write_images(
    {
      "1.png": image,
      "2.bmp": encode(image, "BMP"),
      "3.webp": encode(image, "WEBP", lossless=True),
      "4.tif": encode(image, "TIFF"),
      "5.tiff": encode(image, "TIFF", compression="tiff_lzw"),
      "6.gif": encode(Image.fromarray(image).quantize(24), "GIF"),
      "7.jfif": encode(image),
    }
  )
  dataset = load_folder()
  assert_holds(dataset.test, [image], [0])
  assert_holds(dataset.train, [image] * 6, [0] * 6)


@pytest.mark.parametrize(("kind", "suffix"), [("JPEG", "jpeg"), ("WEBP", "webp")])
def test_lossy_formats_are_what_pillow_decodes(write_images, load_folder, kind, suffix):
  data = encode(pixels(9, 7, 3), kind)
  write_images({f"1.{suffix}": data, f"2.{suffix}": data})
  np.testing.assert_array_equal(only_image(load_folder), Image.open(io.BytesIO(data)))


def test_one_image_in_colour_gives_all_of_them_three_channels(
  write_images, load_folder
):
  grey = pixels(4, 4)
  write_images({"1.png": grey, "2.png": grey, "3.jpg": encode(grey, "JPEG")})
  assert load_folder().train.images.shape == (2, 4, 4, 1)
  write_images({"3.jpg": encode(pixels(4, 4, 3), "JPEG")})
  dataset = load_folder()
  assert dataset.train.images.shape == (2, 4, 4, 3)
  assert_holds(dataset.test, [np.stack([grey] * 3, axis=-1)], [0])


def test_one_image_in_colour_counts_in_either_split(write_images, load_folder):
  grey = encode(pixels(2, 2), "BMP")  # More files than one chunk holds.
  write_images({f"{index:03}.bmp": grey for index in range(600)})
  write_images({"001.bmp": encode(pixels(2, 2, 3), "BMP")})
  assert load_folder().test.images.shape == (60, 2, 2, 3)


def palette_image(**transparency):
  image = Image.fromarray(np.array([[0, 1], [2, 1]], np.uint8)).convert("P")
  image.putpalette([255, 0, 0, 10, 20, 30, 0, 0, 255])
  return encode(image, **transparency)


def grey_with_alpha(transparent):
  image = Image.new("LA", (2, 1))
  image.putdata([(0, 255), (100, 51 if transparent else 255)])
  return encode(image)


def rgb_with_alpha():
  image = Image.new("RGBA", (2, 1))
  image.putdata([(255, 0, 0, 0), (10, 20, 250, 128)])
  return encode(image)


@pytest.mark.parametrize(
  ("data", "expected"),
  [
    (palette_image(), [[[255, 0, 0], [10, 20, 30]], [[0, 0, 255], [10, 20, 30]]]),
    (
      palette_image(transparency=1),
      [[[255, 0, 0], [255] * 3], [[0, 0, 255], [255] * 3]],
    ),
    (grey_with_alpha(False), [[[0], [100]]]),
    (grey_with_alpha(True), [[[0], [224]]]),  # 255 - 155 / 5
    (rgb_with_alpha(), [[[255] * 3, [132, 137, 252]]]),  # 255 - (255 - x) * 128 / 255
    (encode(np.array([[10, 20]], np.uint8), transparency=20), [[[10], [255]]]),
    (encode(np.array([[True, False]])), [[[255], [0]]]),
    (encode(Image.new("L", (2, 1), 17), bits=4), [[[17], [17]]]),
  ],
)
def test_palettes_and_transparency(write_images, load_folder, data, expected):
  write_images({"1.png": data, "2.png": data})
  assert only_image(load_folder).tolist() == expected


def glyph(colour, opacity=255):
  """A transparent page with a square of one colour."""
  image = Image.new("RGBA", (4, 4), (255, 255, 255, 0))
  image.paste((colour, colour, colour, opacity), (1, 1, 3, 3))
  return encode(image)


@pytest.mark.parametrize(
  ("files", "background", "pixel", "said"),
  [
    ((glyph(255), glyph(255)), "", 0, "black, since 2 of 2 images vanish on white"),
    ((glyph(250), glyph(10)), "", 255, "white"),  # one vanishes on either
    ((glyph(0), glyph(0)), "", 255, "white"),
    ((glyph(255), glyph(255)), "white", 255, "white, by data.background"),
    ((glyph(0), glyph(0)), "#640000", 100, "#640000, by data.background"),
    ((encode(pixels(4, 4)), encode(pixels(4, 4))), "#640000", 217, ""),
  ],
)
def test_the_background_leaves_something(
  write_images, load_folder, files, background, pixel, said
):
  write_images({f"{index}.png": data for index, data in enumerate(files)})
  dataset = load_folder(background=background)
  assert dataset.train.images[0, 0, 0, 0] == pixel
  assert dataset.read.background == said


def test_cmyk_becomes_rgb(write_images, load_folder):
  data = encode(Image.new("CMYK", (4, 4), (255, 0, 0, 0)), "JPEG", quality=100)
  write_images({"1.jpg": data, "2.jpg": data})
  assert np.abs(only_image(load_folder) - [0.0, 255, 255]).max() <= 2


def test_the_exif_orientation_is_applied(write_images, load_folder):
  exif = Image.Exif()
  exif[0x0112] = 6  # To be turned by 90 degrees clockwise.
  image = pixels(4, 6)
  data = encode(image, exif=exif)
  write_images({"1.png": data, "2.png": data})
  np.testing.assert_array_equal(only_image(load_folder)[..., 0], np.rot90(image, -1))


def test_damaged_metadata_are_ignored(write_images, load_folder):
  image = Image.fromarray(pixels(4, 6))
  data = encode(image, "JPEG", exif=b"Exif\0\0II*\0\xff\xff\xff\xff")
  with pytest.warns(UserWarning, match="EXIF"), Image.open(io.BytesIO(data)) as opened:
    opened.getexif().get(0x0112)
  write_images({"1.jpg": data, "2.jpg": data})
  assert only_image(load_folder).shape == (4, 6, 1)


@pytest.mark.parametrize("kind", ["WEBP", "GIF", "TIFF"])
def test_an_animation_gives_its_first_frame(write_images, load_folder, kind):
  frames = [Image.fromarray(pixels(4, 4, 3, seed=seed)) for seed in range(2)]
  options = {"lossless": True} if kind == "WEBP" else {}
  data = encode(frames[0], kind, save_all=True, append_images=frames[1:], **options)
  write_images({f"1.{kind}": data, f"2.{kind}": data})
  np.testing.assert_array_equal(only_image(load_folder), frames[0])


@pytest.mark.parametrize(
  ("shape", "box"),  # Of the square: left, top, right, bottom.
  [((9, 20), (5, 0, 14, 9)), ((20, 9), (0, 5, 9, 14)), ((9, 9), (0, 0, 9, 9))],
)
@pytest.mark.parametrize("side", [4, 9, 16])
def test_the_centre_square_is_cropped_and_resized(
  write_images, load_folder, shape, box, side
):
  image = Image.fromarray(pixels(*shape, 3))
  write_images({"1.png": encode(image), "2.png": encode(image)})
  expected = image.crop(box).resize((side, side), Image.Resampling.BILINEAR)
  np.testing.assert_array_equal(only_image(load_folder, image_size=side), expected)


def test_grey_is_resized_like_colour(write_images, load_folder):
  image = Image.fromarray(pixels(20, 20))
  write_images({"1.png": encode(image), "2.png": encode(image.convert("RGB"))})
  dataset = load_folder(image_size=7)
  expected = image.resize((7, 7), Image.Resampling.BILINEAR)
  for channel in range(3):
    np.testing.assert_array_equal(dataset.test.images[0, ..., channel], expected)
  np.testing.assert_array_equal(dataset.train.images, dataset.test.images)


def test_images_of_all_sizes_become_one(write_images, load_folder):
  write_images({f"{side}.png": pixels(side, 30 - side) for side in range(1, 30)})
  assert load_folder(image_size=8).train.images.shape == (26, 8, 8, 1)


def test_many_images_stay_in_order_and_progress_is_shown(
  write_images, load_folder, monkeypatch
):
  # More images than one chunk holds; the pixels of each encode its number.
  numbers = np.arange(600)
  write_images(
    {
      f"{number:03}.bmp": encode(
        np.full((2, 2, 3), (number // 256, number % 256, 7), np.uint8), "BMP"
      )
      for number in numbers
    }
  )
  clock = iter(range(0, 1000, 4))  # Seconds; a line is due every five.
  monkeypatch.setattr(time, "monotonic", lambda: next(clock))
  lines = []
  dataset = load_folder(lines)
  is_test = hold_out("", numbers * 0).is_test
  for images, expected in (
    (dataset.test.images, numbers[is_test]),
    (dataset.train.images, numbers[~is_test]),
  ):
    found = images[:, 0, 0].astype(int) @ [256, 1, 0]
    np.testing.assert_array_equal(found, expected)
  assert lines == [f"Decoding faces: {count} of 600 images" for count in (0, 512)]
