"""jit, shard_map and pmap over 8 devices equal jit on one, in a separate process.

Tests every penalty and kind of sparsity map, some losses, and batched apply.
"""

import json
import os
import subprocess
import sys

import pytest

SCRIPT = """
import json, sys
import jax, numpy as np
from sgae.devices import batched_apply as batching
from sgae.devices.compiled_steps import MODES, CompiledSteps
from sgae.devices.mesh import (
  compute_on, fetch_local, local_mesh, make_mesh, replicate, take_member
)
from sgae.data import order, resident
from sgae.data.placement import PLACEMENTS, for_sides
from sgae.devices.batched_apply import batched_apply
from sgae.methods import population
from tests.systems import (
  CONVOLUTIONAL, DICTIONARY, EXAMPLES, MEAN, SECOND, make_phase, small_config
)

auxiliary = []

def final(name, config, mode, devices):
  phase = make_phase(name, config)
  mesh = make_mesh(devices)
  two, gather, source = name == "translation", resident.gather, EXAMPLES
  if two:
    gather, source = for_sides(PLACEMENTS["resident"]).gather, (EXAMPLES, SECOND)
  compiled = CompiledSteps(phase.step, gather, mesh, mode, phase.batch_shape)
  state = replicate(phase.init({}), mesh)
  source = replicate(source, mesh)
  for start in (0, 10):
    indices = order.batch_indices(0, name, start, 10, phase.batch_shape, 256)
    if two:
      second = order.batch_indices(0, "second", start, 10, phase.batch_shape, 100)
      indices = (indices, second)
    state, metrics = compiled(state, source, compiled.place(indices))
  assert compiled.traces == 1, compiled.traces
  auxiliary.append(float(metrics.get("sae/auxiliary", np.zeros(1)).max()))
  state = state.replace(key=0)
  return [np.asarray(leaf, np.float64) for leaf in jax.tree.leaves((state, metrics))]

# few of many latents, whose atoms are gathered, and layers so wide that their products
# have derivatives of their own
wide = dict(code__num_latents=128, code__k=2, sae__auxiliary_k=2,
            gan__generator_hidden=(512,), gan__discriminator_hidden=(512,))
cases = []
for sparsity_map, penalty, loss, weight, more in (
  ("topk", "none", "relativistic", 1.0, wide),
  ("batch_topk", "l1", "hinge", 1.0, dict(sae__matryoshka=(6, 24))),
  ("gated", "l1", "hinge", 1.0, dict(sae__unit_norm_atoms=False,
                                     sae__penalty_by_norms=True, sae__p_annealing=0.8)),
  ("jumprelu", "l0", "wasserstein", 0.0, {}),
  ("sigmoid", "kl", "non_saturating", 1.0, {}),
):
  fields = dict(code__sparsity_map=sparsity_map, code__penalty=penalty, gan__loss=loss,
                sae__sparsity_weight=1e-3, gan__sparsity_weight=1e-3,
                gan__penalties__gradient_penalty=weight, gan__discriminator_updates=2,
                sae__dead_after=1, **more)
  cases += [("sae", fields)]
  # adversarial losses are means over examples, so two of them stand for all
  cases += [("gan", fields)] * (loss in ("relativistic", "non_saturating"))
cases += [("classifier", dict(classifier__flip=True))]
cases += [
  ("vae", dict(vae__free_bits=0.5, vae__beta_warmup=5)),
  ("vae", dict(vae__posterior="spike_and_slab", vae__architecture="convolutional",
               vae__kernel_size=2)),
]
# a balance that leaves players out of some steps
cases += [("vae_gan", dict(vae_gan__least_cost=0.6, vae_gan__most_cost=0.75))]
cases += [("recognition", {})]
cases += [  # with all terms, and with a code
  ("super_resolution", dict(super_resolution__adversarial_weight=0.1,
                            super_resolution__feature_weight=0.1)),
  ("super_resolution", dict(super_resolution__generator="sparse",
    super_resolution__sparsity_weight=1e-3, super_resolution__decoder_rate_factor=0.5,
    code__sparsity_map="batch_topk", code__penalty="l1")),
]
# histories that images of all devices go into; one threshold of two codes. Instance
# normalization of four places would blow rounding up a thousandfold.
cases += [
  ("translation", dict(translation__generator_normalization="none",
                       translation__semantic_weight=1.0)),
  ("translation", dict(translation__generator_architecture="sparse",
    translation__sparsity_weight=1e-2, translation__loss="relativistic",
    translation__discriminator_normalization="spectral", code__penalty="l1",
    code__sparsity_map="batch_topk")),
]
# a gap that is not small: it is the difference of two numbers that are nearly the same
cases += [("sparse_coding", DICTIONARY | dict(sparse_coding__iterations=4))]
cases += [  # of few channels, and of some
  ("gan", CONVOLUTIONAL | dict(gan__loss="least_squares",
    gan__generator_hidden=(12, 8), gan__discriminator_hidden=(8, 12))),
  ("sae", CONVOLUTIONAL),
  ("gan", CONVOLUTIONAL | dict(
    gan__discriminator_normalization="batch", gan__penalties__r1=0.0,
    gan__penalties__r2=0.0, gan__loss="minimax")),
]
cases += [  # cosines between images of different devices, and a balance
  ("gan", dict(gan__loss="equilibrium", gan__energy__pulling_away=0.5,
    gan__discriminator_architecture="sparse_autoencoder", gan__energy__balance_rate=0.5,
    gan__energy__gamma=1.0)),
]
cases += [  # classes, of which images of different devices are compared
  ("gan", dict(gan__conditional__classes=10, gan__conditional__discriminator="reacgan",
    gan__conditional__width=6, gan__loss="least_squares")),
]
cases += [  # a chance and averages that rounds move, packs of neighbours, and dropout
  ("gan", dict(gan__generator="plain", gan__sparsity_weight=0.0, gan__packing=2,
    gan__discriminator_dropout=0.3,
    gan__augmentation__kinds=("shift",), gan__augmentation__target=0.3,
    gan__augmentation__speed=160, gan__lecam__weight=0.3, gan__lecam__start=0,
    gan__loss="least_squares", gan__label_noise=0.1)),
]
worst, part = 0.0, int(sys.argv[1])
for number, (name, fields) in list(enumerate(cases))[part::2]:
  config = small_config(**fields)
  reference = final(name, config, "jit", 1)
  # A step reduces by hand in shard_map; pmap hands the same axis to the same step, and
  # jit none at all: how they place and gather is seen in one case.
  for mode in MODES if number < 1 else ["shard_map"]:
    for a, b in zip(reference, final(name, config, mode, 8), strict=True):
      worst = max(worst, float(np.max(np.abs(a - b)) / (1e-3 + np.max(np.abs(a)))))

if part:  # the rest is for one of them
  print(json.dumps([worst, max(auxiliary)]))
  sys.exit()

# a population, whose members are spread over the devices
def final_population(mode, devices):
  config = small_config()
  config.population.update(seeds=8)
  program = population.build("gan", config, MEAN.shape, MEAN)
  mesh = make_mesh(devices, members=8)
  compiled = CompiledSteps(
    program.step, resident.gather, mesh, mode, program.batch_shape, members=8
  )
  key = jax.random.key(0)
  state = compute_on(program.init, mesh, key, members=8)
  indices = np.stack(
    [order.batch_indices(s, "gan", 0, 10, program.batch_shape, 256)
     for s in program.members], axis=1)
  state, metrics = compiled(
    state, replicate(EXAMPLES, mesh), compiled.place(indices[:, compiled.rows]))
  kernel = state.members.generator.params["coder"]["Dense_0"]["kernel"]
  assert len({str(shard.index) for shard in kernel.addressable_shards}) == devices
  one = take_member(state.members, 3, mesh)
  assert one.step.is_fully_replicated and int(one.step) == 10
  members = fetch_local(state).members.replace(key=0)
  return [np.asarray(leaf, np.float64) for leaf in jax.tree.leaves((members, metrics))]

reference = final_population("jit", 1)
for mode in ("jit", "shard_map"):
  for a, b in zip(reference, final_population(mode, 8), strict=True):
    worst = max(worst, float(np.max(np.abs(a - b)) / (1e-3 + np.max(np.abs(a)))))
assert make_mesh(0, members=6).size == 6

# numbers of rows that the devices do not divide, and fewer rows than devices
tree = {"scale": np.float32(3)}
calls = []

def scale_and_sum(tree, rows):
  calls.append(rows.shape)
  return {"scaled": rows * tree["scale"], "sum": rows.sum(axis=1)}

for devices in (1, 8):
  mesh = make_mesh(devices)
  run = batched_apply(scale_and_sum, mesh, 20)
  placed = replicate(tree, mesh)
  for count in (1, 5, 24, 61):
    rows = np.arange(count * 2, dtype=np.float32).reshape(count, 2)
    outputs = run(placed, rows)
    assert isinstance(outputs["scaled"], np.ndarray)
    np.testing.assert_array_equal(outputs["scaled"], 3 * rows)
    np.testing.assert_array_equal(outputs["sum"], rows.sum(axis=1))
# one program for any number of rows, whose batch size is a multiple of the devices
assert set(calls) == {(20, 2), (24, 2)}, calls
calls.clear()
batching.RESULTS = 13 * 12  # 13 rows of three numbers
batched_apply(scale_and_sum, mesh, 20)(placed, rows)
assert calls[-1] == (8, 2), calls
assert local_mesh().size == 1
print(json.dumps([worst, max(auxiliary)]))
"""


@pytest.mark.parametrize("part", [0, 1])  # of the cases, for two workers
def test_all_modes_agree_on_eight_devices(part):
  flags = f"{os.environ['XLA_FLAGS']} --xla_force_host_platform_device_count=8"
  done = subprocess.run(
    [sys.executable, "-c", SCRIPT, str(part)],
    env=os.environ | {"XLA_FLAGS": flags, "JAX_PLATFORMS": "cpu", "PYTHONPATH": "."},
    capture_output=True,
    text=True,
    timeout=500,
  )
  assert done.returncode == 0, done.stderr[-2000:]
  difference, largest_auxiliary_loss = json.loads(done.stdout.splitlines()[-1])
  assert difference < 1e-5
  # else no latent died, and its loss was not tried
  assert part or largest_auxiliary_loss > 0
