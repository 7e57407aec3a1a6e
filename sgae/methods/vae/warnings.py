"""The warnings of training a variational autoencoder."""

from sgae.diagnostics.rules import Rule, exploding_gradient

# Nats per image: latents of MNIST carry 15 to 30 with a Gaussian decoder of any kind,
# and below half a nat not even two classes are told apart.
COLLAPSED = 0.5


def _posterior_collapse(now, past):
  del past
  if "vae/kl" not in now:
    return None
  kl = now["vae/kl"]
  return f"vae/kl is {kl:.3g} nats per image" if kl < COLLAPSED else ""


WARNINGS: tuple[Rule, ...] = (
  exploding_gradient(("vae/grad_norm",), "lower vae.optimizer.learning_rate"),
  Rule(
    "posterior_collapse",
    ("vae/kl",),
    _posterior_collapse,
    5,
    "lower vae.beta, raise vae.beta_warmup or vae.free_bits",
  ),
)
