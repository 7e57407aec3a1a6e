"""The warnings of training recognition."""

from sgae.diagnostics.rules import (
  Numbers,
  Past,
  Rule,
  Verdict,
  above_best,
  exploding_gradient,
)

# Nats; log 2 = .69 where real and generated images are not told apart. Healthy runs
# fall below it at first, and rise above .1 when the generator comes nearer.
COLLAPSED = 0.02
# Accuracy on labelled images of a discriminator that knows them by heart, and the error
# on others that is then too large.
BY_HEART, OVERFITTED = 0.999, 0.25

_OVERFITTING = ("recognition/labelled_accuracy", "recognition/test_error")


def _collapsed(now: Numbers, past: Past) -> Verdict:
  del past
  if "recognition/unlabelled_loss" not in now:
    return None
  loss = now["recognition/unlabelled_loss"]
  return f"recognition/unlabelled_loss is {loss:.3g}" if loss < COLLAPSED else ""


def _overfits(now: Numbers, past: Past) -> Verdict:
  accuracy, error = _OVERFITTING
  if error not in now:
    return None
  known = now.get(accuracy, past[accuracy].last)
  if not (known >= BY_HEART and now[error] > OVERFITTED):
    return ""
  return f"{accuracy} is {known:.3g} and {error} {now[error]:.3g}"


WARNINGS: tuple[Rule, ...] = (
  exploding_gradient(
    ("recognition/d_grad_norm", "recognition/g_grad_norm"),
    "lower that player's learning_rate",
  ),
  Rule(
    "collapsed_unlabelled_loss",
    ("recognition/unlabelled_loss",),
    _collapsed,
    20,
    "the discriminator tells every generated image, which teaches no classes: raise "
    "recognition.input_noise or hidden_noise, or lower "
    "recognition.discriminator_optimizer.learning_rate",
  ),
  Rule(
    "overfitted_labels",
    _OVERFITTING,
    _overfits,
    3,
    "the discriminator knows the labelled images by heart: raise "
    "recognition.unlabelled_weight or input_noise, or give it more labels",
  ),
  above_best(
    "worse_error",
    "recognition/test_error",
    "recognition/test_error_error",
    "lower both learning rates, or raise recognition.ema_decay",
  ),
)
