"""PyTorch's side, eager: `python -m sgae.benchmark.pytorch BATCH SECONDS`.

The same networks, losses and optimizers as configs/seed.py, written as PyTorch users
write them: data in memory as floats, one D and one G update per batch. It runs in a
process of its own; nothing else in sgae imports PyTorch.
"""

import sys
from time import perf_counter

import torch  # pyright: ignore[reportMissingImports]
from torch import nn  # pyright: ignore[reportMissingImports]

EXAMPLES = 10_000


def mlp(inputs: int, outputs: int) -> list:
  """Returns the layers inputs-128-128-outputs with leaky ReLU between."""
  return [
    nn.Linear(inputs, 128),
    nn.LeakyReLU(0.2),
    nn.Linear(128, 128),
    nn.LeakyReLU(0.2),
    nn.Linear(128, outputs),
  ]


def images_per_second(batch_size: int, seconds: float) -> float:
  """Times one D and one G update per batch; arguments and result as in `ours`."""
  torch.manual_seed(0)
  images = torch.rand(EXAMPLES, 784) * 2 - 1
  generator = nn.Sequential(*mlp(100, 784), nn.Tanh())
  discriminator = nn.Sequential(*mlp(784, 1))
  train_d = torch.optim.SGD(discriminator.parameters(), lr=1e-2)
  train_g = torch.optim.Adam(generator.parameters(), lr=2e-4, betas=(0.5, 0.99))
  softplus = nn.functional.softplus

  def step(real):
    fake = generator(torch.randn(batch_size, 100)).detach()
    loss = (softplus(-discriminator(real)) + softplus(discriminator(fake))).mean()
    train_d.zero_grad()
    loss.backward()
    train_d.step()
    loss = softplus(-discriminator(generator(torch.randn(batch_size, 100)))).mean()
    train_g.zero_grad()
    loss.backward()
    train_g.step()

  def epoch():
    order = torch.randperm(EXAMPLES)
    for start in range(0, EXAMPLES - batch_size + 1, batch_size):
      step(images[order[start : start + batch_size]])

  epoch()
  steps, start = 0, perf_counter()
  while perf_counter() - start < seconds:
    epoch()
    steps += EXAMPLES // batch_size
  return steps * batch_size / (perf_counter() - start)


if __name__ == "__main__":
  sys.stdout.write(f"{images_per_second(int(sys.argv[1]), float(sys.argv[2]))}\n")
