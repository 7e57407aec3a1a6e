"""What the report shows of a sparse autoencoder."""

from sgae.reporting.contents import Curve, Front, Meaning, MethodReport, Panel

_TRAINING = (
  Panel("FVU", (Curve("sae/fvu", "training"), Curve("sae/test_fvu", "test"))),
  Panel("L0", (Curve("sae/l0", "training"), Curve("sae/test_l0", "test"))),
  Panel(
    "Dead share",
    (
      Curve("sae/dead_fraction", "training, by its window"),
      Curve("sae/test_never_fired", "never on test images"),
    ),
  ),
  Panel("Loss", (Curve("sae/loss", "whole"), Curve("sae/auxiliary", "auxiliary"))),
  Panel("Gradient norm", (Curve("sae/grad_norm", "autoencoder"),)),
  Panel(
    "Firing rates of latents on test images",
    (
      Curve("sae/test_density_median", "median"),
      Curve("sae/test_density_max", "largest"),
    ),
  ),
)

REPORT = MethodReport(
  title="Sparse autoencoder",
  panels=(("Sparse autoencoder", _TRAINING),),
  meanings={
    "fvu": Meaning("FVU", "lower", "fraction of variance unexplained"),
    "dead_share": Meaning("Dead latents", "lower", "share that never fires"),
    "l0": Meaning("L0", "", "active latents per image"),
    "dictionary_stability": Meaning(
      "Dictionary stability", "higher", "cosine of atoms to those of the other seeds"
    ),
    "probe_error": Meaning("Probe error", "lower", "of a linear classifier on codes"),
  },
  headline=("fvu", "dead_share", "l0"),
  while_training={
    "fvu": ("sae/test_fvu", None),
    "dead_share": ("sae/test_dead_share", None),
    "l0": ("sae/test_l0", None),
  },
  front=Front("l0", "fvu", ("code.k", "code.rho", "sae.sparsity_weight")),
)
