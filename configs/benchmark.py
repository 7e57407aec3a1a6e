"""What the speed benchmark measures: the seed article's shapes, made to compare.

python -m sgae.benchmark
python -m sgae.benchmark.growth
python -m sgae.benchmark.dictionaries

JAX is imported by the functions that need it alone: a process that imports this module
may still set XLA's flags, and PyTorch's side runs without JAX.
"""

import importlib
from collections.abc import Iterator
from typing import Any

from configs import cifar10, mnist, seed, sparse_coding
from sgae.benchmark.rows import ACTIVE, PIXELS, Point, Row, Side

# Ways in which the PyTorch side of a network is written; the quickest counts.
VARIANTS = {
  "mlp": ("eager", "compiled"),
  "dcgan": ("eager", "channels_last", "channels_last_compiled"),
  "sae": ("dense", "sparse", "dense_compiled", "sparse_compiled"),
}


def _row(line: str, network: str, *numbers: Any) -> Row:
  return Row(line, network, *numbers)._replace(variants=VARIANTS[network])


ROWS = (
  _row("mlp", "mlp", 64, 50, 3.0),
  _row("mlp", "mlp", 128, 50, 2.0),
  _row("mlp", "mlp", 512, 50, 1.8),
  _row("dcgan", "dcgan", 64, 6, 1.2),
  _row("dcgan", "dcgan", 256, 2, 1.2),
  _row("penalised-mlp", "mlp", 128, 50, 1.5),
  _row("penalised-dcgan", "dcgan", 64, 4, 1.5),
  _row("sae", "sae", 512, 20, 1.5, 512),
  _row("sae", "sae", 512, 6, 1.5, 4096),
  _row("sae", "sae", 512, 2, 1.5, 16384),
  _row("sampling", "mlp", 10_000, 1, 1.2),
  _row("sampling", "dcgan", 10_000, 1, 1.2),
)
LINES = tuple(dict.fromkeys(row.line for row in ROWS))

QUALITY = "quality"  # the line that trains until samples are good
QUALITY_TARGETS = (50, 20, 13, 10)  # Frechet distances
QUALITY_SAMPLES = 10_000  # of each look
# Both pairs of networks, in PyTorch from fresh weights. A round of the convolutional
# one takes several times as long, and so looks are about as far apart.
SIDES = (
  Side("configs/mnist.py", "quality_ours", "mixture", 50),
  Side("configs/mnist.py:plain", "quality_ours", "plain", 200),
  *(
    Side(f"PyTorch, {pair}, {variant}", "quality_pytorch", pair, rounds, variant)
    for pair, rounds in (("convolutional", 50), ("plain", 200))
    for variant in ("eager", "compiled")
  ),
)

IMAGES_PER_CALL = 8192
# Shapes of the images that configs are for, where they are not MNIST's.
SHAPES = {
  "digits": (16, 16, 1),
  "ring": (1, 1, 2),
  "stacked_mnist:veegan": (28, 28, 3),
  "cifar10": (32, 32, 3),
}
# All but those whose programs are another one's: fashion_mnist's, grid's.
CONFIGS = (
  "digits",
  "mnist",
  "seed",
  "ring",
  "classifier",
  "mnist_dcgan",
  "stacked_mnist:veegan",
  "cifar10",
  "cifar10:residual",
)

MEMBERS = (1, 2, 4, 8, 16, 64, 256)  # of a population of small pairs
PART = 32  # size of a convolutional microbatch on a CPU (images)


def config_of(row: Row, precision: str) -> Any:
  """Returns the config of a row, in one of `rows.PRECISIONS`."""
  config = seed.get_config()
  config.precision.compute = "bfloat16" if precision == "bfloat16" else "float32"
  config.code.penalty, config.sae.sparsity_weight = "none", 0.0
  if row.network == "sae":
    config.phases = ("sae",)
    config.code.update(num_latents=row.latents, sparsity_map="topk", k=ACTIVE)
    config.sae.update(
      encoder_hidden=(),
      decoder_hidden=(),
      output="linear",
      tied_start=True,
      unit_norm_atoms=True,
      batch_size=row.batch,
    )
    return config
  config.phases = ("gan",)
  config.gan.update(batch_size=row.batch, discriminator_updates=1, generator_updates=1)
  if row.network == "dcgan":
    config.gan.update(
      generator_architecture="dcgan",
      generator_hidden=(128, 64),
      discriminator_architecture="dcgan",
      discriminator_hidden=(64, 128),
      kernel_size=4,
    )
    import jax

    # Larger parts do not fit into a CPU's cache; on a GPU, parts would only be slower.
    if jax.default_backend() == "cpu" and row.line != "sampling":
      config.train.microbatches = -(-row.batch // PART)
    config.gan.discriminator_optimizer.update(
      name="adam", learning_rate=2e-4, beta1=0.5
    )
  if row.penalised:
    config.gan.loss = "relativistic"
    config.gan.penalties.update(r1=1.0, r2=1.0)
    config.gan.discriminator_optimizer.update(
      name="adam", learning_rate=2e-4, beta1=0.0
    )
    config.gan.generator_optimizer.beta1 = 0.0
  return config


def quality_config(name: str) -> Any:
  """Returns the config of a side.

  Args:
    name: of a start of configs/mnist.py, or 'convolutional': `:plain` with the
      discriminator of the default, that is the default's pair from fresh weights.
  """
  if name != "convolutional":
    return mnist.get_config(name)
  config, default = mnist.get_config("plain"), mnist.get_config()
  for field in ("discriminator_architecture", "discriminator_hidden"):
    config.gan[field] = default.gan[field]
  return config


DICTIONARIES = {"patches": 100_000, "mnist": 60_000}  # training examples


def dictionary_config(name: str, epochs: int) -> Any:
  """Returns the config of a dictionary, of about so many epochs.

  Args:
    name: a key of `DICTIONARIES`, and a kind of configs/sparse_coding.py.
    epochs: how often training examples are seen.
  """
  config = sparse_coding.get_config(name)
  coding = config.sparse_coding
  coding.log_every = DICTIONARIES[name] // coding.batch_size // 10
  coding.steps = 10 * coding.log_every * epochs
  coding.update(evaluate_every=coding.steps, save_every=coding.steps)
  return config


def side_named(name: str) -> Side:
  """Returns the side of that name."""
  return next(side for side in SIDES if side.name == name)


def row_named(name: str) -> Row:
  """Returns the row of that name."""
  return next(row for row in ROWS if row.name == name)


def points() -> Iterator[Point]:
  """Yields all points of the curves of growth, curve by curve."""

  def pair(batch, width=128):
    config = config_of(Row("mlp", "mlp", batch, 1, 0), "float32")
    hidden = (width, width)
    config.gan.update(generator_hidden=hidden, discriminator_hidden=hidden)
    return config.to_dict()

  def calls(batch):
    return max(1, IMAGES_PER_CALL // batch)

  for batch in (16, 64, 256, 1024, 4096):
    yield Point("batch", str(batch), pair(batch), "gan", calls(batch))
  for width in (32, 128, 512, 2048):
    yield Point("width", str(width), pair(128, width), "gan", calls(256))
  for latents in (256, 1024, 4096, 16384, 65536):
    config = config_of(Row("sae", "sae", 512, 1, 0, latents), "float32")
    yield Point("latents", str(latents), config.to_dict(), "sae", 2)
  for members in MEMBERS:
    config = pair(64, 64)
    config["population"]["seeds"] = members
    yield Point("members", str(members), config, "gan", calls(64))
  for devices in (1, 2):
    yield Point("devices", str(devices), pair(512), "gan", calls(512), devices=devices)
  for rows in (0, 16, 32):
    at = f"{rows}x{rows}" if rows else "none"
    yield Point("attention", at, _attending(rows), "gan", 1, SHAPES["cifar10"])
  for name in CONFIGS:
    file, _, arg = name.partition(":")
    config = importlib.import_module(f"configs.{file}").get_config(arg)
    for phase in config.phases:
      shape = SHAPES.get(file, PIXELS)
      at = f"{name} {phase}"
      yield Point("compile", at, config.to_dict(), phase, 2, shape, compiles=True)


def _attending(rows: int) -> dict[str, Any]:
  """Returns residual pairs for CIFAR-10 that attend maps of so many rows, 0: none."""
  config = cifar10.get_config("residual")
  config.gan.update(generator_hidden=(64,) * 4, discriminator_hidden=(64,) * 4)
  attended = (rows,) if rows else ()
  config.gan.update(generator_attention=attended, discriminator_attention=attended)
  return config.to_dict()
