"""What the report shows of adversarial training."""

from sgae.reporting.contents import Curve, Meaning, MethodReport, Panel

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
  meanings={
    "frechet": Meaning(
      "Fréchet distance", "lower", "between the features of samples and of real images"
    ),
    "precision": Meaning(
      "Precision", "higher", "share of samples that lie among real images"
    ),
    "recall": Meaning(
      "Recall", "higher", "share of real images that lie among samples"
    ),
    "classes_covered": Meaning("Classes", "higher", "classes that samples cover"),
    "modes_covered": Meaning("Modes", "higher", "modes that samples cover"),
    "neighbour_ratio": Meaning(
      "Neighbour ratio", "", "nearness to training images; far below 1: copies"
    ),
    "kernel": Meaning("Kernel distance", "lower", "unbiased, so it may be below 0"),
    "density": Meaning("Density", "higher", "real neighbourhoods a sample lies in"),
    "coverage": Meaning(
      "Coverage", "higher", "share of real images with a sample near"
    ),
    "classifier_score": Meaning(
      "Classifier score", "higher", "the inception score, with this classifier"
    ),
    "class_kl": Meaning("Class KL", "lower", "from the reference's classes [nats]"),
    "copies": Meaning("Copies", "lower", "samples that repeat a training image"),
  },
  headline=(
    "frechet",
    "precision",
    "recall",
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
    )
  },
)
