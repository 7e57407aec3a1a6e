"""New images go through a function of a trained run, and come back as files."""

import io

import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

from sgae.data.new_images import read_images
from sgae.errors import UserError
from sgae.evaluation.apply import taken_by
from sgae.evaluation.image_to_image import image_to_image_run, pictures_of
from sgae.methods import METHODS
from sgae.reporting.console import Console
from sgae.reporting.pictures import to_bytes
from sgae.runs.load import load_run
from tests.runs import tiny_config

IMAGES = np.random.default_rng(0).integers(0, 256, (3, 8, 8, 1), dtype=np.uint8)


def passed(workdir, images, output, mode="reconstruct", **how):
  said = io.StringIO()
  image_to_image_run(
    workdir, {}, mode, str(images), Console(said), output=output, **how
  )
  with np.load(output / f"{mode}.npz") as arrays:
    return said.getvalue(), dict(arrays)


def test_images_come_back_under_their_names(whole_run, tmp_path):
  (tmp_path / "new" / "deep").mkdir(parents=True)
  names = ["a.bmp", "deep/a.png", "deep/b.v2.bmp"]
  for name, image in zip(names, IMAGES, strict=True):
    Image.fromarray(image[..., 0]).save(tmp_path / "new" / name)
  said, found = passed(whole_run, tmp_path / "new", tmp_path)
  assert "3 images of 8x8 pixels by sae of step 20" in said
  assert found["files"].tolist() == names
  expected = to_bytes(np.asarray(load_run(whole_run).reconstruct(jnp.asarray(IMAGES))))
  np.testing.assert_array_equal(found["images"], expected)
  written = ["a.png", "deep/a.png", "deep/b.v2.png"]
  for name, image in zip(written, expected, strict=True):
    with Image.open(tmp_path / "reconstruct" / name) as picture:
      np.testing.assert_array_equal(np.asarray(picture), image[..., 0])
  # an archive of the same pixels, by a mode that is not named like the function
  np.savez(tmp_path / "new.npz", images=IMAGES)
  _, other = passed(
    whole_run, tmp_path / "new.npz", tmp_path, mode="copy", function="reconstruct"
  )
  assert other["files"].tolist() == ["0", "1", "2"]
  np.testing.assert_array_equal(other["images"], expected)
  assert (tmp_path / "copy" / "2.png").exists()
  # pictures of other images go, what somebody else put there stays
  (tmp_path / "copy" / "own.png").write_bytes(b"")
  np.savez(tmp_path / "new.npz", images=IMAGES[:1])
  passed(whole_run, tmp_path / "new.npz", tmp_path, mode="copy", function="reconstruct")
  left = {path.name for path in (tmp_path / "copy").iterdir()}
  assert left == {"0.png", "own.png"}


def test_of_pairs_the_asked_side_is_read(whole_run, tmp_path):
  np.savez(tmp_path / "pairs.npz", images=IMAGES, targets=255 - IMAGES)
  place, config = str(tmp_path / "pairs.npz"), tiny_config().data
  for targets, images in ((False, IMAGES), (True, 255 - IMAGES)):
    found = read_images(place, config, (8, 8, 1), lambda line: None, targets=targets)
    np.testing.assert_array_equal(found.images, images)
  # only of a run on pairs: elsewhere `targets` is another name of labels
  np.savez(tmp_path / "labelled.npz", images=IMAGES, targets=np.arange(3))
  for second in (False, True):
    _, found = passed(whole_run, tmp_path / "labelled.npz", tmp_path, second=second)
    expected = to_bytes(
      np.asarray(load_run(whole_run).reconstruct(jnp.asarray(IMAGES)))
    )
    np.testing.assert_array_equal(found["images"], expected)


def test_what_cannot_be_done_is_refused(whole_run, tmp_path):
  np.savez(tmp_path / "small.npz", images=IMAGES[..., :0, :])
  np.savez(tmp_path / "rgb.npz", images=IMAGES.repeat(3, axis=3))
  for mode, images, words in (
    ("upscale", "rgb.npz", "has no 'upscale' for --mode=upscale"),
    ("reconstruct", "rgb.npz", "8x8 pixels with 3 channels, but the run takes 8x8"),
    ("reconstruct", "small.npz", "none of them 0"),
    ("reconstruct", "absent", "does not exist"),
  ):
    with pytest.raises(UserError, match=words) as refusal:
      passed(whole_run, tmp_path / images, tmp_path, mode)
    assert str(refusal.value).isprintable()
  for own in ("reconstruct", "reconstruct.npz", "reconstruct/0.png"):
    with pytest.raises(UserError, match="is where the results go"):
      passed(whole_run, tmp_path / own, tmp_path)
  with pytest.raises(UserError, match="--mode=reconstruct needs images"):
    passed(whole_run, "", tmp_path)
  with pytest.raises(UserError, match="a.bmp and a.jpg, which would both become a.png"):
    pictures_of(["a.bmp", "b.bmp", "a.jpg"])


def test_a_function_says_which_images_it_takes():
  program = METHODS["sae"].build(tiny_config(), (8, 8, 1))
  assert taken_by(program, "encode") == (8, 8, 1)
  assert taken_by(program, "decode") == (24,)  # codes are no images
