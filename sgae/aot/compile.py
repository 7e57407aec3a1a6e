"""`--mode=compile`: checks the request, then compiles in a separate process."""

import importlib.util
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from sgae.aot.roofline import Slice, parse_slice
from sgae.data import sources
from sgae.errors import UserError
from sgae.methods import population
from sgae.training.batches import check_batches, check_examples


def compile_for(config: Any, topology: str, images: str) -> int:
  """Compiles each phase for a TPU slice and prints its costs.

  This runs in a separate process: libtpu needs environment variables that keep it from
  looking for a TPU, and it writes to the terminal by itself.

  Args:
    config: validated.
    topology: the slice, such as 'v5e:2x4'.
    images: shape 'NxHxWxC' of the training images; '': from the data set's metadata.

  Returns:
    0 if all phases fit.

  Raises:
    UserError: the slice, libtpu or the data do not exist, or a phase does not fit.
  """
  where = parse_slice(topology)
  _check(config, where)
  if importlib.util.find_spec("libtpu") is None:
    raise UserError(
      "--mode=compile needs libtpu, which runs on Linux x86-64: pip install -e '.[tpu]'"
    )
  count, height, width, channels = sources.train_shape(
    config.data, _read_shape(images) if images else None
  )
  check_examples(config, count)
  side = config.data.image_size
  request = {
    "config": config.to_dict(),
    "topology": topology,
    "shape": (count, side or height, side or width, channels),
  }
  process = subprocess.run(
    [sys.executable, "-m", "sgae.aot"],
    input=json.dumps(request),
    stderr=subprocess.PIPE,
    text=True,
    env=os.environ | where.environment,
    cwd=Path(__file__).parents[2],  # sgae can be imported there if not installed
  )
  if process.returncode == UserError.exit_code:
    raise UserError(re.findall(r"^error: (.*)$", process.stderr, re.MULTILINE)[-1])
  if process.returncode:
    raise RuntimeError(f"compiling ended with {process.returncode}:\n{process.stderr}")
  return 0


def _check(config: Any, where: Slice) -> None:
  """Raises UserError for what cannot be compiled for a slice."""
  if config.parallel.mode == "pmap":
    raise UserError(
      "parallel.mode='pmap' cannot be compiled for several hosts: choose jit or "
      "shard_map"
    )
  if config.parallel.devices not in (0, where.chips):
    raise UserError(
      f"parallel.devices={config.parallel.devices}, but {where.name} has {where.chips} "
      "chip(s): use 0 for all of them"
    )
  if config.data.source in sources.SOURCES_OF_VECTORS:
    raise UserError(
      f"--mode=compile is for images, not for data.source={config.data.source!r}: "
      "choose another data.source"
    )
  check_batches(config, where.chips)
  members = len(population.members_of(config))
  if members % where.chips:
    raise UserError(
      f"population has {members} members, which the {where.chips} chips of "
      f"{where.name} cannot share evenly: choose a multiple, or a smaller slice"
    )


def _read_shape(text: str) -> tuple[int, ...]:
  shape = tuple(map(int, re.findall(r"\d+", text)))
  if not re.fullmatch(r"\d+x\d+x\d+x\d+", text) or not all(shape):
    raise UserError(
      f"--images={text!r} is not a shape of images: give number, height, width and "
      "channels such as 60000x28x28x1"
    )
  return shape
