"""A top-k sparse autoencoder in PyTorch, with the decoders of public trainers."""

from collections.abc import Callable
from typing import Any

import torch  # pyright: ignore[reportMissingImports]
from torch import nn  # pyright: ignore[reportMissingImports]

from sgae.benchmark.rows import ACTIVE, Row


def make_autoencoder_step(
  row: Row, mean: torch.Tensor, variant: str, amp: Any
) -> Callable[[torch.Tensor], None]:
  """Returns `step(images_bd)`: one update by Adam, which keeps the atoms' norm at 1.

  Args:
    row: gives the number of latents.
    mean: [784], the mean image, which is subtracted before the encoder.
    variant: 'dense' multiplies the code with all atoms (openai/sparse_autoencoder,
      saprmarks/dictionary_learning without its kernels), 'sparse' sums the active ones
      by `embedding_bag` (EleutherAI/sparsify); the suffix '_compiled' adds
      `torch.compile`.
    amp: returns the context manager of forward passes.
  """
  atoms = nn.functional.normalize(torch.randn(row.latents, len(mean)), dim=1)
  atoms = nn.Parameter(atoms.to(mean.device))
  encoder = nn.Linear(len(mean), row.latents, device=mean.device)
  encoder.weight.data.copy_(atoms.data)
  nn.init.zeros_(encoder.bias)
  bias = nn.Parameter(mean.clone())
  train = torch.optim.Adam(
    [*encoder.parameters(), atoms, bias],
    lr=1e-3,
    betas=(0.9, 0.999),
    fused=True,
    capturable=mean.is_cuda,  # else the step count is on the host: no CUDA graph
  )

  def loss_of(images):
    with amp():
      code = encoder(images - mean).relu()
      values, active = code.topk(ACTIVE, dim=1, sorted=False)
      if variant.startswith("sparse"):
        outputs = nn.functional.embedding_bag(
          active, atoms, per_sample_weights=values.to(atoms.dtype), mode="sum"
        )
      else:
        outputs = torch.zeros_like(code).scatter(1, active, values) @ atoms
    return (outputs + bias - images).square().mean()

  @torch.no_grad()
  def project():
    gradient: Any = atoms.grad
    gradient -= (gradient * atoms).sum(1, keepdim=True) * atoms

  @torch.no_grad()
  def normalise():
    atoms.div_(atoms.norm(dim=1, keepdim=True).clamp_min(1e-12))

  if "compiled" in variant:
    loss_of = torch.compile(loss_of)
    project, normalise = torch.compile(project), torch.compile(normalise)

  def step(images):
    loss = loss_of(images)
    train.zero_grad(set_to_none=True)
    loss.backward()
    project()
    train.step()
    normalise()

  return step
