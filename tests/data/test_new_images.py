"""Images that belong to no data set are read as the data of a run were."""

import numpy as np
import pytest
from PIL import Image

from configs import digits
from sgae.data.new_images import read_images
from sgae.errors import UserError

RANDOM = np.random.default_rng(0)


def test_one_image_is_a_folder_of_one(tmp_path):
  image = RANDOM.integers(0, 256, (16, 16), dtype=np.uint8)
  Image.fromarray(image).save(tmp_path / "Mine.PNG")
  config, said = digits.get_config().data, []
  found = read_images(str(tmp_path / "Mine.PNG"), config, (16, 16, 1), said.append)
  assert found.names == ["Mine.PNG"]
  np.testing.assert_array_equal(found.images[0, ..., 0], image)
  (tmp_path / "broken.png").write_bytes(b"no image")
  with pytest.raises(UserError, match="broken.png"):
    read_images(str(tmp_path / "broken.png"), config, (16, 16, 1), said.append)
  with pytest.raises(UserError, match="absent.png' does not exist"):
    read_images(str(tmp_path / "absent.png"), config, (16, 16, 1), said.append)
  (tmp_path / "notes.txt").write_text("no image")
  with pytest.raises(UserError, match="is no image, folder, archive or .npz file"):
    read_images(str(tmp_path / "notes.txt"), config, (16, 16, 1), said.append)


@pytest.mark.parametrize("stored", ["folder", "npz"])
def test_a_line_says_which_images_are_resized(tmp_path, stored):
  config, said = digits.get_config().data, []
  config.image_size = 12  # the side of what the run makes; it takes half of it
  shapes = [(6, 6), (9, 12)] if stored == "folder" else [(9, 12), (9, 12)]
  images = [RANDOM.integers(0, 256, shape, dtype=np.uint8) for shape in shapes]
  place = tmp_path / f"new.{stored}"
  if stored == "npz":
    np.savez(place, images=np.stack(images))
  else:
    place.mkdir()
    for number, image in enumerate(images):
      Image.fromarray(image).save(place / f"{number}.png")
  found = read_images(str(place), config, (6, 6, 1), said.append)
  assert found.images.shape == (2, 6, 6, 1)
  many = "1 of 2" if stored == "folder" else "2 of 2"
  assert f"Resized {many} images to 6x6 pixels" in said[-1]
  with pytest.raises(UserError, match="6x6 pixels with 1 channels, but the run takes"):
    read_images(str(place), config, (6, 6, 3), said.append)
  # labels may be missing, and what is not read is named
  arrays = {"x_train": np.ones((3, 6, 6), np.uint8), "y_train": np.zeros(3)}
  np.savez(tmp_path / "split.npz", x_test=np.zeros((2, 6, 6), np.uint8), **arrays)
  found = read_images(str(tmp_path / "split.npz"), config, (6, 6, 1), said.append)
  assert len(found.images) == 2 and not found.images.any()
  assert said[-1].endswith("split.npz: array 'x_train'")
  # as stored: nothing is said of them
  config.image_size, said = 0, []
  np.savez(tmp_path / "right.npz", images=np.zeros((2, 6, 6), np.uint8))
  read_images(str(tmp_path / "right.npz"), config, (6, 6, 1), said.append)
  assert not said
