"""Prepared TFDS folders, written without TensorFlow; image folders; real data."""

import importlib.util
import io
import json
import os
import pathlib
import struct

import numpy as np
import pytest
from ml_collections import ConfigDict

from sgae.base_config import base_fields
from sgae.data import sources
from sgae.errors import UserError
from tests.image_files import encode


@pytest.fixture
def make_config(tmp_path):
  """Returns config.data with its cache and data inside the test's own folder."""

  def make(**changes):
    fields = base_fields(())["data"] | dict(
      source="tfds",
      name="tiny",
      directory=str(tmp_path / "data"),
      cache_directory=str(tmp_path / "cache"),
    )
    config = ConfigDict(fields | changes)
    # where data are prepared has to be there; a test may have put a file in its place
    place = tmp_path / "data"
    if config.source == "tfds" and not place.exists():
      place.mkdir()
    return config

  return make


@pytest.fixture
def train_two_steps(make_config, tmp_path):
  """Trains phases for two steps each; returns the run directory and what it printed."""
  from configs import digits
  from sgae.config import validate
  from sgae.reporting.console import Console
  from sgae.training import run

  def train(phases, **data):
    config = digits.get_config()
    config.phases = phases
    config.data.update(make_config(**data).to_dict())
    config.code.update(num_latents=12, k=3)
    config.sae.auxiliary_k = 3
    config.gan.update(generator_hidden=(8,), discriminator_hidden=(8,))
    for phase in (config.sae, config.gan):
      phase.update(steps=2, log_every=1, evaluate_every=2, save_every=2, batch_size=8)
    config.classifier.update(steps=2, log_every=1, evaluate_every=2, save_every=2)
    config.classifier.update(batch_size=8, channels=(2, 2, 2), num_features=4)
    config.evaluation.update(num_samples=40, final_samples=40)
    stream = io.StringIO()
    run.train(validate(config), tmp_path / "run", Console(stream))
    return tmp_path / "run", stream.getvalue()

  return train


@pytest.fixture
def image_root(tmp_path):
  """The folder that `write_images` writes to and `load_folder` reads."""
  folder = tmp_path / "faces"
  folder.mkdir()
  return folder


@pytest.fixture
def write_images(image_root):
  """Writes files below the root: bytes as they are, arrays as PNG."""

  def write(files):
    for name, content in files.items():
      path = image_root / name
      path.parent.mkdir(parents=True, exist_ok=True)
      path.write_bytes(content if isinstance(content, bytes) else encode(content))

  return write


@pytest.fixture
def load_folder(image_root, make_config):
  """Loads the folder; its reports go to `lines`."""

  def load(lines=None, **changes):
    config = make_config(**{"source": "folder", "path": str(image_root), **changes})
    return sources.load(config, ([] if lines is None else lines).append)

  return load


@pytest.fixture
def refuse_folder(load_folder, tmp_path):
  """Loads a folder that must be refused, in one line and without a cache entry."""

  def refuse(**changes):
    with pytest.raises(UserError) as error:
      load_folder(**changes)
    assert str(error.value).isprintable()
    assert not list(tmp_path.glob("cache/**/dataset.json"))
    return str(error.value)

  return refuse


@pytest.fixture
def write_folder(tmp_path):
  """Writes <tmp_path>/data/tiny/1.0.0 as TFDS would; returns what is in it."""

  def write(
    version="1.0.0",
    file_format="array_record",
    declared_format=None,
    shard_lengths=None,
    sizes=((4, 6),),
    declared_size=(None, None),
    channels=1,
    splits=("train", "test"),
    seed=0,
  ):
    import tensorflow_datasets as tfds

    features = tfds.features.FeaturesDict(
      {
        "image": tfds.features.Image(shape=(*declared_size, channels)),
        "label": tfds.features.ClassLabel(num_classes=3),
        "id": tfds.features.Text(),
      }
    )
    folder = tmp_path / "data" / "tiny" / version
    folder.mkdir(parents=True)
    features.save_config(folder)
    generator = np.random.default_rng(seed)
    written, described = {}, []
    for split in splits:
      # Two files for training and one for testing.
      counts = [5, 3] if split == "train" else [4]
      examples = []
      for index in range(sum(counts)):
        shape = (*sizes[index % len(sizes)], channels)
        pixels = generator.integers(0, 256, shape).astype(np.uint8)
        examples.append((pixels, int(generator.integers(3))))
      records = [
        features.serialize_example(
          {
            "image": encode(pixels[..., 0] if channels == 1 else pixels),
            "label": label,
            "id": "x",
          }
        )
        for pixels, label in examples
      ]
      for shard, count in enumerate(counts):
        name = f"tiny-{split}.{file_format}-{shard:05}-of-{len(counts):05}"
        start = sum(counts[:shard])
        _WRITERS[file_format](folder / name, records[start : start + count])
      described.append(
        {
          "name": split,
          "filepathTemplate": "{DATASET}-{SPLIT}.{FILEFORMAT}-{SHARD_X_OF_Y}",
          "shardLengths": [str(n) for n in (shard_lengths or {}).get(split, counts)],
          "numBytes": str(sum(map(len, records))),
        }
      )
      written[split] = examples
    info = {"name": "tiny", "version": version, "splits": described}
    info |= declared_format or {"fileFormat": file_format}
    (folder / "dataset_info.json").write_text(json.dumps(info))
    return folder, written

  return write


def _write_array_record(path, records):
  from array_record.python.array_record_module import ArrayRecordWriter

  writer = ArrayRecordWriter(str(path), "group_size:1")
  for record in records:
    writer.write(record)
  writer.close()


def _write_tfrecord(path, records):
  def masked_crc(data):
    crc = 0xFFFFFFFF
    for byte in data:
      crc ^= byte
      for _ in range(8):
        crc = (crc >> 1) ^ (0x82F63B78 if crc & 1 else 0)
    crc ^= 0xFFFFFFFF
    return struct.pack("<I", ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF)

  with open(path, "wb") as file:
    for record in records:
      length = struct.pack("<Q", len(record))
      file.write(length + masked_crc(length) + record + masked_crc(record))


_WRITERS = {"array_record": _write_array_record, "tfrecord": _write_tfrecord}


@pytest.fixture(scope="session")
def real_data_directory():
  """The prepared data that TFDS_DATA_DIR names."""
  directory = os.environ.get("TFDS_DATA_DIR")
  if not directory:
    pytest.skip("TFDS_DATA_DIR is not set: no prepared data to read")
  return pathlib.Path(directory)


@pytest.fixture(scope="session")
def load_real(real_data_directory, tmp_path_factory):
  """Loads a data set of TFDS_DATA_DIR with a cache that lasts for this session."""
  cache = tmp_path_factory.mktemp("cache")

  def load(name, lines=None):
    if not (real_data_directory / name).is_dir():
      pytest.skip(f"TFDS_DATA_DIR holds no {name}")
    fields = base_fields(())["data"] | dict(
      source="tfds",
      name=name,
      directory=str(real_data_directory),
      cache_directory=str(cache),
    )
    config = ConfigDict(fields)
    return sources.load(config, (lines if lines is not None else []).append)

  return load


@pytest.fixture
def tensorflow():
  """Skips if TensorFlow is not installed; the tests never import it."""
  if importlib.util.find_spec("tensorflow") is None:
    pytest.skip("TensorFlow is not installed")


@pytest.fixture
def write_npz(tmp_path):
  """Writes <tmp_path>/faces.npz with these arrays; returns its path."""

  def write(**arrays):
    path = tmp_path / "faces.npz"
    np.savez(path, **arrays)
    return path

  return write


@pytest.fixture
def load_npz(make_config):
  """Loads the file; without `lines`, any report is a failure."""

  def load(path, lines=None, **changes):
    config = make_config(source="npz", path=str(path), **changes)
    return sources.load(config, pytest.fail if lines is None else lines.append)

  return load


@pytest.fixture
def refuse_npz(load_npz):
  """Returns the one line by which the file is refused."""

  def refuse(path, **changes):
    with pytest.raises(UserError) as error:
      load_npz(path, [], **changes)
    message = str(error.value)
    assert message.isprintable()  # One line, for any terminal.
    assert os.path.basename(path) in message
    return message

  return refuse
