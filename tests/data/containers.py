"""Writes the same images and labels into each container that is read."""

import io
import json
import struct
import tarfile
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet

from tests.image_files import encode

Examples = tuple[np.ndarray, Sequence[int]]  # uint8 [N, H, W, C] and labels


def names(labels: Sequence[int], root: str = "") -> list[str]:
  """Returns <root><class>/<number>.png, whose order is that of sorted classes."""
  return [f"{root}{label}/{number:05}.png" for number, label in enumerate(labels)]


def write_zip(path: Path, files: Mapping[str, bytes]) -> Path:
  with zipfile.ZipFile(path, "w") as archive:
    for name, data in files.items():
      archive.writestr(name, data)
  return path


def write_tar(path: Path, files: Mapping[str, bytes]) -> Path:
  with tarfile.open(path, "w:gz" if path.suffix in (".gz", ".tgz") else "w") as archive:
    for name, data in files.items():
      member = tarfile.TarInfo(name)
      member.size = len(data)
      archive.addfile(member, io.BytesIO(data))
  return path


def write_files(path: Path, files: Mapping[str, bytes]) -> Path:
  for name, data in files.items():
    (path / name).parent.mkdir(parents=True, exist_ok=True)
    (path / name).write_bytes(data)
  return path


def write_parquet(
  path: Path, examples: Examples, class_names: Sequence[str] = (), **columns
) -> Path:
  """Writes one file as the Hugging Face hub serves it, in row groups of 100."""
  images, labels = examples
  image = [{"bytes": encode(each), "path": None} for each in images]
  table = pa.table({"image": image, "label": list(labels), **columns})
  if class_names:
    label = {"names": list(class_names), "_type": "ClassLabel"}
    hub = {"info": {"features": {"image": {"_type": "Image"}, "label": label}}}
    table = table.replace_schema_metadata({"huggingface": json.dumps(hub)})
  path.parent.mkdir(parents=True, exist_ok=True)
  pyarrow.parquet.write_table(table, path, row_group_size=100)
  return path


def idx_bytes(array: np.ndarray) -> bytes:
  head = struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape)
  return head + array.astype(np.uint8).tobytes()
