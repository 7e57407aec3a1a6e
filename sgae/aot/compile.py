"""`--mode=compile`: checks what is asked for, then compiles in a process of its own."""

import importlib.util
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from sgae.aot.roofline import parse_slice
from sgae.data import sources
from sgae.errors import UserError
from sgae.training.run import check_batches, check_examples


def compile_for(config: Any, topology: str, images: str) -> int:
  """Compiles each phase for a TPU slice and prints what that tells.

  libtpu is told by its environment not to look for a TPU, and writes to the terminal
  as it likes: hence the other process.

  Args:
    config: validated.
    topology: the slice, such as 'v5e:2x4'.
    images: shape 'NxHxWxC' of the training images; '': as the data set's metadata say.

  Returns:
    0: all of them fit.

  Raises:
    UserError: no such slice, libtpu or data, or a phase does not fit.
  """
  where = parse_slice(topology)
  if config.parallel.mode == "pmap":
    raise UserError(
      "parallel.mode='pmap' cannot be compiled for chips of several hosts: choose jit "
      "or shard_map"
    )
  if config.parallel.devices not in (0, where.chips):
    raise UserError(
      f"parallel.devices={config.parallel.devices}, but {topology} has {where.chips} "
      "chip(s): use 0 for all of them"
    )
  if config.data.source == "mixture":
    raise UserError(
      "--mode=compile is for images: points of data.source='mixture' need no slice"
    )
  check_batches(config, where.chips)
  if importlib.util.find_spec("libtpu") is None:
    raise UserError(
      "--mode=compile needs libtpu, which runs on Linux x86-64: pip install -e '.[tpu]'"
    )
  count, height, width, channels = (
    _read_shape(images) if images else sources.train_shape(config.data)
  )
  check_examples(config, count)
  side = config.data.image_size
  request = {
    "config": config.to_dict(),
    "topology": topology,
    "shape": (count, side or height, side or width, channels),
  }
  done = subprocess.run(
    [sys.executable, "-m", "sgae.aot"],
    input=json.dumps(request),
    stderr=subprocess.PIPE,
    text=True,
    env=os.environ | where.environment,
    cwd=Path(__file__).parents[2],  # where this package lies, installed or not
  )
  if done.returncode == UserError.exit_code:
    raise UserError(re.findall(r"^error: (.*)$", done.stderr, re.MULTILINE)[-1])
  if done.returncode:
    raise RuntimeError(f"compiling ended with {done.returncode}:\n{done.stderr}")
  return 0


def _read_shape(text: str) -> tuple[int, ...]:
  shape = tuple(map(int, re.findall(r"\d+", text)))
  if not re.fullmatch(r"\d+x\d+x\d+x\d+", text) or not all(shape):
    raise UserError(
      f"--images={text!r} is no shape of images: give number, height, width and "
      "channels such as 60000x28x28x1"
    )
  return shape
