"""With the switch on, every kernel is its plain reference, with the same results."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from sgae.errors import UserError
from sgae.kernels import dense, microbatches, switch, winograd
from sgae.kernels.convolution import convolve, convolve_transposed
from sgae.kernels.dense import WIDE
from sgae.kernels.switch import KERNELS, use_references
from sgae.kernels.top_k import top_k
from sgae.losses import penalties
from sgae.networks.mlp import mlp_decoder, mlp_discriminator, mlp_encoder
from sgae.networks.sparsity import make_topk
from tests.systems import CONVOLUTIONAL, batches, make_phase, small_config

pytestmark = pytest.mark.usefixtures("optimised")


def noise(*shape):
  size = int(np.prod(shape))
  return jnp.asarray(np.random.default_rng(size).normal(size=shape), jnp.float32)


LATENTS, ACTIVE, SHAPE = 128, 2, (2, 3, 1)
DENSE = (((1,), (0,)), ((), ()))


def sparse_autoencoder(images, rows, atoms):
  mean = np.zeros(SHAPE, np.float32)
  encoder = mlp_encoder(mean, (), LATENTS, "relu")
  decoder = mlp_decoder(mean, (), LATENTS, "relu", "tanh")
  params = {"mean": mean, "rows": rows, "bias": jnp.zeros(LATENTS), "layers": {}}
  sparsity = make_topk(ACTIVE)
  pre = encoder.apply(params, images, select=ACTIVE)
  code = sparsity.apply({}, pre, train=True)
  bias = jnp.zeros(mean.size)
  return decoder.apply({"atoms": atoms, "bias": bias}, code)


def penalised(real, fake, kernel):
  network = mlp_discriminator(SHAPE, (8,), "leaky_relu")
  params = network.init(jax.random.key(0))
  params["Dense_0"]["kernel"] = kernel
  return penalties.penalised(
    lambda real_b, fake_b: jnp.mean(jax.nn.softplus(fake_b - real_b)),
    ("r1", "r2"),
    {"r1": 1.0, "r2": 2.0},
    lambda params, images: (network.apply(params, images), {}),
    params,
    real,
    fake,
    jnp.zeros(len(real)),
    piecewise_linear=True,
  ).objective


def joined(first, second):
  return [jnp.tanh(part) for part in microbatches.join([first, second], True)]


# name: (kernel, function, its arguments)
CASES = {
  "convolution": ("convolution", convolve, (noise(2, 8, 8, 32), noise(3, 3, 32, 4))),
  "strided": (
    "convolution",
    lambda x, kernel: convolve(x, kernel, 2),
    (noise(2, 8, 7, 8), noise(5, 5, 8, 4)),
  ),
  "transposed": (
    "convolution",
    lambda y, kernel: convolve_transposed(y, kernel, 2, (7, 8)),
    (noise(2, 4, 4, 3), noise(5, 5, 2, 3)),
  ),
  "Winograd": ("winograd", convolve, (noise(2, 8, 8, 32), noise(3, 3, 32, 4))),
  "dense": (
    "dense",
    lambda x, kernel: dense.dot_general(x, kernel, DENSE),
    (noise(6, 5), noise(5, WIDE)),
  ),
  "transposed product": (
    "dense",
    dense.transposed_product,
    (noise(6, 5), noise(6, WIDE)),
  ),
  "sparse": (
    "sparse",
    sparse_autoencoder,
    (noise(7, *SHAPE), noise(LATENTS, 6), noise(LATENTS, 6) + 1),
  ),
  "top k": ("top_k", lambda values: top_k(values, 4)[0], (noise(5, 1024),)),
  "one pass": (
    "one_pass_penalty",
    penalised,
    (noise(6, *SHAPE), noise(6, *SHAPE) + 1, noise(6, 8)),
  ),
}


@pytest.mark.parametrize("case", CASES)
def test_a_kernel_and_its_reference_have_equal_values_and_gradients(case):
  kernel, function, arguments = CASES[case]
  # in `penalised` only the parameters have the gradient of the loss
  last = kernel == "one_pass_penalty"
  places = (len(arguments) - 1,) if last else tuple(range(len(arguments)))

  def summed(*arguments):
    value = function(*arguments)
    return (value if last else jnp.sum(jnp.sin(value))), value

  def both():
    found = jax.jit(jax.grad(summed, places, has_aux=True))
    gradients, value = found(*arguments)
    return gradients, None if last else value, str(jax.make_jaxpr(summed)(*arguments))

  *fast, program = both()
  with use_references(kernel):
    *plain, plain_program = both()
  assert program != plain_program
  for a, b in zip(jax.tree.leaves(fast), jax.tree.leaves(plain), strict=True):
    np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4)


def test_winograds_products_give_the_correlation():
  x, kernel = noise(2, 7, 6, 3), noise(3, 3, 3, 2)
  found, wanted = winograd.correlate(x, kernel), winograd.reference(x, kernel)
  np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-4)


def test_batches_stay_apart():
  first, second = noise(2, 3), noise(2, 3) + 1
  assert len(joined(first, second)) == 1
  with use_references("microbatches"):
    assert len(joined(first, second)) == 2


@pytest.mark.parametrize(
  ("name", "fields"),
  [
    ("sae", dict(code__num_latents=128, code__k=ACTIVE)),
    ("gan", dict(gan__discriminator_hidden=(WIDE,))),
    ("gan", CONVOLUTIONAL),
  ],
  ids=["sae", "wide", "convolutional"],
)
def test_a_step_of_references_is_the_same_on_every_platform(name, fields):
  def program():
    phase = make_phase(name, small_config(**fields))
    state = jax.eval_shape(lambda: phase.init({}))
    batch = jax.tree.map(lambda leaf: leaf[0], batches(phase, 0, 1))
    return str(jax.make_jaxpr(phase.step)(state, batch))

  assert "platform_index" in program()
  with use_references():
    assert "platform_index" not in program()


def test_names_in_the_environment(monkeypatch):
  assert switch._chosen("") == switch._chosen("0") == frozenset()
  assert switch._chosen("1") == set(KERNELS)
  assert switch._chosen("dense,top_k") == {"dense", "top_k"}
  monkeypatch.setenv("SGAE_REFERENCE_KERNELS", "dense,top_k")
  assert switch.uses_reference("dense") and not switch.uses_reference("winograd")
  with use_references("winograd"):
    assert switch.uses_reference("winograd") and not switch.uses_reference("dense")
  monkeypatch.setenv("SGAE_REFERENCE_KERNELS", "dense,fast")
  with pytest.raises(UserError, match="names fast; it may be 1, or some of conv"):
    switch.uses_reference("dense")
