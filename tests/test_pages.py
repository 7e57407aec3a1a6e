"""Commands of the pages (*.md) run, on small settings.

A command is a line of a code block that begins with one of `PROGRAMS`. Those of
launch.py run on digits and tiny networks, in a folder that has what they name: run
directories are copies of one tiny run. Installations and calls of pytest are checked
without being run.
"""

import json
import os
import re
import shlex
import shutil
import tomllib
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from PIL import Image

from tests.commands import forked
from tests.pages import PAGES, code_lines
from tests.runs import tiny_config, train
from tests.systems import ROOT

PROGRAMS = ("python", "python3", "pip", "pytest", "launch.py", "srun", "gcloud")
# Beginnings of commands that do not run here, and why.
EXCEPTED = {
  "srun": "takes a cluster",
  "gcloud": "takes a cloud",
  "python launch.py --coordinator=": "takes several processes: tests/test_processes.py",
  "python -m sgae.benchmark": "takes minutes: tests/benchmark",
  "python launch.py --mode=probe": "takes a minute: tests/evaluation",
  "python launch.py --mode=upscale": "takes a run of its method: tests/methods",
  "python launch.py --mode=translate": "takes a run of its method: tests/methods",
  "python launch.py --mode=invert": "takes images of the run's size: tests/editing",
  "python -m sgae.editing": "takes minutes: tests/editing",
  "python -m sgae.pretrained": "writes the files that are shipped",
  "python -m tests.golden": "writes the records that tests compare with",
  "python3 -m venv": "makes the environment that these tests run in",
}


class Command(NamedTuple):
  """One command of a page: where it stands, its variables, and its words."""

  place: str
  variables: dict[str, str]
  words: tuple[str, ...]

  @property
  def text(self) -> str:
    return " ".join(self.words)


def commands_of(name: str, text: str) -> Iterator[Command]:
  """Yields the commands of a page, those that are joined by && one by one."""
  pending = ""
  for number, line in code_lines(text):
    whole = pending + line.strip().removeprefix("$ ")
    pending = whole[:-1] if whole.endswith("\\") else ""
    if pending or not re.match(rf"(\w+=\S+ )*({'|'.join(PROGRAMS)}|\.)( |$)", whole):
      continue
    shell = shlex.shlex(whole, posix=True, punctuation_chars="&;|")
    shell.whitespace_split = True
    words: list[str] = []
    for word in [*shell, ";"]:
      if not set(word) <= set("&;|"):
        words.append(word)
        continue
      variables = {}
      while words and re.match(r"\w+=", words[0]):
        variable, _, value = words.pop(0).partition("=")
        variables[variable] = value
      if words and words[0] in PROGRAMS:
        yield Command(f"{name}:{number}", variables, tuple(words))
      words = []


COMMANDS = [
  command for name, text in PAGES.items() for command in commands_of(name, text)
]


def excepted(command: Command) -> bool:
  return command.text.startswith(tuple(EXCEPTED))


def is_launch(command: Command) -> bool:
  return command.words[0] == "launch.py" or command.words[1:2] == ("launch.py",)


def arguments_of(command: Command) -> list[str]:
  """Returns the arguments that a command hands to launch.py."""
  return list(command.words[command.words.index("launch.py") + 1 :])


def flag(arguments: list[str], name: str, default: str = "") -> str:
  """Returns the last value of --name=value."""
  found = [each for each in arguments if each.startswith(f"--{name}=")]
  return found[-1].partition("=")[2] if found else default


def small(arguments: list[str]) -> list[str]:
  """Returns flags that make the networks, lengths and data of a config small."""
  file, _, arg = flag(arguments, "config", "configs/digits.py").partition(":")
  if file.endswith(".json"):
    return []  # that of the tiny run
  config = import_module(f"configs.{Path(file).stem}").get_config(arg).to_dict()
  fields = {}
  for name, section in config.items():
    for field, value in section.items() if isinstance(section, dict) else ():
      if re.search("_hidden$|^channels$", field):
        fields[f"{name}.{field}"] = tuple(min(width, 4) for width in value)
      elif re.search("_updates$", field):
        fields[f"{name}.{field}"] = min(value, 2)
      elif field in SIZES:
        fields[f"{name}.{field}"] = SIZES[field]
    if isinstance(section, dict) and "log_every" in section:
      fields[f"{name}.steps"] = 4
  compiles = flag(arguments, "mode") == "compile"
  has_data = compiles and os.path.isdir(os.environ.get("TFDS_DATA_DIR", "") + "/mnist")
  if config["data"]["source"] != "mixture" and not has_data:
    fields["data.source"] = flag(arguments, "config.data.source", "digits")
  if "--config.evaluation" not in " ".join(arguments):
    fields["evaluation.measures"] = ()  # compiling them takes most of the time
  if flag(arguments, "config.profile.steps"):
    fields["profile.steps"] = 2
  if arguments and not re.search("gan|evaluation|phases", " ".join(arguments)):
    # the rest of what it says holds for one phase as for two
    fields["phases"] = config["phases"][:1]
  return [f"--config.{name}={value}" for name, value in fields.items()]


SIZES = {
  "log_every": 2,
  "evaluate_every": 4,
  "save_every": 4,
  "batch_size": 16,
  "kernel_size": 2,
  "k": 8,
  "num_samples": 40,
  "final_samples": 100,
  "importance_samples": 10,
  "controls": False,
}


def test_commands_are_found_in_both_kinds_of_blocks():
  text = """
Words and `python inline.py`, then

    python a.py && pip install b; cd c
    A=1 python \\
      --d="x && y" &

```sh
$ pytest -n 2
ls
```
    python in_a_paragraph.py
"""
  assert [command[1:] for command in commands_of("page", text)] == [
    ({}, ("python", "a.py")),
    ({}, ("pip", "install", "b")),
    ({"A": "1"}, ("python", "--d=x && y")),
    ({}, ("pytest", "-n", "2")),
  ]


@pytest.fixture(scope="module")
def place(tmp_path_factory, whole_run):
  """A folder with what commands name: configs, images, and one run."""
  folder = tmp_path_factory.mktemp("pages")
  (folder / "configs").symlink_to(ROOT / "configs")
  images = np.random.default_rng(0).integers(0, 256, (80, 32, 32, 1), dtype=np.uint8)
  labels = np.arange(80) % 10
  np.savez(
    folder / "images.npz",
    x_train=images[:64],
    y_train=labels[:64],
    x_test=images[64:],
    y_test=labels[64:],
  )
  (folder / "images").mkdir()
  for number, image in enumerate(images):
    Image.fromarray(image[..., 0]).save(folder / "images" / f"{number}.png")
  shutil.copytree(whole_run, folder / "run")
  (folder / "run" / "samples").mkdir(exist_ok=True)
  latents = np.zeros((2, tiny_config().gan.latent_dim), np.float32)
  np.savez(folder / "run" / "samples" / "latents.npz", latents=latents)
  return folder


def put_run(place: Path, name: str) -> None:
  """Copies the tiny run, with a seed of its own: equal runs do not compare.

  Populations are trained.
  """
  if (place / name).exists():
    return
  if "population" in name or name in WITH_TARGETS:
    if not (place / "two").exists():
      train(place / "two", tiny_config(population__seeds=2))
    shutil.copytree(place / "two", place / name)
    return
  shutil.copytree(place / "run", place / name)
  file = place / name / "config.json"
  stored = json.loads(file.read_text())
  stored["config"]["seed"] = len(list((place / name).parent.iterdir()))
  file.write_text(json.dumps(stored))


def same_runs(command: Command) -> tuple:
  """Returns what commands have in common that need to run only once."""
  arguments = arguments_of(command)
  if flag(arguments, "mode", "train") == "train":
    arguments = [each for each in arguments if not each.startswith("--workdir=")]
  default = "--config=configs/digits.py"
  variables = tuple(sorted(command.variables.items()))
  return variables, tuple(each for each in arguments if each != default)


# Refused only when all the rest of a command was taken.
TOO_MANY_DEVICES = "--config.parallel.devices=4096"
LAUNCHED = {
  same_runs(command): command
  for command in COMMANDS
  if is_launch(command) and not excepted(command)
}
# Runs whose members are compared with a distance to reach.
WITH_TARGETS = {
  flag(arguments_of(command), "workdir")
  for command in LAUNCHED.values()
  if flag(arguments_of(command), "mode") == "evaluate" and "--target=" in command.text
}


@pytest.mark.parametrize(
  "command", LAUNCHED.values(), ids=lambda each: f"{each.place} {each.text}"
)
def test_a_command_of_launch_runs(command, place, tmp_path):
  arguments = arguments_of(command)
  mode = flag(arguments, "mode", "train")
  config = flag(arguments, "config", "configs/digits.py")
  workdir = flag(arguments, "workdir", f"runs/{Path(config.split(':')[0]).stem}")
  named = [] if mode in ("train", "compare") else [workdir]
  for name in [*named, *re.findall(r"runs/\w+", f"{config} {flag(arguments, 'runs')}")]:
    put_run(place, name)
  only_checked = mode == "train" and re.fullmatch(
    r"configs/(?!digits\.py)\w+\.py.*", config
  )
  if only_checked:  # that it trains is what its golden records prove
    arguments += [TOO_MANY_DEVICES, f"--workdir={tmp_path}/run"]
  elif mode in ("train", "compile"):
    arguments += [*small(arguments), f"--workdir={tmp_path}/run"]
  elif mode == "sample" and int(flag(arguments, "num_samples", "0")) > 50:
    arguments += ["--num_samples=50"]
  if mode == "compile":
    pytest.importorskip("libtpu", reason="pip install -e '.[tpu]'")
  devices = re.search(r"device_count=(\d+)", command.variables.pop("XLA_FLAGS", "=1"))
  assert not command.variables, f"{command.place}: what does {command.variables} do?"
  done = forked(*arguments, devices=int(devices[1]) if devices else 1, folder=place)
  said = f"{command.place}: {command.text}: {done.stderr}"
  if only_checked:
    assert done.returncode == 2, said
    assert "parallel.devices=4096, but" in done.stderr, said
  else:
    assert done.returncode == 0, said


def test_other_commands_name_what_there_is():
  project = tomllib.loads((ROOT / "pyproject.toml").read_text())
  extras = set(project["project"]["optional-dependencies"])
  markers = {
    line.split(":")[0] for line in project["tool"]["pytest"]["ini_options"]["markers"]
  }
  for command in COMMANDS:
    if excepted(command) or is_launch(command):
      continue
    where = f"{command.place}: {command.text}"
    program, *words = command.words
    if program == "pip":
      assert words[0] == "install", where
      constraints = re.findall(r"-c (\S+)", command.text)
      assert all((ROOT / each).exists() for each in constraints), where
      (package,) = re.findall(r"-e (\S+)", command.text)
      wanted = re.fullmatch(r"\.(?:\[([\w,]+)\])?", package)
      assert wanted and set((wanted[1] or "").split(",")) <= {*extras, ""}, where
    elif program == "pytest":
      assert set(re.findall(r"-m (?:not )?(\w+)", command.text)) <= markers, where
      paths = [word.split("::")[0] for word in words if word.startswith("tests")]
      assert all((ROOT / path).exists() for path in paths), where
    else:
      raise AssertionError(f"{where}: neither run nor in EXCEPTED of {__file__}")


def test_all_exceptions_occur():
  """On a page, or in what a config says about itself."""
  texts = [*PAGES.values(), *(file.read_text() for file in ROOT.glob("configs/*.py"))]
  words = " ".join(" ".join(texts).split())
  gone = [each for each in EXCEPTED if each not in words]
  assert not gone, f"in no page, remove from EXCEPTED: {gone}"
