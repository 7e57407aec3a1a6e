"""PyTorch's side of time to quality.

    python -m sgae.benchmark.quality_pytorch SIDE FOLDER

The networks and the objective of configs/mnist.py from fresh weights: a relativistic
loss with R1 and R2, a sparsity penalty, and a moving average of the generator. Written
as PyTorch users write it, see pytorch.py.
"""

import copy
import importlib
import itertools
import os
import sys
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch  # pyright: ignore[reportMissingImports]
from torch import nn  # pyright: ignore[reportMissingImports]

from configs.benchmark import QUALITY_SAMPLES, quality_config, side_named
from sgae.benchmark import looks
from sgae.benchmark.looks import Look
from sgae.benchmark.pytorch import (
  DEVICE,
  FUSED,
  ON_GPU,
  batches,
  dcgan_discriminator,
  mlp,
  penalised_loss,
  relativistic,
  softplus,
  to_bytes,
)
from sgae.data import sources
from sgae.training.clock import Clock

PART = 500  # samples of one call


def pair_of(config: Any) -> Any:
  """Returns the section of a config's only phase, which trains the pair."""
  (name,) = config.phases
  return config[name]


class Generator(nn.Module):
  """decoder(top-k(coder(z))): noise [B, Z] -> (images [B, C, H, W], codes [B, K])."""

  def __init__(self, config: Any, mean: torch.Tensor):
    """Makes fresh weights; `mean` is the mean image [C, H, W], in [-1, 1]."""
    super().__init__()
    pair, code = pair_of(config), config.code
    layers = mlp(pair.latent_dim, code.num_latents, pair.generator_hidden)
    self.coder = start_fresh(nn.Sequential(*layers))
    atoms = torch.randn(code.num_latents, mean.numel())
    self.atoms = nn.Parameter(nn.functional.normalize(atoms, dim=1))
    self.bias = nn.Parameter(torch.atanh(0.98 * mean.flatten()))
    self.k, self.shape = code.k, mean.shape

  def forward(self, z: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    rectified = self.coder(z).relu()
    values, active = rectified.topk(self.k, dim=1, sorted=False)
    code = torch.zeros_like(rectified).scatter(1, active, values)
    images = (code @ self.atoms + self.bias).tanh()
    return images.unflatten(1, self.shape), code


def make_discriminator(config: Any, shape: tuple[int, int, int]) -> nn.Sequential:
  """Returns the discriminator of images [B, *shape], channels first."""
  pair = pair_of(config)
  if pair.discriminator_architecture == "dcgan":
    return start_fresh(dcgan_discriminator(shape, pair.discriminator_hidden))
  layers = mlp(int(np.prod(shape)), 1, pair.discriminator_hidden)
  return start_fresh(nn.Sequential(nn.Flatten(), *layers))


def start_fresh(network: nn.Sequential) -> nn.Sequential:
  """Draws He's start for hidden layers, LeCun's for the last one; biases are zero."""
  layers: Any = [layer for layer in network if hasattr(layer, "weight")]
  for layer in layers:
    follows = "linear" if layer is layers[-1] else "relu"
    nn.init.kaiming_normal_(layer.weight, nonlinearity=follows)
    nn.init.zeros_(layer.bias)
  return network


def make_loss_g(config: Any, generator: Generator, discriminator: nn.Module):
  """Returns the generator's `loss(real, z)`."""
  sparsity_weight = pair_of(config).sparsity_weight

  def loss_g(real, z):
    with torch.no_grad():
      real_logits = discriminator(real)
    fake, code = generator(z)
    value = softplus(real_logits - discriminator(fake)).mean()
    return value + sparsity_weight * code.sum(1).mean()

  return loss_g


def make_gradients(
  config: Any, discriminator: nn.Module, variant: str
) -> Callable[[torch.Tensor, torch.Tensor], None]:
  """Returns `f(real, fake)`, which puts the gradients of its loss into `discriminator`.

  Args:
    config: its penalties.
    discriminator: without statistics of a batch.
    variant: 'eager', or 'compiled'. `torch.compile` takes no derivative of what
      `torch.autograd.grad` gave, but what `torch.func.grad` gives of itself.
  """
  penalties = pair_of(config).penalties
  r1, r2 = penalties.r1, penalties.r2

  def by_backward(real, fake):
    loss = penalised_loss(discriminator, real, fake, r1, r2)
    discriminator.zero_grad(set_to_none=True)
    loss.backward()

  if variant == "eager":
    return by_backward

  def loss(weights, images):
    def total(images):
      logits = torch.func.functional_call(discriminator, weights, (images,))
      return logits.sum(), logits

    slopes, logits = torch.func.grad(total, has_aux=True)(images)
    return relativistic(logits, slopes, r1, r2)

  compiled = torch.compile(torch.func.grad(loss))
  named = dict(discriminator.named_parameters())
  weights = {name: weight.detach() for name, weight in named.items()}

  def by_functions(real, fake):
    for name, gradient in compiled(weights, torch.cat([real, fake])).items():
      # compiled ones come in layouts of their own, which the fused optimizer takes for
      # the weights' (PyTorch 2.13)
      named[name].grad = gradient.contiguous()

  return by_functions


def make_round(
  config: Any,
  generator: Generator,
  discriminator: nn.Module,
  average: Generator,
  variant: str,
) -> Callable[[torch.Tensor, int], None]:
  """Returns `play_round(real, number)`: an update of each player and of the average.

  Args:
    config: of a pair with one update of each player in a round.
    generator, discriminator: are trained.
    average: of the generator, moves towards it.
    variant: see `make_gradients`.
  """
  pair = pair_of(config)
  train_g = _adam(generator, pair.generator_optimizer)
  train_d = _adam(discriminator, pair.discriminator_optimizer)
  put_gradients = make_gradients(config, discriminator, variant)
  loss_g = make_loss_g(config, generator, discriminator)
  if variant == "compiled":
    loss_g = torch.compile(loss_g)

  def noise(count):
    return torch.randn(count, pair.latent_dim, device=DEVICE)

  def play_round(real, number):
    with torch.no_grad():
      fake, _ = generator(noise(len(real)))
    discriminator.requires_grad_(True)
    put_gradients(real, fake)
    train_d.step()
    discriminator.requires_grad_(False)
    loss = loss_g(real, noise(len(real)))
    train_g.zero_grad(set_to_none=True)
    loss.backward()
    train_g.step()
    decay = min(pair.ema_decay, (1 + number) / (10 + number))
    with torch.no_grad():
      for mean, weight in zip(
        average.parameters(), generator.parameters(), strict=True
      ):
        mean.lerp_(weight, 1 - decay)

  return play_round


def _adam(network: nn.Module, fields: Any) -> torch.optim.Adam:
  betas = fields.beta1, fields.beta2
  return torch.optim.Adam(network.parameters(), fields.learning_rate, betas, **FUSED)


def train(
  config: Any, images_nhwc: np.ndarray, variant: str, rounds: int, samples: int
) -> Iterator[Look]:
  """Yields looks before the first round, then every `rounds`, without end.

  Args:
    config: of a pair from fresh weights.
    images_nhwc: uint8, the training images.
    variant: 'eager' or 'compiled'.
    rounds: between two looks.
    samples: of each look.
  """
  clock = Clock(0.0)
  times = [0.0]

  def spent():
    if ON_GPU:
      torch.cuda.synchronize()
    return clock.total() - clock.interrupted

  images = torch.from_numpy(images_nhwc).permute(0, 3, 1, 2).to(DEVICE)
  images = images.contiguous().float().div_(127.5).sub_(1)
  generator = Generator(config, images.mean(0).cpu()).to(DEVICE)
  height, width, channels = images_nhwc.shape[1:]
  discriminator = make_discriminator(config, (channels, height, width)).to(DEVICE)
  average = copy.deepcopy(generator).requires_grad_(False)
  play_round = make_round(config, generator, discriminator, average, variant)
  pair = pair_of(config)
  stream = batches(images, pair.batch_size)
  for number in itertools.count():
    if len(times) < 4:
      times.append(spent())
    if number % rounds == 0:
      seconds = spent()
      with clock.interruption():
        drawn = sampled(average, pair.latent_dim, samples)
        yield Look(number, seconds, 0.0, looks.compiling(times), drawn)
    play_round(next(stream), number)


@torch.inference_mode()
def sampled(generator: Generator, latent_dim: int, count: int) -> np.ndarray:
  """Returns uint8 [count, H, W, C]."""
  parts = [
    to_bytes(generator(torch.randn(PART, latent_dim, device=DEVICE))[0]).cpu()
    for _ in range(-(-count // PART))
  ]
  return torch.cat(parts)[:count].permute(0, 2, 3, 1).contiguous().numpy()


def main(name: str, folder: str) -> None:
  """Serves one side to the parent process; what it compiles goes to a folder."""
  os.environ["TORCHINDUCTOR_CACHE_DIR"] = folder
  # else the first optimizer and the first compilation import them, and that counts
  for module in ("torch._dynamo", "torch._inductor.compile_fx"):
    importlib.import_module(module)
  torch.manual_seed(0)
  torch.set_float32_matmul_precision("high")  # as JAX does on a GPU
  side = side_named(name)
  config = quality_config(side.config)
  images = sources.load(config.data, lambda line: None).train.images
  looks.serve(train(config, images, side.variant, side.rounds, QUALITY_SAMPLES))


if __name__ == "__main__":
  main(*sys.argv[1:])
