"""What the report shows of translation."""

from sgae.reporting.contents import Curve, Drawn, Meaning, MethodReport, Panel

_WORDS = {"ab": "A to B", "ba": "B to A"}


def _both(figure: str) -> tuple[Curve, ...]:
  """Returns the curves of a figure, one for each direction."""
  return tuple(
    Curve(
      f"translation/{figure}_{direction}",
      words,
      f"translation/{figure}_{direction}_error",
    )
    for direction, words in _WORDS.items()
  )


def _meanings(figure: str, label: str, better: str, text: str) -> dict[str, Meaning]:
  """Returns what a figure of each direction says."""
  return {
    f"{figure}_{direction}": Meaning(f"{label}, {words}", better, text)
    for direction, words in _WORDS.items()
  }


_RESULTS = (
  Panel(
    "Accuracy of the target's classifier on translated test images",
    _both("accuracy"),
    (0.0, 1.0),
  ),
  Panel("Fréchet distance to the target side", _both("frechet")),
  Panel("Error after both ways [of 1]", _both("cycle_error")),
  Panel("Error to the true partner [of 1]", _both("pixel_error")),
)

_TRAINING = (
  Panel(
    "Generators' terms",
    (
      Curve("translation/adversarial", "adversarial"),
      Curve("translation/cycle", "cycle"),
      Curve("translation/identity", "identity"),
      Curve("translation/pair", "pairs"),
      Curve("translation/semantic", "classes kept"),
      Curve("translation/sparsity", "sparsity of the code"),
    ),
  ),
  Panel(
    "Losses",
    (
      Curve("translation/g_loss", "generators"),
      Curve("translation/d_loss", "discriminators"),
    ),
  ),
  Panel(
    "Mean logits",
    (
      Curve("translation/d_real", "real"),
      Curve("translation/d_fake", "translated"),
    ),
  ),
  Panel("Active latents", (Curve("translation/code_l0", "of an image"),)),
  Panel(
    "Gradient norms",
    (
      Curve("translation/g_grad_norm", "generators"),
      Curve("translation/d_grad_norm", "discriminators"),
    ),
  ),
)

_FIGURES = {
  **_meanings(
    "accuracy",
    "Accuracy",
    "higher",
    "share of translated test images that the target side's classifier names rightly",
  ),
  **_meanings(
    "untranslated_accuracy",
    "Accuracy as they are",
    "",
    "the same of images that are not translated",
  ),
  **_meanings(
    "frechet", "Fréchet distance", "lower", "between features of translated and real"
  ),
  **_meanings(
    "untranslated_frechet", "Fréchet as they are", "", "of images not translated"
  ),
  **_meanings(
    "cycle_error", "Cycle error", "lower", "mean absolute error after both ways, of 1"
  ),
  **_meanings(
    "returned_accuracy",
    "Accuracy after both ways",
    "higher",
    "of the own side's classifier",
  ),
  **_meanings(
    "pixel_error", "Pixel error", "lower", "mean absolute error to the true partner"
  ),
  **_meanings(
    "untranslated_pixel_error", "Pixel error as they are", "", "without translation"
  ),
}

_HEADLINE = tuple(
  f"{figure}_{direction}"
  for figure in ("accuracy", "frechet", "cycle_error", "pixel_error")
  for direction in _WORDS
)

_PICTURES = {
  direction: Drawn(
    f"Translated from {words}",
    "From above: test images, what they become, these translated back and, where they "
    "are known, the true partners.",
  )
  for direction, words in _WORDS.items()
}

REPORT = MethodReport(
  title="Translation",
  panels=(("Translated images", _RESULTS), ("Translation", _TRAINING)),
  meanings=_FIGURES,
  headline=_HEADLINE,
  while_training={
    name: (f"translation/{name}", f"translation/{name}_error") for name in _HEADLINE
  },
  pictures=_PICTURES,
)
