"""What the report shows of recognition."""

from sgae.methods.generation import SAMPLE_MEANINGS
from sgae.reporting.contents import Curve, Meaning, MethodReport, Panel

_ERROR = ("recognition/test_error", "recognition/test_error_error")

_CLASSES = (
  Panel("Test error", (Curve(_ERROR[0], "average of the weights", _ERROR[1]),)),
  Panel(
    "Accuracy on labelled training images",
    (Curve("recognition/labelled_accuracy", "with noise"),),
  ),
)

_TRAINING = (
  Panel(
    "Discriminator's losses [nats]",
    (
      Curve("recognition/labelled_loss", "labelled"),
      Curve("recognition/unlabelled_loss", "real against generated"),
    ),
  ),
  Panel(
    "Probability of being real",
    (
      Curve("recognition/p_real", "unlabelled images"),
      Curve("recognition/p_generated", "generated images"),
    ),
    (0.0, 1.0),
  ),
  Panel("Feature matching", (Curve("recognition/g_loss", "generator"),)),
  Panel(
    "Gradient norms",
    (
      Curve("recognition/d_grad_norm", "discriminator"),
      Curve("recognition/g_grad_norm", "generator"),
    ),
  ),
)

REPORT = MethodReport(
  title="Recognition",
  panels=(("Classes", _CLASSES), ("Recognition", _TRAINING)),
  meanings={
    "test_error": Meaning("Test error", "lower", "share of test images named wrongly"),
    **SAMPLE_MEANINGS,
  },
  headline=("test_error", "frechet"),
  while_training={"test_error": _ERROR},
)
