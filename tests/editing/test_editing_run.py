"""Images of a trained run are inverted and edited by the modes of the command line."""

import io

import numpy as np
import pytest
from PIL import Image

from sgae.data import sources
from sgae.editing import edit, invert
from sgae.editing.choice import EditChoice, InvertChoice
from sgae.editing.trained import open_run
from sgae.errors import UserError
from sgae.evaluation.choice import Choice
from sgae.evaluation.sample import sample_run
from sgae.reporting.console import Console
from tests.runs import tiny_config, tiny_dictionary_config, train


class Stopping(Console):
  """A console that ends the command at a line that says `at`."""

  def __init__(self, at):
    super().__init__(io.StringIO())
    self.at = at

  def line(self, text):
    super().line(text)
    if self.at in text:
      raise KeyboardInterrupt


@pytest.fixture(scope="module")
def given(tmp_path_factory):
  """A file with ten test images of the tiny run's data."""
  config = tiny_config().data
  images = sources.load(config, lambda line: None).test.images[:10]
  file = tmp_path_factory.mktemp("given") / "images.npz"
  np.savez(file, images=images)
  return file, images


def inverted(run, file, output, **choice):
  said = io.StringIO()
  invert.invert_run(
    run,
    {},
    InvertChoice(str(file), iterations=5, **choice),
    Console(said),
    output=output,
  )
  with np.load(output / invert.ARRAYS) as arrays:
    return dict(arrays), said.getvalue()


def edited(run, output, **choice):
  said = io.StringIO()
  asked = EditChoice(**choice)
  edit.edit_run(run, {}, asked, Console(said), output=output)
  with np.load(output / edit.ARRAYS) as arrays:
    return dict(arrays), said.getvalue()


def test_codes_of_images_come_nearer_than_the_encoder(whole_run, given, tmp_path):
  file, images = given
  found, said = inverted(whole_run, file, tmp_path)
  np.testing.assert_array_equal(found["images"], images)
  assert found["codes"].shape == (10, 24) and (found["codes"] >= 0).all()
  assert ((found["codes"] > 0).sum(axis=1) <= 4).all()  # of the top-k encoder
  assert (found["pixel_error"] < found["start_error"]).mean() > 0.7
  assert "10 images as codes of gan of step 20, from codes of sae" in said
  height, width = np.asarray(Image.open(tmp_path / invert.PICTURE)).shape
  assert width > 3 * height  # ten columns; rows of given, found and reconstructed
  assert not (tmp_path / invert.PARTS).exists()
  latents, said = inverted(whole_run, file, tmp_path / "latent", space="latent")
  assert latents["latents"].shape == (10, 64) and "random draws" in said
  other, _ = inverted(whole_run, file, tmp_path / "o", space="latent", seed=1)
  assert (other["start_error"] != latents["start_error"]).any()


def test_an_inversion_that_was_stopped_goes_on_with_the_same_bits(
  whole_run, given, tmp_path
):
  _, images = given
  trained = open_run(whole_run, {}, "code", Console(io.StringIO()), -1, tmp_path)
  quiet, parts = Console(io.StringIO()), tmp_path / "parts"
  expected = invert.inverted(trained, images, 5, 0, quiet)
  with pytest.raises(KeyboardInterrupt):
    invert.inverted(trained, images, 5, 0, Stopping("8 of 10"), parts, part=4)
  assert len(list(parts.glob("*.npz"))) == 2
  said = io.StringIO()
  found = invert.inverted(trained, images, 5, 0, Console(said), parts, part=4)
  assert "Going on: 2 parts" in said.getvalue() and "4 of 10" not in said.getvalue()
  for name, values in expected.items():
    np.testing.assert_array_equal(found[name], values)
  # parts of other images are not taken for these
  said = io.StringIO()
  other = invert.inverted(trained, images[::-1], 5, 0, Console(said), parts, part=4)
  assert "Going on" not in said.getvalue()
  np.testing.assert_array_equal(other["points"], expected["points"][::-1])


def test_samples_are_edited_at_several_strengths(whole_run, tmp_path):
  found, said = edited(whole_run, tmp_path, towards="8:3", strengths="0,1")
  assert found["images"].shape == (8, 2, 8, 8, 1)
  assert not found["touched"][:, 0].any() and not found["pixel_change"][:, 0].any()
  assert (found["touched"][:, 1].sum(axis=1) <= 3).all() and found["touched"].any()
  np.testing.assert_array_equal(found["classes"][:, 0], found["class_before"])
  assert "strength 0: 0 of 24 latents touched, pixel change 0.0000" in said
  # the samples of --mode=sample
  choice, quiet = Choice(indices="0-7"), Console(io.StringIO())
  sample_run(whole_run, {}, 0, "npz", quiet, choice=choice, output=tmp_path)
  samples = np.load(tmp_path / "samples" / "samples.npz")["arr_0"][..., :1]
  np.testing.assert_array_equal(found["images"][:, 0], samples)
  assert np.asarray(Image.open(tmp_path / edit.PICTURE)).shape[1] == 2 * 58 + 2


def test_images_are_edited_by_their_inversion(whole_run, given, tmp_path):
  file, images = given
  kept, _ = inverted(whole_run, file, tmp_path)
  asked = {"transfer": "2", "strengths": "0,1"}
  own, _ = edited(whole_run, tmp_path, images=str(file), iterations=5, **asked)
  again, _ = edited(whole_run, tmp_path, images=str(tmp_path / invert.ARRAYS), **asked)
  np.testing.assert_array_equal(own["codes"][:, 0], kept["codes"])
  np.testing.assert_array_equal(own["images"][:, 0], kept["inverted"])
  for name, values in own.items():
    np.testing.assert_array_equal(values, again[name])
  for image in own["images"][:, 1]:
    assert np.abs(image.astype(int) - kept["inverted"][2]).max() <= 1
  for ignored in ({"iterations": 5}, {"seed": 1}):
    with pytest.raises(UserError, match="holds them already"):
      edited(
        whole_run, tmp_path, images=str(tmp_path / invert.ARRAYS), **asked | ignored
      )
  # its points are of these weights alone
  arrays = dict(np.load(tmp_path / invert.ARRAYS)) | {"states": np.array("0" * 64)}
  np.savez(tmp_path / "other.npz", allow_pickle=False, **arrays)
  with pytest.raises(UserError, match="of another run, member or step"):
    edited(whole_run, tmp_path, images=str(tmp_path / "other.npz"), **asked)


def test_latents_and_principal_directions_are_edited(whole_run, tmp_path):
  codes, _ = edited(whole_run, tmp_path, along="pca:1", strengths="2", indices="4")
  assert codes["images"].shape == (1, 1, 8, 8, 1) and codes["touched"].sum() > 4
  latents, _ = edited(
    whole_run, tmp_path, space="latent", set="3=+1,5=0", strengths="1"
  )
  assert latents["touched"].sum(axis=(1, 2)).tolist() == [2] * 8
  moved, _ = edited(whole_run, tmp_path, space="latent", towards="1", strengths="1")
  assert moved["touched"].any()


def test_what_cannot_be_inverted_or_edited_is_refused(whole_run, given, tmp_path):
  file, _ = given
  with pytest.raises(UserError, match="--mode=invert needs images"):
    inverted(whole_run, "", tmp_path)
  with pytest.raises(UserError, match="--seed=1 is of random draws"):
    inverted(whole_run, file, tmp_path, seed=1)
  with pytest.raises(UserError, match="--space='w' is not allowed"):
    inverted(whole_run, file, tmp_path, space="w")
  with pytest.raises(UserError, match="--towards='horse' names no class"):
    edited(whole_run, tmp_path, towards="horse")
  with pytest.raises(UserError, match="there are 24"):
    edited(whole_run, tmp_path, set="24=1")
  # before the points of images are looked for, which would take hours
  for wrong in ({"set": "24=1"}, {"transfer": "10"}, {"along": "pca:99"}):
    with pytest.raises(UserError, match=f"^--{[*wrong][0]}="):
      edited(whole_run, tmp_path, images=str(file), iterations=100_000, **wrong)
  train(tmp_path / "dictionary", tiny_dictionary_config())
  with pytest.raises(UserError, match="generates images"):
    edited(tmp_path / "dictionary", tmp_path, towards="8")
