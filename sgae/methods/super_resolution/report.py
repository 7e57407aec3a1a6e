"""What the report shows of super-resolution."""

from sgae.methods.generation import SAMPLE_MEANINGS
from sgae.reporting.contents import Curve, Drawn, Meaning, MethodReport, Panel

_P = "super_resolution"
_PSNR = (f"{_P}/test_psnr", f"{_P}/test_psnr_error")
_SSIM = (f"{_P}/test_ssim", f"{_P}/test_ssim_error")

_IMAGES = (
  Panel("PSNR [dB]", (Curve(_PSNR[0], "test", _PSNR[1]),)),
  Panel("SSIM", (Curve(_SSIM[0], "test", _SSIM[1]),)),
  Panel("Inconsistency [levels of 255]", (Curve(f"{_P}/test_inconsistency", "test"),)),
)

_TRAINING = (
  Panel("Absolute error of pixels", (Curve(f"{_P}/pixel_error", "training"),)),
  Panel("Feature error", (Curve(f"{_P}/feature_error", "training"),)),
  Panel(
    "Losses",
    (
      Curve(f"{_P}/g_loss", "generator"),
      Curve(f"{_P}/adversarial", "its adversarial part"),
      Curve(f"{_P}/d_loss", "discriminator"),
    ),
  ),
  Panel("Mean logits", (Curve(f"{_P}/d_real", "real"), Curve(f"{_P}/d_fake", "made"))),
  Panel("Active latents", (Curve(f"{_P}/l0", "training"),)),
  Panel(
    "Gradient norms",
    (
      Curve(f"{_P}/g_grad_norm", "generator"),
      Curve(f"{_P}/d_grad_norm", "discriminator"),
    ),
  ),
)

REPORT = MethodReport(
  title="Super-resolution",
  panels=(("Images", _IMAGES), ("Super-resolution", _TRAINING)),
  meanings={
    "psnr": Meaning("PSNR", "higher", "mean over images, of bytes [dB]"),
    "ssim": Meaning("SSIM", "higher", "structural similarity, window of sigma 1.5"),
    "feature_distance": Meaning(
      "Feature distance", "lower", "|f - g|^2 / |g|^2 of an image and the true one"
    ),
    "inconsistency": Meaning(
      "Inconsistency",
      "lower",
      "difference of the result, made small, from what it was made of [levels]",
    ),
    "frechet": SAMPLE_MEANINGS["frechet"],
    "class_accuracy": Meaning(
      "Class accuracy", "higher", "share of results whose class is still recognised"
    ),
  },
  headline=("psnr", "ssim", "feature_distance", "inconsistency"),
  while_training={"psnr": _PSNR, "ssim": _SSIM},
  pictures={
    "upscaled": Drawn(
      "Enlarged test images",
      "From above: small images as they are, enlarged by bicubic interpolation, what "
      "the generator makes of them, and the true large images.",
    )
  },
)
