"""`--mode=probe`: how well classes are read off a run's frozen codes, by few labels."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.decomposition import PCA
from threadpoolctl import threadpool_limits

from sgae.data import order, resident
from sgae.data.dataset import Dataset, Split, labelled
from sgae.devices.batched_apply import batched_apply
from sgae.diagnostics.health import events
from sgae.errors import UserError
from sgae.evaluation.measures.codes import largest
from sgae.evaluation.measures.probes import HIDDEN, PROBES, probe_error
from sgae.evaluation.run_data import load_data
from sgae.methods import views
from sgae.methods.population import build_one, chosen_member, mesh_for, state_of
from sgae.methods.reconstruction import train_probed
from sgae.reporting import probe_curves
from sgae.reporting.console import Console
from sgae.reporting.files import write_atomically, write_json
from sgae.reporting.metrics import read_metrics
from sgae.reporting.report import write_report
from sgae.runs.directory import results_place
from sgae.runs.load import stored_config
from sgae.runs.states import read_states

FILE_NAME = "probe.json"
IMAGES, TITLE = "images", "probes"  # of the picture, where the report looks for it
# Functions of a program whose outputs are probed, [B, K] or with places [B, h, w, K].
CODES = ("encode", "approximate", "features")
PER_CLASS = (1, 2, 5, 10, 100, 0)  # labels of each class; 0: all
DRAWS = 5  # of which labels these are
COMPONENTS = 64  # of the control by principal components

Codes = tuple[np.ndarray, np.ndarray]  # of training and of test images, float32 [N, K]


def probe_run(
  workdir: Path,
  overrides: dict[str, Any],
  console: Console,
  member: int = -1,
  output: Path | None = None,
) -> None:
  """Probes the codes of each phase, pixels and principal components.

  Writes `probe.json`, the curves as `images/PHASE_probes_STEP.png` of the last phase,
  and the report, which shows them. Of a population's member the curves have its number
  in their name.

  Args:
    workdir: a run directory; its stored config is used.
    overrides: as for `evaluate_run`.
    console: where the table goes.
    member: of a population; -1: the first one.
    output: the directory that files go to; None: the run directory.

  Raises:
    UserError: there is no run or no checkpoint, its data have fewer than two labelled
      classes, or nothing in it encodes images.
  """
  config = stored_config(workdir, overrides, console.line)
  chosen = chosen_member(config, member)
  place = results_place(workdir, output, chosen)  # early: probing may take minutes
  mesh = mesh_for(config, chosen)
  dataset = load_data(workdir, config, console)
  train, test = probed_splits(dataset)
  shape = dataset.train.images.shape[1:]
  found = read_states(config, workdir, shape, mesh, console.line)
  states = {name: state_of(state, chosen) for name, (_, state) in found.items()}
  codes = {"pixels": _pixels(train.images, test.images)}
  codes["PCA"] = _principal(*codes["pixels"])
  codes |= codes_of(config, shape, states, mesh, train.images, test.images)
  if len(codes) == 2:
    raise UserError(
      f"{workdir} has nothing to probe: none of its phases {tuple(config.phases)} "
      f"encodes images (by {', '.join(CODES)})"
    )
  errors = {}
  for name, pair in codes.items():
    console.line(f"Probing {name} ({pair[0].shape[1]:,} numbers) ...")
    errors[name] = probed_errors(pair, train.labels, test.labels)
  protocol = {
    **({} if chosen is None else chosen.fields()),
    "reference": f"test split of {dataset.name}",
    "reference_samples": len(test.labels),
    "training_images": len(train.labels),
    "draws": DRAWS,
    "steps": {name: step for name, (step, _) in found.items()},
    "mlp": f"one hidden layer of {HIDDEN}",
    "pca_components": codes["PCA"][0].shape[1],
  }
  write_json(place / FILE_NAME, {"protocol": protocol, "errors": errors})
  *_, (phase, (step, _)) = found.items()
  title = TITLE if chosen is None else f"{TITLE}_of_member_{chosen.number}"
  picture = (output or workdir) / IMAGES / f"{phase}_{title}_{step:06d}.png"
  write_atomically(picture, probe_curves.draw(errors))
  for line in describe(errors):
    console.line(line)
  console.line(f"Stored in {place / FILE_NAME} and {picture}")
  found_events = events(read_metrics(workdir), views.warnings())
  write_report(workdir, found_events, views.shown(), output)


def probed_splits(dataset: Dataset) -> tuple[Split, Split]:
  """Returns the labelled examples that count, of the training and of the test split.

  Raises:
    UserError: fewer than two classes have labels.
  """
  parts = train_probed(dataset), labelled(dataset.test)
  if any(len(np.unique(labels)) < 2 for _, labels in parts):
    raise UserError(
      f"{dataset.name} has labels of fewer than two classes, and a probe tells classes "
      "apart: give it labels"
    )
  return parts


def codes_of(
  config: Any,
  image_shape: tuple[int, ...],
  states: Mapping[str, Any],
  mesh: Any,
  train: np.ndarray,
  test: np.ndarray,
) -> dict[str, Codes]:
  """Returns the codes of each phase by `PHASE FUNCTION`, of training and test images.

  Args:
    config: validated.
    image_shape: (H, W, C).
    states: phase -> its state.
    mesh: the devices.
    train, test: images [N, H, W, C] as stored.
  """
  found = {}
  for phase, state in states.items():
    functions = build_one(phase, config, image_shape).functions
    for name in CODES:
      if name in functions:

        def encode(state, images, function=functions[name]):
          return largest(function(state, resident.to_model_range(images)))

        run = batched_apply(encode, mesh)
        found[f"{phase} {name}"] = (run(state, train), run(state, test))
  return found


def probed_errors(
  codes: Codes, train_labels: np.ndarray, test_labels: np.ndarray
) -> dict[str, list[dict[str, Any]]]:
  """Returns the test errors of each probe, for each number of labels.

  Args:
    codes: of training and of test images.
    train_labels, test_labels: int [N] and [M], none below 0.

  Returns:
    Probe -> for each number of labels that every class has, `labels` in all, `value`,
    the mean over draws, `error`, its standard deviation over draws (over test images,
    for all labels), and `draws`.
  """
  counts = np.bincount(train_labels)
  least = counts[counts > 0].min()
  table: dict[str, list[dict[str, Any]]] = {probe: [] for probe in PROBES}
  for per_class in PER_CLASS:
    if per_class > least:
      continue
    draws = [
      order.draw_of_classes(train_labels, per_class, draw)
      for draw in range(DRAWS if per_class else 1)
    ]
    for probe, rows in table.items():
      found = [
        probe_error(codes[0][own], train_labels[own], codes[1], test_labels, probe)
        for own in draws
      ]
      values = [each.value for each in found]
      rows.append(
        {
          "labels": len(draws[0]),
          "value": float(np.mean(values)),
          "error": float(np.std(values, ddof=1)) if per_class else found[0].error,
          "draws": values,
        }
      )
  return table


def describe(errors: Mapping[str, Mapping[str, list[dict[str, Any]]]]) -> list[str]:
  """Returns the table in words: errors in percent, by codes, probe and labels."""
  counts = [row["labels"] for row in next(iter(next(iter(errors.values())).values()))]
  width = max(len(name) for name in errors) + 2
  head = "".join(f"{count:>14,}" for count in counts)
  lines = [f"{'Test error in % by labels':<{width + 9}}{head}"]
  for name, by_probe in errors.items():
    for probe, rows in by_probe.items():
      cells = (f"{100 * row['value']:.2f} +- {100 * row['error']:.2f}" for row in rows)
      aligned = "".join(f"{cell:>14}" for cell in cells)
      lines.append(f"{name:<{width}}{probe:<9}{aligned}")
  return lines


def _pixels(train: np.ndarray, test: np.ndarray) -> Codes:
  flat = [np.asarray(resident.to_model_range(part)) for part in (train, test)]
  first, second = (part.reshape(len(part), -1) for part in flat)
  return first, second


def _principal(train: np.ndarray, test: np.ndarray) -> Codes:
  """Returns the coordinates along the first principal components of training images."""
  count = min(COMPONENTS, *train.shape)
  with threadpool_limits(1):
    fitted = PCA(count, random_state=0).fit(train)
    return fitted.transform(train), fitted.transform(test)
