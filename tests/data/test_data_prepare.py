"""The process with TensorFlow: full preparations, and each way it can fail.

Importing TensorFlow takes 5 s, so some of the ways are in the long form:
pytest -m soak tests/data/test_data_prepare.py
"""

import os
import shutil
import subprocess
import sys
import time

import numpy as np
import pytest

from sgae.data import sources
from sgae.errors import UserError


@pytest.fixture
def no_network(monkeypatch):
  """Sends all requests to an address where nothing answers, as without a network."""
  for variable in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"):
    monkeypatch.setenv(variable, "http://127.0.0.1:9")
  for variable in ("NO_PROXY", "no_proxy"):
    monkeypatch.delenv(variable, raising=False)


def refusal(config):
  with pytest.raises(UserError) as error:
    sources.load(config, lambda line: None)
  assert "\n" not in str(error.value)
  return str(error.value)


def test_tfrecords_are_decoded_once(tensorflow, write_folder, make_config):
  _, written = write_folder(file_format="tfrecord")
  lines = []
  for _ in range(2):
    dataset = sources.load(make_config(), lines.append)
    for split, examples in written.items():
      images, labels = getattr(dataset, split)
      np.testing.assert_array_equal(images, [image for image, _ in examples])
      assert labels.tolist() == [label for _, label in examples]
  assert lines == ["Decoding tiny from TFRecords (first use) ..."]
  assert "tensorflow" not in sys.modules


@pytest.mark.soak
def test_old_folders_do_not_name_their_format(tensorflow, write_folder, make_config):
  _, written = write_folder(file_format="tfrecord", declared_format={"name": "tiny"})
  dataset = sources.load(make_config(), lambda line: None)
  np.testing.assert_array_equal(
    dataset.test.images, [image for image, _ in written["test"]]
  )


@pytest.mark.parametrize("kept", [0.5, pytest.param(1.0, marks=pytest.mark.soak)])
def test_damaged_tfrecords(tensorflow, write_folder, make_config, kept):
  folder, _ = write_folder(file_format="tfrecord")
  path = folder / "tiny-train.tfrecord-00001-of-00002"
  data = bytearray(path.read_bytes())
  data[60] ^= 1  # The checksum of the first record tells.
  path.write_bytes(data[: int(kept * len(data))])
  message = refusal(make_config())
  assert str(path) in message
  assert f"delete {folder} and run again" in message


@pytest.mark.soak
def test_a_missing_tfrecord_file(tensorflow, write_folder, make_config):
  folder, _ = write_folder(file_format="tfrecord")
  path = folder / "tiny-test.tfrecord-00000-of-00001"
  path.unlink()
  assert refusal(make_config()).startswith(f"{path} is missing")


@pytest.mark.soak
def test_mnist_is_prepared_without_a_network(
  tensorflow, no_network, load_real, real_data_directory, make_config, tmp_path
):
  downloads = real_data_directory / "downloads"
  if not downloads.is_dir():
    pytest.skip("TFDS_DATA_DIR holds no downloads to prepare from")
  shutil.copytree(downloads, tmp_path / "data" / "downloads")
  lines = []
  dataset = sources.load(make_config(name="mnist"), lines.append)
  assert lines[0] == f"Preparing mnist (first use) in {tmp_path / 'data'} ..."
  reference = load_real("mnist")
  for one, other in zip(
    (*dataset.train, *dataset.test), (*reference.train, *reference.test), strict=True
  ):
    np.testing.assert_array_equal(one, other)
  assert "tensorflow" not in sys.modules


def test_without_network_and_data_the_user_reads_what_to_do(
  tensorflow, no_network, make_config, capfd
):
  start = time.perf_counter()
  message = refusal(make_config(name="mnist"))
  shown = capfd.readouterr()
  assert "Downloading and preparing" in shown.err  # Progress, as it comes.
  assert "Traceback" not in shown.err
  assert time.perf_counter() - start < 40
  assert "no network connection to storage.googleapis.com" in message
  for hint in ("--config.data.directory", "TFDS_DATA_DIR", "`python launch.py`"):
    assert hint in message


def test_an_unknown_data_set(tensorflow, make_config):
  message = refusal(make_config(name="mnits"))
  assert "'mnits'" in message
  assert "did you mean mnist" in message


@pytest.mark.soak
def test_a_data_set_with_configurations_needs_one(tensorflow, make_config):
  assert "emnist/letters" in refusal(make_config(name="emnist"))


def test_a_directory_that_cannot_be_written(tensorflow, make_config, tmp_path):
  (tmp_path / "data").write_text("a file")
  message = refusal(make_config(name="mnist"))
  assert f"cannot be prepared in {tmp_path / 'data'}" in message
  assert "Not a directory" in message


def test_a_directory_that_is_not_there_is_not_made(make_config, tmp_path):
  message = refusal(make_config(name="mnist", directory=str(tmp_path / "misspelt")))
  assert f"{tmp_path / 'misspelt'} does not exist" in message
  assert "TFDS_DATA_DIR" in message
  assert not (tmp_path / "misspelt").exists()


@pytest.mark.soak
def test_a_half_prepared_folder_is_named(tensorflow, make_config, tmp_path):
  folder = tmp_path / "data" / "mnist" / "3.0.1"
  folder.mkdir(parents=True)
  assert f"{folder} has no dataset_info.json" in refusal(make_config(name="mnist"))


def test_without_tensorflow_the_user_reads_what_to_install(
  make_config, tmp_path, monkeypatch
):
  (tmp_path / "hidden").mkdir()
  (tmp_path / "hidden" / "tensorflow.py").write_text("raise ImportError('hidden')")
  monkeypatch.setenv("PYTHONPATH", str(tmp_path / "hidden"))
  message = refusal(make_config(name="mnist"))
  assert "TensorFlow cannot be imported (ImportError: hidden)" in message
  assert "`pip install tensorflow-cpu`" in message


def test_a_dead_process_is_reported_with_its_command(
  make_config, tmp_path, monkeypatch
):
  (tmp_path / "deadly").mkdir()
  (tmp_path / "deadly" / "tensorflow.py").write_text("import os; os.abort()")
  monkeypatch.setenv("PYTHONPATH", str(tmp_path / "deadly"))
  message = refusal(make_config(name="mnist"))
  assert "-m sgae.data.prepare mnist" in message
  assert "ended with -6" in message


def test_ctrl_c_in_the_process_stops_the_caller(make_config, tmp_path, monkeypatch):
  (tmp_path / "stopped").mkdir()
  (tmp_path / "stopped" / "tensorflow.py").write_text("raise KeyboardInterrupt")
  monkeypatch.setenv("PYTHONPATH", str(tmp_path / "stopped"))
  with pytest.raises(KeyboardInterrupt):
    sources.load(make_config(name="mnist"), lambda line: None)


def test_the_command_line_alone(tensorflow, tmp_path, write_folder):
  write_folder(file_format="tfrecord")
  command = [sys.executable, "-m", "sgae.data.prepare", "tiny", str(tmp_path / "data")]
  result = subprocess.run(
    [*command, "--decode", str(tmp_path / "out")],
    capture_output=True,
    text=True,
    env=os.environ | {"CUDA_VISIBLE_DEVICES": "0"},
  )
  assert result.returncode == 0, result.stderr
  assert result.stdout == f"{tmp_path / 'out'} is ready\n"
  assert (tmp_path / "out" / "train_images.npy").is_file()
  result = subprocess.run(
    [*command[:3], "nothing", str(tmp_path / "data"), "--decode", str(tmp_path / "no")],
    capture_output=True,
    text=True,
  )
  assert result.returncode == UserError.exit_code
  assert "holds no prepared data" in result.stdout
