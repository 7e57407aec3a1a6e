"""The warnings of training a variational autoencoder."""

from sgae.diagnostics.rules import Rule, exploding_gradient

# Nats per image: latents of MNIST carry 15 to 30 with a Gaussian decoder of any kind,
# and below half a nat not even two classes are told apart.
COLLAPSED = 0.5


def posterior_collapse(name: str, advice: str) -> Rule:
  """Warns where latents carry nothing; `name` is the metric of KL, nats per image."""

  def check(now, past):
    del past
    if name not in now:
      return None
    kl = now[name]
    return f"{name} is {kl:.3g} nats per image" if kl < COLLAPSED else ""

  return Rule("posterior_collapse", (name,), check, 5, advice)


WARNINGS: tuple[Rule, ...] = (
  exploding_gradient(("vae/grad_norm",), "lower vae.optimizer.learning_rate"),
  posterior_collapse(
    "vae/kl", "lower vae.beta, raise vae.beta_warmup or vae.free_bits"
  ),
)
