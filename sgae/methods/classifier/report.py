"""What the report shows of a classifier."""

from sgae.reporting.contents import Curve, Meaning, MethodReport, Panel

_ACCURACY = ("classifier/test_accuracy", "classifier/test_accuracy_error")

_TRAINING = (
  Panel(
    "Accuracy",
    (
      Curve("classifier/accuracy", "training"),
      Curve(_ACCURACY[0], "test", _ACCURACY[1]),
    ),
  ),
  Panel("Loss", (Curve("classifier/loss", "cross-entropy"),)),
  Panel("Gradient norm", (Curve("classifier/grad_norm", "classifier"),)),
)

REPORT = MethodReport(
  title="Classifier",
  panels=(("Classifier", _TRAINING),),
  meanings={
    "accuracy": Meaning(
      "Accuracy",
      "higher",
      "share of test images, or rotations, named correctly",
    )
  },
  headline=("accuracy",),
  while_training={"accuracy": _ACCURACY},
)
