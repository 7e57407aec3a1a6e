"""What the report shows of sparse coding."""

from sgae.reporting.contents import Curve, Meaning, MethodReport, Panel

_OBJECTIVE = "sparse_coding/test_objective"
_TRAINING = (
  Panel(
    "Objective",
    (
      Curve("sparse_coding/objective", "training"),
      Curve(_OBJECTIVE, "test", f"{_OBJECTIVE}_error"),
    ),
  ),
  Panel(
    "FVU",
    (
      Curve("sparse_coding/fvu", "training"),
      Curve("sparse_coding/test_fvu", "test"),
    ),
  ),
  Panel(
    "L0",
    (Curve("sparse_coding/l0", "training"), Curve("sparse_coding/test_l0", "test")),
  ),
  Panel(
    "Encoder",
    (
      Curve("sparse_coding/encoder_error", "error of its codes, training"),
      Curve("sparse_coding/test_amortisation_gap", "amortisation gap, test"),
    ),
  ),
  Panel(
    "Share of atoms replaced", (Curve("sparse_coding/dead_fraction", "in a step"),)
  ),
  Panel("Duality gap", (Curve("sparse_coding/gap", "of the objective, training"),)),
)

REPORT = MethodReport(
  title="Sparse coding",
  panels=(("Sparse coding", _TRAINING),),
  meanings={
    "objective": Meaning("Objective", "lower", "1/2 |x - u D|² + alpha |u|₁"),
    "amortisation_gap": Meaning(
      "Amortisation gap", "lower", "objective of the encoder's codes above the least"
    ),
    "fvu": Meaning("FVU", "lower", "fraction of variance unexplained"),
    "encoder_fvu": Meaning("FVU of the encoder", "lower", "by its own codes"),
    "l0": Meaning("L0", "", "latents in use per image"),
    "encoder_l0": Meaning("L0 of the encoder", "", "by its own codes"),
    "never_fired": Meaning("Never used", "lower", "share of atoms, on test images"),
    "coherence": Meaning("Coherence", "lower", "largest cosine of two atoms"),
    "probe_error": Meaning("Probe error", "lower", "of a linear classifier on codes"),
  },
  headline=("objective", "amortisation_gap", "fvu", "l0"),
  while_training={
    "objective": (_OBJECTIVE, f"{_OBJECTIVE}_error"),
    "amortisation_gap": ("sparse_coding/test_amortisation_gap", None),
    "fvu": ("sparse_coding/test_fvu", None),
    "l0": ("sparse_coding/test_l0", None),
  },
)
