"""What is said of the data at every start, and data that teach nothing."""

import io
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from configs import digits
from sgae.config import validate
from sgae.data.dataset import Dataset, Reading, Split
from sgae.data.reading import describe_data
from sgae.data.stacked import stack
from sgae.errors import UserError
from sgae.methods.gan.evaluate import GanEvaluator
from sgae.reporting.console import Console
from sgae.training import run
from tests.image_files import encode, pixels


def dataset(train, test, classes, names=(), read=Reading()):  # noqa: B008 (immutable)
  first, second = (
    Split(pixels(len(labels), 4, 6, 3), np.array(labels, np.int32))
    for labels in (train, test)
  )
  return Dataset("pets", first, second, classes, None, names, read)


def test_all_that_a_source_says_is_in_the_line():
  read = Reading(
    "folder pets", "val/", ("labels from a.csv",), ("3 .avif", "x/"), "black"
  )
  line = describe_data(dataset([0, 0, 1], [0], 2, ("ant", "bee"), read))
  assert line.split("; ") == [
    "folder pets: 3 training and 1 test images of 4x6x3",
    "2 classes (ant, bee)",
    "no test images of bee",
    "test split: val/",
    "background of transparent pixels: black",
    "labels from a.csv",
    "left out: 3 .avif, x/",
  ]


def test_what_there_is_nothing_to_say_of_is_not_in_the_line():
  line = describe_data(dataset([0, 0], [0], 1))
  assert line == "pets: 2 training and 1 test images of 4x6x3; no labels"


def test_thousands_of_names_stay_one_short_line():
  names = tuple(f"class {n}" for n in range(5000))
  line = describe_data(dataset([0], [4999], 5000, names, Reading(left_out=names)))
  assert "5,000 classes (class 0, " in line
  assert "class 9 and 4,990 more)" in line
  assert "no training images of class 1, class 2, class 3, class 4" in line
  assert len(line) < 600


def test_endless_images():
  grey = Split(pixels(5, 4, 4, 1), np.zeros(5, np.int32))
  line = describe_data(stack(Dataset("d", grey, grey, 1), 2, 0))
  assert line.startswith("2 images of d in each: endless training and 26,000 test")


def test_the_report_has_the_names_of_the_classes():
  data = dataset([0, 1], [0, 1], 2, ("9", "10"))
  samples: Any = SimpleNamespace(probabilities=np.eye(2)[[1, 1, 1, 0]])
  evaluator: Any = SimpleNamespace(data=SimpleNamespace(dataset=data))
  detail = GanEvaluator.detail(evaluator, SimpleNamespace(samples=samples))  # type: ignore
  assert detail["class_names"] == ["9", "10"]
  assert detail["class_share"] == [0.25, 0.75]


@pytest.mark.parametrize("hidden", [False, True])
def test_data_that_are_all_alike_are_refused(tmp_path, make_config, hidden):
  image = np.full((8, 8, 4), 255, np.uint8)
  image[..., 3] = 0 if hidden else 255
  (tmp_path / "a").mkdir()
  for number in range(3000):  # more than are compared at once
    (tmp_path / "a" / f"{number}.png").write_bytes(encode(image))
  config = digits.get_config()
  config.data.update(
    make_config(source="folder", path=str(tmp_path / "a"), image_size=8).to_dict()
  )
  with pytest.raises(UserError) as refusal:
    run.train(validate(config), tmp_path / "run", Console(io.StringIO()))
  assert "all 2,700 training images of a are alike" in str(refusal.value)
  assert ("data.background=" in str(refusal.value)) == hidden
  assert str(refusal.value).isprintable()


@pytest.mark.parametrize(
  ("changes", "words"),
  [
    ({"source": "folder", "path": "a", "background": "no colour"}, "is not a colour"),
    (
      {"source": "npz", "path": "a", "background": "white"},
      "choose data.source from f",
    ),
    ({"source": "idx"}, "needs a folder with IDX files"),
    ({"source": "digits", "path": "a"}, "from npz, folder, parquet, idx"),
  ],
)
def test_fields_that_do_not_fit_are_refused(changes, words):
  config = digits.get_config()
  config.data.update(changes)
  with pytest.raises(UserError, match=words):
    validate(config)
