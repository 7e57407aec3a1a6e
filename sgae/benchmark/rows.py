"""What is compared: one row for each size of each line, the same for both sides."""

from typing import NamedTuple

LOG_EVERY = 50  # steps, as in configs/default.py


class Row(NamedTuple):
  """One comparison.

  Attributes:
    line: the name that `--only` chooses it by.
    network: 'mlp', 'dcgan' or 'sae'.
    batch: images of one update; of `sampling`, all that are sampled.
    steps: of one call on a CPU, of half a second or so; see `steps_on`.
    target: least ratio of speeds that is asked for.
    latents: of the autoencoder, else 0.
  """

  line: str
  network: str
  batch: int
  steps: int
  target: float
  latents: int = 0

  def steps_on(self, platform: str) -> int:
    """Returns the steps of one call on JAX's platform of that name.

    Nothing waits for their end before it: as in a run, at most `log_every` of them.
    """
    return self.steps if platform == "cpu" else LOG_EVERY

  @property
  def name(self) -> str:
    """Its name on the command line of a side and in the table."""
    size = self.latents or (self.network if self.line == "sampling" else self.batch)
    return f"{self.line} {size}"

  @property
  def penalised(self) -> bool:
    """Whether its pair has a relativistic loss, R1 and R2."""
    return self.line.startswith("penalised")


ROWS = (
  Row("mlp", "mlp", 64, 50, 3.0),
  Row("mlp", "mlp", 128, 50, 2.0),
  Row("mlp", "mlp", 512, 50, 1.8),
  Row("dcgan", "dcgan", 64, 6, 1.2),
  Row("dcgan", "dcgan", 256, 2, 1.2),
  Row("penalised-mlp", "mlp", 128, 50, 1.5),
  Row("penalised-dcgan", "dcgan", 64, 4, 1.5),
  Row("sae", "sae", 512, 20, 1.5, 512),
  Row("sae", "sae", 512, 6, 1.5, 4096),
  Row("sae", "sae", 512, 2, 1.5, 16384),
  Row("sampling", "mlp", 10_000, 1, 1.2),
  Row("sampling", "dcgan", 10_000, 1, 1.2),
)
LINES = tuple(dict.fromkeys(row.line for row in ROWS))

EXAMPLES = 10_000  # of 28 x 28 pixels, in memory
LATENT_DIM = 100  # numbers of noise that a generator starts from
ACTIVE = 32  # latents that an example of the autoencoder may use

# What both sides compute in: float32 with products as JAX takes them when nothing is
# said (on a GPU in TF32), in full, or networks in bfloat16.
PRECISIONS = ("default", "float32", "bfloat16")

# Ways in which the PyTorch side of a network is written; the quickest counts.
VARIANTS = {
  "mlp": ("eager", "compiled"),
  "dcgan": ("eager", "channels_last", "channels_last_compiled"),
  "sae": ("dense", "sparse", "dense_compiled", "sparse_compiled"),
}


def variants(row: Row, platform: str) -> tuple[str, ...]:
  """Returns the ways to try for a row on JAX's platform of that name.

  On a GPU each is tried as well with the whole step captured in one CUDA graph.
  """
  plain = VARIANTS[row.network]
  if platform != "gpu" or row.line == "sampling":
    return plain
  return plain + tuple(f"{variant}_graph" for variant in plain)


def row_named(name: str) -> Row:
  """Returns the row of that name."""
  return next(row for row in ROWS if row.name == name)
