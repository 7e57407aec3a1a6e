"""What translation refuses, of the config and of the data."""

from typing import Any

import numpy as np
import pytest

from sgae.config import validate
from sgae.data.dataset import Dataset, Split
from sgae.errors import UserError
from sgae.methods import METHODS
from tests.systems import EXAMPLES, translation_config

METHOD = METHODS["translation"]


@pytest.mark.parametrize(
  ("fields", "words"),
  [
    ({"pair_weight": 1.0}, "needs data in pairs"),
    ({"adversarial_weight": 0.0}, "leaves nothing that says how the other side looks"),
    ({"sparsity_weight": 1.0}, "is of a code"),
    ({"semantic_weight": 1.0}, "keeps the classes of a classifier: choose phases="),
    ({"generator_hidden": ()}, "generator_hidden=\\(\\) is not allowed"),
    ({"loss": "bogus"}, "translation.loss='bogus' is unknown"),
    ({"history": -1}, "translation.history=-1 is too small"),
    (
      {
        "generator_architecture": "sparse",
        "sparsity_weight": 1.0,
        "code__penalty": "none",
      },
      "needs a code.penalty other than 'none'",
    ),
  ],
)
def test_what_it_cannot_be_is_refused(fields, words):
  with pytest.raises(UserError, match=words):
    validate(translation_config(**fields))


def test_maps_of_one_place_are_not_normalized():
  """They would be zeros, and the network a constant."""
  side = Dataset("a", EXAMPLES, EXAMPLES, 10)
  both = side._replace(second=side)  # of 4x4 pixels
  for player, fits, small in (
    ("generator", (4, 4), (4, 4, 4)),
    ("discriminator", (4,), (4, 4)),
  ):
    fields: dict[str, Any] = dict.fromkeys(
      ("generator_normalization", "discriminator_normalization"), "none"
    )
    fields |= {f"{player}_normalization": "instance", f"{player}_hidden": fits}
    METHOD.check_data(translation_config(**fields), both)
    fields[f"{player}_hidden"] = small
    with pytest.raises(UserError, match=f"{player}_hidden=.* halves images of 4x4"):
      METHOD.check_data(translation_config(**fields), both)
    fields[f"{player}_normalization"] = "none"
    METHOD.check_data(translation_config(**fields), both)


def test_sides_must_have_one_shape():
  side = Split(np.zeros((3, 4, 4, 3), np.uint8), np.zeros(3, np.int32))
  other = Dataset("b", side, side, 1)
  config = translation_config()
  METHOD.check_data(config, Dataset("a", EXAMPLES, EXAMPLES, 10))
  with pytest.raises(UserError, match="but both sides must have one shape"):
    METHOD.check_data(config, Dataset("a", EXAMPLES, EXAMPLES, 10, second=other))
