"""MNIST: error against sparsity of autoencoders of 512 latents, of every kind.

    python launch.py --config=configs/pareto.py:topk --workdir=runs/pareto_topk
    python launch.py --config=configs/pareto.py:gated --workdir=runs/pareto_gated
    python launch.py --mode=compare --runs=runs/pareto_topk,runs/pareto_gated

`configs/pareto.py:KIND` chooses what is trained, three seeds of each setting:

    :topk         k = 32; the default
    :batch_topk   the same budget, shared by a batch
    :matryoshka   the same, and prefixes of 16, 32, 64, 128 reconstruct alone
    :archetypal   top-k, with atoms near mixtures of 512 centres of the images
    :jumprelu     learned thresholds, a weight of L0
    :gated        gates with an L1, magnitudes of their own
    :l1           ReLU and an L1
    :l1_norms     the same with free atoms, whose norms weigh the L1
    :p_annealing  ReLU and the sum of f^p, p from 1 to .2
    :kl           sigmoid units, KL to a mean activation of 8, 32 or 64 / 512; none is
                  ever zero, so that L0 is 512

The first four have their L0 by `--config.code.k`, one run for each; the others train
all their weights as one population.

Three seeds, 400 steps, 30 seconds to 2 minutes 19 seconds a kind on one of 2 shared
cores of an Intel Xeon, commit 04e96bc (`:topk` and `:archetypal` d721883). Test FVU
near an L0 of 32: `:batch_topk` .152, `:topk` .156, `:jumprelu` .164 (L0 28),
`:matryoshka` .173, `:archetypal` .198, `:p_annealing` .233 (25), `:gated` .274 (26),
`:l1` .355 (56); configs/README.md has all settings. JumpReLU's weight of L0
saturates, since Adam steps by the sign of what only the thresholds get.
"""

from typing import Any

from configs import base
from sgae.config_checks import chosen

BY_K = ("topk", "batch_topk", "matryoshka", "archetypal")
# Kind -> the field that moves it along its curve, and values of it.
VARIED = {
  "jumprelu": ("sae.sparsity_weight", (3e-4, 1e-3, 5e-3)),
  "gated": ("sae.sparsity_weight", (7e-3, 1.5e-2, 3e-2)),
  "l1": ("sae.sparsity_weight", (2e-3, 5e-3, 1e-2)),
  "l1_norms": ("sae.sparsity_weight", (2e-3, 5e-3, 1e-2)),
  "p_annealing": ("sae.sparsity_weight", (3e-4, 1e-3, 3e-3)),
  "kl": ("code.rho", (8 / 512, 32 / 512, 64 / 512)),
}
KINDS = (*BY_K, *VARIED)


def get_config(arg: str = "") -> Any:
  """Returns the config; `arg` is one of `KINDS`, or '' for the first.

  Raises:
    UserError: there is no such kind.
  """
  kind = chosen("kind", arg, KINDS)
  config = base.get_config(("sae",))
  config.data.source = "tfds"
  config.data.name = "mnist"
  config.population.seeds = 3
  config.code.update(num_latents=512, k=32, penalty="none", sparsity_map=kind)
  sae = config.sae
  sae.output = "linear"
  sae.optimizer.update(learning_rate=3e-3, schedule="cosine")
  sae.update(steps=400, log_every=50, evaluate_every=400, save_every=400)
  if kind == "matryoshka":
    config.code.sparsity_map = "batch_topk"
    sae.matryoshka = (16, 32, 64, 128, 512)
  elif kind == "archetypal":
    config.code.sparsity_map = "topk"
    # centres are alike: a tied encoder would fire on all of them at once
    sae.update(archetypes=512, unit_norm_atoms=False, tied_start=False)
  elif kind in VARIED:
    field, values = VARIED[kind]
    config.population.vary = (f"{field}={','.join(f'{value:g}' for value in values)}",)
    _set_up_penalty(config, kind)
  return config


def _set_up_penalty(config: Any, kind: str) -> None:
  code, sae = config.code, config.sae
  if kind == "kl":
    code.update(sparsity_map="sigmoid", penalty="kl")
    sae.update(auxiliary_weight=0.0, sparsity_weight=1e-3)
    sae.optimizer.learning_rate = 2e-2  # units start half on, and have far to go
  elif kind == "jumprelu":
    # wide enough for few steps: thresholds alone have a gradient by the penalty
    code.update(penalty="l0", threshold=0.5, bandwidth=0.5)
  else:
    code.penalty = "l1"
    code.sparsity_map = "gated" if kind == "gated" else "relu"
  if kind == "l1_norms":
    sae.update(unit_norm_atoms=False, penalty_by_norms=True)
  if kind == "p_annealing":
    sae.p_annealing = 0.8
