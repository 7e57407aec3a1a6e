"""What is measured: rows and sides of comparisons, points of the curves of growth.

Which there are stands in configs/benchmark.py.
"""

from typing import Any, NamedTuple

LOG_EVERY = 50  # steps between two lines of metrics, as in most configs

EXAMPLES = 10_000  # of 28 x 28 pixels, in memory
LATENT_DIM = 100  # numbers of noise that a generator starts from
ACTIVE = 32  # latents that an example of the autoencoder may use
PIXELS = (28, 28, 1)

# What both sides compute in: float32 with products as JAX takes them when nothing is
# said (on a GPU in TF32), in full, or networks in bfloat16.
PRECISIONS = ("default", "float32", "bfloat16")


class Row(NamedTuple):
  """One comparison.

  Attributes:
    line: the name that `--only` chooses it by.
    network: the name of the networks that both sides train.
    batch: images of one update; of `sampling`, all that are sampled.
    steps: of one call on a CPU, of half a second or so; see `steps_on`.
    target: least ratio of speeds that is asked for.
    latents: of an autoencoder, else 0.
    variants: ways in which the PyTorch side is written; the quickest counts.
  """

  line: str
  network: str
  batch: int
  steps: int
  target: float
  latents: int = 0
  variants: tuple[str, ...] = ()

  def steps_on(self, platform: str) -> int:
    """Returns the steps of one call on JAX's platform of that name.

    Nothing waits for their end before it: as in a run, at most `log_every` of them.
    """
    return self.steps if platform == "cpu" else LOG_EVERY

  def variants_on(self, platform: str) -> tuple[str, ...]:
    """Returns the ways to try on JAX's platform of that name.

    On a GPU each is tried as well with the whole step captured in one CUDA graph.
    """
    if platform != "gpu" or self.line == "sampling":
      return self.variants
    return self.variants + tuple(f"{variant}_graph" for variant in self.variants)

  @property
  def name(self) -> str:
    """Its name on the command line of a side and in the table."""
    size = self.latents or (self.network if self.line == "sampling" else self.batch)
    return f"{self.line} {size}"

  @property
  def penalised(self) -> bool:
    """Whether its pair has a relativistic loss, R1 and R2."""
    return self.line.startswith("penalised")


class Point(NamedTuple):
  """One measurement of how cost grows.

  Attributes:
    curve: the name that `--only` chooses it by.
    at: where on the curve it lies.
    config: as a nested dictionary.
    phase: the phase that is timed.
    steps: of one call.
    shape: (H, W, C) of the images.
    devices: CPU devices.
    compiles: whether only the time of compiling is of interest.
  """

  curve: str
  at: str
  config: dict[str, Any]
  phase: str
  steps: int
  shape: tuple[int, int, int] = PIXELS
  devices: int = 1
  compiles: bool = False


class Side(NamedTuple):
  """One side of the comparison of time to quality.

  Attributes:
    name: in the table, and on the command line of its process.
    module: of sgae.benchmark that its process runs.
    config: that it trains, as `quality_config` in configs/benchmark.py names it.
    rounds: between two looks at its samples.
    variant: in which the PyTorch side is written: 'eager' or 'compiled'.
  """

  name: str
  module: str
  config: str
  rounds: int
  variant: str = ""
