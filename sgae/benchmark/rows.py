"""What is compared: one row for each size of each line, the same for both sides."""

from typing import NamedTuple


class Row(NamedTuple):
  """One comparison.

  Attributes:
    line: the name that `--only` chooses it by.
    network: 'mlp', 'dcgan' or 'sae'.
    batch: images of one update; of `sampling`, all that are sampled.
    steps: of one call, before anything waits for their end: as many as a run's own
      (`log_every`), or of about a second.
    target: least ratio of speeds that is asked for.
    latents: of the autoencoder, else 0.
  """

  line: str
  network: str
  batch: int
  steps: int
  target: float
  latents: int = 0

  @property
  def name(self) -> str:
    """Its name on the command line of a side and in the table."""
    size = self.latents or (self.network if self.line == "sampling" else self.batch)
    return f"{self.line} {size}"


ROWS = (
  Row("mlp", "mlp", 64, 50, 3.0),
  Row("mlp", "mlp", 128, 50, 2.0),
  Row("mlp", "mlp", 512, 50, 1.8),
  Row("dcgan", "dcgan", 64, 20, 1.2),
  Row("dcgan", "dcgan", 256, 6, 1.2),
  Row("penalised-mlp", "mlp", 128, 50, 1.5),
  Row("penalised-dcgan", "dcgan", 64, 15, 1.5),
  Row("sae", "sae", 512, 50, 1.5, 512),
  Row("sae", "sae", 512, 20, 1.5, 4096),
  Row("sae", "sae", 512, 5, 1.5, 16384),
  Row("sampling", "mlp", 10_000, 1, 1.2),
  Row("sampling", "dcgan", 10_000, 1, 1.2),
)
LINES = tuple(dict.fromkeys(row.line for row in ROWS))

EXAMPLES = 10_000  # of 28 x 28 pixels, in memory
LATENT_DIM = 100  # numbers of noise that a generator starts from
ACTIVE = 32  # latents that an example of the autoencoder may use

# Ways in which the PyTorch side of a network is written; the quickest counts.
VARIANTS = {
  "mlp": ("eager", "compiled"),
  "dcgan": ("eager", "channels_last", "channels_last_compiled"),
  "sae": ("dense", "sparse", "dense_compiled", "sparse_compiled"),
}


def row_named(name: str) -> Row:
  """Returns the row of that name."""
  return next(row for row in ROWS if row.name == name)
