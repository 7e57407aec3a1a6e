"""What the report shows of adversarial training."""

from sgae.methods.generation import SAMPLE_MEANINGS
from sgae.reporting.contents import Curve, MethodReport, Panel

_SHARE = (0.0, 1.0)

_SAMPLES = (
  Panel(
    "Fréchet distance",
    (Curve("gan/frechet", "samples to reference", "gan/frechet_error"),),
  ),
  Panel(
    "Precision and recall",
    (Curve("gan/precision", "precision"), Curve("gan/recall", "recall")),
    _SHARE,
  ),
  Panel("Class KL [nats]", (Curve("gan/class_kl", "samples to reference"),)),
  Panel(
    "Class accuracy",
    (Curve("gan/class_accuracy", "samples", "gan/class_accuracy_error"),),
    _SHARE,
  ),
  Panel(
    "Fréchet distance within classes",
    (
      Curve("gan/class_frechet", "mean", "gan/class_frechet_error"),
      Curve("gan/class_frechet_worst", "worst class", "gan/class_frechet_worst_error"),
    ),
  ),
  Panel(
    "Distance between pairs",
    (
      Curve("gan/pair_distance_generated", "generated"),
      Curve("gan/pair_distance_real", "real"),
    ),
  ),
)

_TRAINING = (
  Panel(
    "Losses",
    (Curve("gan/d_loss", "discriminator"), Curve("gan/g_loss", "generator")),
  ),
  Panel("Mean logits", (Curve("gan/d_real", "real"), Curve("gan/d_fake", "generated"))),
  Panel(
    "Mean energies",
    (Curve("gan/energy_real", "real"), Curve("gan/energy_fake", "generated")),
  ),
  Panel("Share below the margin", (Curve("gan/below_margin", "generated"),), _SHARE),
  Panel("Convergence measure", (Curve("gan/convergence", "BEGAN's M"),)),
  Panel("Balance", (Curve("gan/balance", "BEGAN's k"),), _SHARE),
  Panel(
    "Overfitting of the discriminator",
    (Curve("gan/overfitting", "held-out images", "gan/overfitting_error"),),
  ),
  Panel(
    "Logits at evaluation",
    (
      Curve("gan/d_training", "training images"),
      Curve("gan/d_held_out", "held-out images"),
      Curve("gan/d_generated", "generated"),
    ),
  ),
  Panel(
    "Adaptive augmentation",
    (
      Curve("gan/augment_probability", "chance of each alteration"),
      Curve("gan/r_t", "r_t"),
    ),
  ),
  Panel(
    "Consistency",
    (
      Curve("gan/consistency_real", "real"),
      Curve("gan/consistency_fake", "generated"),
    ),
  ),
  Panel("LeCam", (Curve("gan/lecam", "penalty"),)),
  Panel("Pulling-away term", (Curve("gan/pulling_away", "generated"),), _SHARE),
  Panel(
    "Terms of classes",
    (Curve("gan/d_class", "discriminator"), Curve("gan/g_class", "generator")),
  ),
  Panel(
    "Penalties",
    (
      Curve("gan/r1", "R1"),
      Curve("gan/r2", "R2"),
      Curve("gan/gradient_penalty", "gradient penalty"),
    ),
  ),
  Panel(
    "Gradient norms",
    (
      Curve("discriminator/grad_norm", "discriminator"),
      Curve("generator/grad_norm", "generator"),
    ),
  ),
  Panel("Generator's L0", (Curve("gan/code_l0", "active latents"),)),
)

REPORT = MethodReport(
  title="Generator",
  panels=(("Samples", _SAMPLES), ("Adversarial training", _TRAINING)),
  meanings=SAMPLE_MEANINGS,
  headline=(
    "frechet",
    "precision",
    "recall",
    "class_accuracy",
    "class_frechet",
    "classification_accuracy",
    "classes_covered",
    "modes_covered",
    "neighbour_ratio",
  ),
  while_training={
    name: (f"gan/{name}", f"gan/{name}_error")
    for name in (
      "frechet",
      "precision",
      "recall",
      "classes_covered",
      "modes_covered",
      "high_quality",
      "class_kl",
      "class_accuracy",
      "class_frechet",
      "class_frechet_worst",
    )
  },
)
