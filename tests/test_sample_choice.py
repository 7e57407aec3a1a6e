"""Samples with a hand on them: which ones, from which latents, of which state."""

import functools
import io
import itertools
import json
import shutil
from typing import Any

import jax
import numpy as np
import pytest
from PIL import Image

from sgae import cli
from sgae.devices.mesh import local_mesh
from sgae.errors import UserError
from sgae.evaluation.choice import Choice, check, numbers_of, read_latents
from sgae.evaluation.evaluate import evaluate_run
from sgae.evaluation.sample import sample_run
from sgae.methods.sampling import centres_of, make_draw, make_truncated
from sgae.reporting.console import Console
from tests.systems import make_phase, small_config


def sample(run, output, *, count=0, format="npz", **choice):
  """Returns the single samples and what samples.json says of them."""
  console = Console(io.StringIO())
  sample_run(run, {}, count, format, console, choice=Choice(**choice), output=output)
  folder = output / "samples"
  about = json.loads((folder / "samples.json").read_text())
  if format == "npz":
    return np.load(folder / "samples.npz")["arr_0"], about
  files = [entry["file"] for entry in about["samples"]]
  return np.stack([np.asarray(Image.open(folder / file)) for file in files]), about


def test_a_sample_depends_on_seed_and_number_and_is_made_again_from_its_latent(
  whole_run, tmp_path
):
  first, about = sample(whole_run, tmp_path / "a", count=43, seed=5)
  assert [entry["index"] for entry in about["samples"]] == list(range(43))
  assert about["samples"][42] == {
    "file": "samples.npz",
    "row": 42,
    "index": 42,
    "seed": 5,
  }
  chosen, about = sample(
    whole_run, tmp_path / "b", format="png", indices="42,0-1", seed=5
  )
  np.testing.assert_array_equal(chosen, first[[42, 0, 1], ..., 0])
  names = sorted(path.name for path in (tmp_path / "b" / "samples").glob("*.png"))
  assert names == ["000000.png", "000001.png", "000042.png"]
  latents = tmp_path / "b" / "samples" / "latents.npz"
  again, about = sample(whole_run, tmp_path / "c", latents=str(latents))
  np.testing.assert_array_equal(again, first[[42, 0, 1]])
  assert about["latents_from"] == str(latents)
  other, about = sample(whole_run, tmp_path / "a", count=43)
  assert about["samples"][0]["seed"] == 0
  assert (other != first).any()


def test_an_older_step_and_the_last_parameters_give_other_samples(whole_run, tmp_path):
  newest, about = sample(whole_run, tmp_path, count=2)
  assert (about["step"], about["raw"]) == (20, False)
  older, about = sample(whole_run, tmp_path, count=2, step=10)
  assert about["step"] == 10
  raw, about = sample(whole_run, tmp_path, count=2, raw=True)
  assert about["raw"]
  assert (older != newest).any()
  assert (raw != newest).any()
  with pytest.raises(UserError, match=r"step 15 is not kept .* \[10, 20\]"):
    sample(whole_run, tmp_path, count=2, step=15)


def test_classes_are_for_a_run_that_is_told_one(whole_run, tmp_path):
  with pytest.raises(UserError, match="^--classes=7 is for a conditional run.*$"):
    sample(whole_run, tmp_path, classes="7")


def test_a_run_that_cannot_be_written_is_sampled_and_evaluated_elsewhere(
  whole_run, tmp_path
):
  run = shutil.copytree(whole_run, tmp_path / "run")
  before = {path: path.stat().st_mtime_ns for path in run.rglob("*")}
  sample(run, tmp_path / "out", count=1)
  evaluate_run(run, {}, Console(io.StringIO()), output=tmp_path / "out")
  assert {path: path.stat().st_mtime_ns for path in run.rglob("*")} == before
  assert {path.name for path in (tmp_path / "out").iterdir()} == {
    "evaluation.json",
    "explorer.html",
    "report.html",
    "samples",
    "samples.png",
  }


def truncated_generator(generator, classes):
  """Returns a generator's sampling, and a state with which pixels differ."""
  fields = {"gan__generator": generator, "gan__conditional__classes": classes}
  if generator == "plain":
    fields |= {"gan__sparsity_weight": 0.0}
  phase = make_phase("gan", small_config(**fields))
  state = phase.init({})
  # weights of another size, so that no code is zero
  state = state.replace(ema_params=jax.tree.map(lambda p: 3 * p, state.ema_params))
  sampling: Any = phase.program.sampling
  return sampling, state


@pytest.mark.parametrize("generator", ["sparse", "plain"])
def test_truncation_keeps_samples_between_two_classes(generator):
  (sampling, state), mesh = truncated_generator(generator, 2), local_mesh()
  latents = make_draw(sampling, mesh)(state, np.zeros(5, np.int32)).copy()
  latents[:, -2:] = np.array([[1 - t, t] for t in (0, 0.25, 0.5, 0.75, 1)])
  centres = centres_of(sampling, mesh, state)
  truncated = functools.partial(make_truncated(sampling, mesh), state, latents, centres)
  whole = truncated(1).astype(int)
  assert all(abs(one - other).max() > 0 for one, other in itertools.pairwise(whole))
  assert abs(truncated(0.999).astype(int) - whole).max() <= 2
  means = truncated(0).astype(int)  # between the means of the two classes
  assert all(abs(one - other).max() > 0 for one, other in itertools.pairwise(means))


@pytest.mark.parametrize("classes", [0, 2])
@pytest.mark.parametrize("generator", ["sparse", "plain"])
def test_truncation_goes_straight_from_the_mean_code_to_the_sample(generator, classes):
  (sampling, state), mesh = truncated_generator(generator, classes), local_mesh()
  latents = make_draw(sampling, mesh)(state, np.arange(6))
  centres = centres_of(sampling, mesh, state)
  assert len(centres) == max(classes, 1)
  centre = centres[np.arange(6) % len(centres)]
  codes = np.asarray(sampling.code(state, latents))
  whole = np.asarray(sampling.generate(state, latents))
  truncated = functools.partial(make_truncated(sampling, mesh), state, latents, centres)

  np.testing.assert_allclose((whole.clip(-1, 1) + 1) * 127.5, truncated(1), atol=0.51)
  assert (truncated(0)[::2] == truncated(0)[0]).all()
  assert (truncated(0)[0] == truncated(0)[1]).all() == (not classes)
  decode = sampling.decode or sampling.generate
  half = np.asarray(decode(state, (centre + codes) / 2))
  np.testing.assert_allclose((half.clip(-1, 1) + 1) * 127.5, truncated(0.5), atol=0.51)
  if generator == "plain":  # codes are latents, whose mean is near to 0
    np.testing.assert_array_equal(codes, latents)
    assert abs(centre[:, : codes.shape[1] - classes]).max() < 0.2
    assert (
      centre[:, codes.shape[1] - classes :] == codes[:, codes.shape[1] - classes :]
    ).all()


def test_numbers_are_read_in_their_order():
  assert numbers_of("7, 0-2,42").tolist() == [7, 0, 1, 2, 42]
  for wrong in ("", "a", "3-1", "-1", "1,1", "0-2,2", "0-99999999", "2147483648", "1-"):
    with pytest.raises(UserError, match="--indices="):
      numbers_of(wrong)


@pytest.mark.parametrize(
  ("fields", "words"),
  [
    ({"seed": -2}, "--seed=-2"),
    ({"truncation": float("nan")}, "--truncation=nan"),
    ({"indices": "1", "count": 3}, "--indices and --num_samples"),
    ({"latents": "a.npz", "seed": 1}, "leave out --seed"),
    ({"count": 3_000_000_000}, "--num_samples=3000000000"),
  ],
)
def test_choices_that_exclude_each_other_are_refused(fields, words):
  count = fields.pop("count", 0)
  with pytest.raises(UserError, match=words):
    check(Choice(**fields), count)


def test_latents_that_do_not_fit_are_refused_in_one_line(tmp_path):
  path, good = tmp_path / "z.npz", np.zeros((2, 6))
  np.savez(path, mine=good)
  assert read_latents(str(path), (6,)).dtype == np.float32
  unfit: Any = (
    {"latents": np.zeros((2, 7))},
    {"latents": np.zeros((0, 6))},
    {"latents": np.full((1, 6), np.nan)},
    {"latents": np.array([["a"] * 6])},
    {"a": good, "b": good},
    {"latents": np.array([None])},
  )
  for arrays in unfit:
    np.savez(path, **arrays)
    with pytest.raises(UserError, match=r"z\.npz.*\[N, 6\]") as refused:
      read_latents(str(path), (6,))
    assert "\n" not in str(refused.value)
  path.write_bytes(path.read_bytes()[:-30])
  for file in (path, tmp_path / "none.npz"):
    with pytest.raises(UserError, match="cannot be read"):
      read_latents(str(file), (6,))


def test_a_flag_that_a_mode_does_not_read_is_refused():
  class Flag:
    def __init__(self, present):
      self.present = present

  class Flags(dict):
    mode = "train"

  flags = Flags({name: Flag(name == "seed") for name in cli.READ_BY})
  with pytest.raises(UserError, match="--seed is not read .* --config.seed"):
    cli.check_flags(flags)
  flags.mode = "sample"
  cli.check_flags(flags)
