"""PyTorch's side of a row: `python -m sgae.benchmark.pytorch ROW PRECISION VARIANT`.

The same networks, losses and optimizers as in configs/benchmark.py, written as PyTorch
users write them: data in memory as floats on the device, fused optimizers, one forward
pass of real and generated images together. Its processes are its own, and nothing else
in sgae imports PyTorch.
"""

import contextlib
import sys
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import Any

import torch  # pyright: ignore[reportMissingImports]
from torch import nn  # pyright: ignore[reportMissingImports]

from configs.benchmark import row_named
from sgae.benchmark import worker
from sgae.benchmark.pytorch_autoencoder import make_autoencoder_step
from sgae.benchmark.rows import EXAMPLES, LATENT_DIM, Row

ON_GPU = torch.cuda.is_available()
DEVICE = "cuda" if ON_GPU else "cpu"
# A CUDA graph holds the step count as well, where it is on the device.
FUSED: Any = {"fused": True, "capturable": ON_GPU}
softplus = nn.functional.softplus
# Parts in which 10,000 images are sampled soonest here.
PARTS = {"mlp": 20, "dcgan": 40}


def mlp(
  inputs: int, outputs: int, hidden: Sequence[int] = (128, 128)
) -> list[nn.Module]:
  """Returns the layers inputs-hidden-outputs with leaky ReLU between."""
  layers: list[nn.Module] = []
  for before, after in pairwise((inputs, *hidden)):
    layers += [nn.Linear(before, after), nn.LeakyReLU(0.2)]
  return [*layers, nn.Linear(hidden[-1], outputs)]


def dcgan_discriminator(
  shape: tuple[int, int, int] = (1, 28, 28), hidden: Sequence[int] = (64, 128)
) -> nn.Sequential:
  """Returns convolutions of stride 2, and a logit of images [B, *shape]."""
  layers: list[nn.Module] = []
  for before, after in pairwise((shape[0], *hidden)):
    layers += [nn.Conv2d(before, after, 4, 2, 1), nn.LeakyReLU(0.2)]
  flat = hidden[-1] * (shape[1] >> len(hidden)) * (shape[2] >> len(hidden))
  return nn.Sequential(*layers, nn.Flatten(), nn.Linear(flat, 1))


def networks(name: str) -> tuple[nn.Module, nn.Module]:
  """Returns generator and discriminator of 28 x 28 images: 'mlp' or 'dcgan'."""
  if name == "mlp":
    generator = [*mlp(LATENT_DIM, 784), nn.Tanh(), nn.Unflatten(1, (1, 28, 28))]
    return nn.Sequential(*generator), nn.Sequential(nn.Flatten(), *mlp(784, 1))
  generator = nn.Sequential(
    nn.Linear(LATENT_DIM, 128 * 7 * 7),
    nn.LeakyReLU(0.2),
    nn.Unflatten(1, (128, 7, 7)),
    nn.ConvTranspose2d(128, 64, 4, 2, 1),
    nn.LeakyReLU(0.2),
    nn.ConvTranspose2d(64, 1, 4, 2, 1),
    nn.Tanh(),
  )
  return generator, dcgan_discriminator()


def make_gan_step(row: Row, variant: str, amp: Any) -> Callable[[torch.Tensor], None]:
  """Returns `step(real)`: one update of the discriminator, then one of the generator.

  Args:
    row: what is trained.
    variant: 'eager' or 'channels_last'; with '_compiled' behind it (or 'compiled'
      alone) losses and their gradients are compiled where PyTorch can.
    amp: a context manager for forward passes.
  """
  generator, discriminator = (net.to(DEVICE) for net in networks(row.network))
  if variant.startswith("channels_last"):
    _lay_channels_last(generator)
    _lay_channels_last(discriminator)
  train_g, train_d = _optimizers(row, generator, discriminator)
  losses = _penalised_losses if row.penalised else _plain_losses
  loss_d, loss_g = losses(generator, discriminator, amp)
  if "compiled" in variant:
    loss_g = torch.compile(loss_g)
    if not row.penalised:  # PyTorch compiles no derivative of `autograd.grad`
      loss_d = torch.compile(loss_d)

  def noise(count):
    return torch.randn(count, LATENT_DIM, device=DEVICE)

  def step(real):
    if variant.startswith("channels_last"):
      real = real.contiguous(memory_format=torch.channels_last)
    discriminator.requires_grad_(True)
    loss = loss_d(real, noise(len(real)))
    train_d.zero_grad(set_to_none=True)
    loss.backward()
    train_d.step()
    discriminator.requires_grad_(False)
    loss = loss_g(real, noise(len(real)))
    train_g.zero_grad(set_to_none=True)
    loss.backward()
    train_g.step()

  return step


def _optimizers(row, generator, discriminator):
  """Returns those of the generator and of the discriminator."""

  def adam(network):
    beta1 = 0.0 if row.penalised else 0.5
    return torch.optim.Adam(network.parameters(), lr=2e-4, betas=(beta1, 0.99), **FUSED)

  if row.line == "mlp":
    descent = torch.optim.SGD(discriminator.parameters(), lr=1e-2, fused=True)
    return adam(generator), descent
  return adam(generator), adam(discriminator)


def _plain_losses(generator, discriminator, amp):
  """Returns `loss(real, z)` of the discriminator and of the generator."""

  def discriminator_loss(real, z):
    with amp():
      with torch.no_grad():
        fake = generator(z)
      images = torch.cat([real, fake])
      real_logits, fake_logits = discriminator(images).chunk(2)
    return (softplus(-real_logits) + softplus(fake_logits)).mean()

  def generator_loss(real, z):
    del real
    with amp():
      logits = discriminator(generator(z))
    return softplus(-logits).mean()

  return discriminator_loss, generator_loss


def relativistic(
  logits: torch.Tensor, slopes: torch.Tensor, r1: float, r2: float
) -> torch.Tensor:
  """Returns the discriminator's relativistic loss with R1 and R2.

  Args:
    logits: [2 B, 1], of real images and then of generated ones.
    slopes: [2 B, C, H, W], the gradient of each logit at its image.
    r1, r2: weights.
  """
  real_logits, fake_logits = logits.chunk(2)
  real, fake = slopes.square().sum((1, 2, 3)).chunk(2)
  penalties = 0.5 * (r1 * real.mean() + r2 * fake.mean())
  return softplus(fake_logits - real_logits).mean() + penalties


def penalised_loss(
  discriminator: nn.Module,
  real: torch.Tensor,
  fake: torch.Tensor,
  r1: float,
  r2: float,
  amp: Any = contextlib.nullcontext,
) -> torch.Tensor:
  """Returns the same of images, [B, C, H, W] each; `amp` as for `make_gan_step`."""
  with amp():
    images = torch.cat([real, fake]).requires_grad_()
    logits = discriminator(images)
  (slopes,) = torch.autograd.grad(logits.sum(), images, create_graph=True)
  return relativistic(logits, slopes, r1, r2)


def _penalised_losses(generator, discriminator, amp):
  """Returns the same of a relativistic loss with R1 and R2."""

  def discriminator_loss(real, z):
    with amp(), torch.no_grad():
      fake = generator(z)
    return penalised_loss(discriminator, real, fake, 1.0, 1.0, amp)

  def generator_loss(real, z):
    with amp():
      with torch.no_grad():
        real_logits = discriminator(real)
      fake_logits = discriminator(generator(z))
    return softplus(real_logits - fake_logits).mean()

  return discriminator_loss, generator_loss


def batches(images: torch.Tensor, batch: int) -> Iterator[torch.Tensor]:
  """Yields batches for ever, each epoch in an order of its own."""
  while True:
    order = torch.randperm(len(images), device=DEVICE)
    for start in range(0, len(images) - batch + 1, batch):
      yield images[order[start : start + batch]]


def training(row: Row, variant: str, amp: Any) -> worker.Work:
  """Returns what trains for some steps and returns how many images it has seen."""
  images = torch.rand(EXAMPLES, 1, 28, 28, device=DEVICE) * 2 - 1
  if row.latents:
    images = images.flatten(1)
    step = make_autoencoder_step(row, images.mean(0), variant, amp)
  else:
    step = make_gan_step(row, variant, amp)
  stream = batches(images, row.batch)
  if variant.endswith("graph"):
    step = captured(step, next(stream).clone())

  steps = row.steps_on("gpu" if ON_GPU else "cpu")

  def work():
    for _ in range(steps):
      step(next(stream))
    if ON_GPU:
      torch.cuda.synchronize()
    return steps * row.batch

  return work


def captured(
  step: Callable[[torch.Tensor], None], images: torch.Tensor
) -> Callable[[torch.Tensor], None]:
  """Returns the same step as one CUDA graph, with everything that it launches in it.

  Args:
    step: takes images; its optimizers are capturable.
    images: of the shape of every batch; overwritten.
  """
  beside = torch.cuda.Stream()
  beside.wait_stream(torch.cuda.current_stream())
  with torch.cuda.stream(beside):  # compiles, and makes the optimizers' states
    for _ in range(3):
      step(images)
  torch.cuda.current_stream().wait_stream(beside)
  graph = torch.cuda.CUDAGraph()
  with torch.cuda.graph(graph):
    step(images)

  # holds the step: the graph writes to its weights wherever they lay, freed or not
  def replay(batch, step=step):
    del step
    images.copy_(batch)
    graph.replay()

  return replay


def to_bytes(images: torch.Tensor) -> torch.Tensor:
  """Returns images in [-1, 1], which are overwritten, as uint8."""
  images = images.float().add_(1).mul_(127.5).round_()
  return images.clamp_(0, 255).to(torch.uint8)


def sampled(row: Row, variant: str, amp: Any) -> worker.Work:
  """Returns what samples a row's images once, as bytes in memory of the host."""
  generator = networks(row.network)[0].to(DEVICE).eval()
  if variant.startswith("channels_last"):
    _lay_channels_last(generator)

  def apply(z):
    return to_bytes(generator(z))

  if "compiled" in variant:
    apply = torch.compile(apply)
  parts = PARTS[row.network]

  @torch.inference_mode()
  def work():
    with amp():
      images = [
        apply(torch.randn(row.batch // parts, LATENT_DIM, device=DEVICE)).cpu()
        for _ in range(parts)
      ]
    return len(torch.cat(images).numpy())

  return work


def _lay_channels_last(network: Any) -> None:
  network.to(memory_format=torch.channels_last)


def main(name: str, precision: str, variant: str) -> None:
  """Serves one row in one way of writing it."""
  torch.manual_seed(0)
  in_full = precision == "float32"
  # as JAX does on a GPU when nothing is said; a CPU takes no notice
  torch.set_float32_matmul_precision("highest" if in_full else "high")
  torch.backends.cudnn.allow_tf32 = not in_full
  row = row_named(name)

  def amp():
    low = precision == "bfloat16"
    return torch.autocast(DEVICE, torch.bfloat16, enabled=low)

  def peak():
    return torch.cuda.max_memory_allocated() if ON_GPU else worker.peak_bytes()

  make = sampled if row.line == "sampling" else training
  worker.serve({"images": lambda: make(row, variant, amp)}, peak)


if __name__ == "__main__":
  main(*sys.argv[1:])
