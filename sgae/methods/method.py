"""The contract between a method and the rest of the package.

A method is one folder in `sgae/methods/` and one line in `METHODS`. Everything that
tells it from other methods is reached through the `Method` that it exports: the run,
the loop, checkpoints, evaluation, the report and `--mode=compile` know nothing else.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

from sgae.data.dataset import Split
from sgae.diagnostics.rules import Rule
from sgae.evaluation.measures.estimate import Estimate
from sgae.networks.network import Params
from sgae.networks.plain_layers import PlainLayer
from sgae.reporting.contents import MethodReport

Settings = Mapping[str, Any]  # float32 scalars by name


def _latents_themselves(state: Any, latents: jax.Array) -> jax.Array:
  del state
  return latents


class Sampling(NamedTuple):
  """How a method makes images of latents, as pure functions of a trained state.

  Each row of what the functions return depends on the same row alone.

  Attributes:
    latent_shape: of one latent.
    draw: `draw(state, key, positions_b) -> latents`, float32 [B, *latent_shape]; latent
      i depends on the key and on positions_b[i] alone.
    generate: `generate(state, latents) -> images`, float32 [B, H, W, C].
    code: `code(state, latents) -> codes`, which truncation moves towards their mean and
      edits change. By default the latents themselves.
    decode: `decode(state, codes) -> images`; None: `generate`.
    last: `last(state) -> state` that generates by the parameters of the last step in
      place of their average. None: it has no average.
    classes: K, how many classes it draws; the class of sample i is i modulo K, and the
      last K numbers of a latent are the weights of the classes. 0: none.
    signed: whether codes may be below 0.
  """

  latent_shape: tuple[int, ...]
  draw: Callable[[Any, jax.Array, jax.Array], jax.Array]
  generate: Callable[[Any, jax.Array], jax.Array]
  code: Callable[[Any, jax.Array], jax.Array] = _latents_themselves
  decode: Callable[[Any, jax.Array], jax.Array] | None = None
  last: Callable[[Any], Any] | None = None
  classes: int = 0
  signed: bool = False

  @property
  def coded(self) -> bool:
    """Whether codes are something else than the latents."""
    return self.code is not _latents_themselves


class Program(NamedTuple):
  """A method bound to a config and an image shape, as pure functions.

  Attributes:
    batch_shape: leading axes of one step's examples: (B,), or (U, B) for U batches.
    settings: the numbers that a user sweeps, by name; kept in the state.
    init: `init(key, settings=program.settings, inherited={}) -> state`. `key` is the
      run's root key; `inherited` holds branches of parameters that replace the fresh
      ones of the same name.
    step: `step(state, batch, *, axis=None) -> (state, metrics)`. `batch` maps the
      method's inputs and 'position' (int32 [B], place in the global batch) to arrays;
      images are float32 in [-1, 1].
    shown: metrics that the progress bar shows.
    functions: pure functions of a trained state by public name, such as
      `encode(state, images)`; what they take and return stands with each method.
    sampling: how it generates images; None: it generates none.
    exportable: name of each function that can be exported -> shapes, without the batch
      axis, of the float32 arrays that it takes after the state. Each row of what it
      returns depends on the same row of these.
    inherits: branches of `inherited` that `init` makes use of.
    members: seeds of a population's members, () for a single run; see population.py.
    decoder_layers: `decoder_layers(state)`, what makes images of codes as plain arrays,
      for the explorer. Codes, flattened, are what `functions['encode']` gives, or where
      there is none `sampling.code`. None: it is no chain of such layers.
  """

  batch_shape: tuple[int, ...]
  settings: Settings
  init: Callable[..., Any]
  step: Callable[..., tuple[Any, dict[str, jax.Array]]]
  shown: tuple[str, ...]
  functions: Mapping[str, Callable[..., Any]]
  sampling: Sampling | None = None
  exportable: Mapping[str, tuple[tuple[int, ...], ...]] = {}
  inherits: tuple[str, ...] = ()
  members: tuple[int, ...] = ()
  decoder_layers: Callable[[Any], tuple[PlainLayer, ...]] | None = None

  def init_from(self, key: jax.Array, inherited: Mapping[str, Params]) -> Any:
    """Returns the first state with the program's own settings, as `init` does."""
    return self.init(key, self.settings, inherited)


class Evaluator(NamedTuple):
  """How a state is evaluated, in training and after it.

  Attributes:
    observe: `observe(state, full) -> observed`, arrays on the host; `full` after
      training and in `--mode=evaluate`. Every process of the mesh calls it.
    measure: `measure(observed, full) -> {name: Estimate}`; one process calls it, as it
      does those below.
    draw: `draw(observed) -> {title: uint8 picture}`.
    detail: `detail(observed) -> {name: lists}` for the report, in what JSON can hold.
    protocol: `protocol() -> {name: value}`: how the full figures were measured.
    prefix: of the figures' names among the metrics of training.
    samples: how many generated images the full figures are of; 0 where nothing is
      generated, and there is nothing to compare with a floor and controls.
    between: `between(states) -> [{name: Estimate}]`, for each of the states, on the
      host, that other seeds of one setting gave: how it agrees with the others. None:
      nothing is compared between seeds.
    labelled: `labelled(observed) -> Split` of generated images, uint8, with the classes
      that they were asked for. None: it is asked for none.
    controls: `controls(observed) -> {name: {figure: Estimate}}`: what simpler ways give
      for the same task, after training; one process calls it. None: there are none, or
      those of generated images.
  """

  observe: Callable[[Any, bool], Any]
  measure: Callable[[Any, bool], dict[str, Estimate]]
  draw: Callable[[Any], dict[str, np.ndarray]]
  detail: Callable[[Any], dict[str, Any]]
  protocol: Callable[[], dict[str, Any]]
  prefix: str = ""
  samples: int = 0
  between: Callable[[Sequence[Any]], list[dict[str, Estimate]]] | None = None
  labelled: Callable[[Any], Split] | None = None
  controls: Callable[[Any], dict[str, dict[str, Estimate]]] | None = None

  @classmethod
  def of(cls, bound: Any, prefix: str = "", samples: int = 0) -> "Evaluator":
    """Returns the evaluator whose functions are the methods of an object."""
    functions = (bound.observe, bound.measure, bound.draw, bound.detail, bound.protocol)
    return cls(*functions, prefix, samples)


class Extractor(NamedTuple):
  """How a method's network serves as the feature extractor of a data set.

  Attributes:
    section: the section of the config that describes the network.
    configure: `configure(config, dataset) -> config` that trains one on the data set.
    extract_features: `extract_features(fields, image_shape)` of a stored section gives
      `f(params, images) -> (features, probabilities)`; images float32 in [-1, 1].
    params: `params(state) -> Params` of the trained network.
    task: `task(fields, image_shape)` names what a network learnt; 'labels' where its
      probabilities are of the classes of the data.
    answers: `answers(fields, image_shape)` gives `f(params, images) -> int32 [B, T]`.
    right_answers: `right_answers(task, labels)` is what they should be, [N or 1, T].
  """

  section: str
  configure: Callable[[Any, Any], Any]
  extract_features: Callable[
    ..., Callable[[Params, jax.Array], tuple[jax.Array, jax.Array]]
  ]
  params: Callable[[Any], Params]
  task: Callable[[Mapping[str, Any], Sequence[int]], str]
  answers: Callable[..., Callable[[Params, jax.Array], jax.Array]]
  right_answers: Callable[[str, np.ndarray], np.ndarray]


class Controls(NamedTuple):
  """Generative models without an adversary, to compare generated images with.

  Attributes:
    models: kind -> fields of the config that set it apart.
    fits: name of a control -> (kind, key of `baselines.GAUSSIANS`, how many Gaussians).
    configure: `configure(config, kind, batch_size) -> config` that trains one.
    decode: `decode(config, mean_image)` gives `f(state, drawn codes) -> images`. What
      encodes is the function `encode` of the program.
  """

  models: Mapping[str, Mapping[str, Any]]
  fits: Mapping[str, tuple[str, str, int]]
  configure: Callable[[Any, str, int], Any]
  decode: Callable[..., Callable[[Any, jax.Array], jax.Array]]


class Layout(NamedTuple):
  """Files in which another package keeps its weights.

  Attributes:
    about: name of the JSON file.
    weights: name of the safetensors file.
    write: `write(config, state, image_shape, units) -> (JSON, {name: float32 array})`
      raises UserError where the layout has no place for what the config says; `units`
      are the `SideUnits` of vectors, or None.
    read: `read(JSON, {name: array}) -> (network, params)` raises UserError for what
      there is none of here.
  """

  about: str
  weights: str
  write: Callable[..., tuple[dict[str, Any], dict[str, np.ndarray]]]
  read: Callable[..., tuple[Any, Params]]


def _one(config: Any) -> int:
  del config
  return 1


def _nothing(config: Any, dataset: Any) -> None:
  del config, dataset


def _nothing_prepared(
  config: Any, dataset: Any, inherited: Mapping[str, Params]
) -> tuple[dict[str, Params], int]:
  del config, dataset, inherited
  return {}, 0


def _all_examples(config: Any, train: Split) -> tuple[np.ndarray, ...]:
  del config, train
  return ()


class Method(NamedTuple):
  """All that the package knows of a method.

  Attributes:
    title: its name in the report.
    sections: `name -> defaults()` of the sections that it adds to a config. The section
      of the method's own name has at least `batch_size`, `steps`, `log_every`,
      `evaluate_every` and `save_every`.
    uses: `uses(config) -> names` of all sections that its program reads.
    check: `check(config)` raises UserError for fields that are impossible, alone or
      together.
    inputs: `inputs(config) -> names` of the arrays of a batch that its step reads, such
      as ('image', 'label').
    build: `build(config, image_shape, mean_image=None) -> Program`; `mean_image` is
      float32 [H, W, C], of the training images, zero where it is not given.
    evaluate: `evaluate(config, data, mesh) -> Evaluator`; `data` is an
      `EvaluationData`.
    report: what the report shows of it, as data.
    warnings: what tells that a run of it goes wrong.
    gives: `gives(state) -> {branch: Params}`, what a later phase may start from.
    takes: earlier method -> {branch that it gives: branch of own parameters}.
    prepare: `prepare(config, dataset, inherited) -> ({branch: Params}, images)`
      computes more branches to start from, on the host and before the first step;
      `images` is how many training images it read. They count as images seen, and its
      time as time of the phase.
    swept: field of the config -> `(state, value) -> state`, for the numbers that a step
      reads from its state; they may differ among the members of a population.
    pools: `pools(config, train) -> (int [P], ...)`, the training examples that each of
      the U batches of a step is drawn from, or one for all; (): all examples.
    selects_by: the metric whose least value marks the best state; None: the last one.
    generates: whether it makes images, which need a feature extractor and are sampled
      by `--mode=sample`; its program has `sampling`, its evaluator `samples`.
    compares_features: whether its evaluator compares features without that, of each
      side of the data.
    takes_vectors: whether it trains on the vectors [N, 1, 1, D] of a file, which are
      standardised but not bounded, and have no pictures and no features.
    check_data: `check_data(config, dataset)` raises UserError where data do not fit.
    extractor: how it serves as feature extractor; exactly one method sets it.
    controls: models to compare generated images with; exactly one method sets them.
    stored_as: field of the state -> its name in checkpoints, where that is another.
    exports: `exports(state) -> {branch: Params}`, the weights that the functions of its
      program read, for `--mode=export`; None: they are what it gives.
    layouts: name -> a layout of another package, for `--mode=export --format=NAME`.
    weights: paths in the state of all weights, such as 'player.params', which a run
      with `start_from` copies; what is not named starts anew.
    together: `together(config)`: examples that a step looks at together, neighbours in
      the batch; divides each device's share of it.
  """

  title: str
  sections: Mapping[str, Callable[[], dict[str, Any]]]
  uses: Callable[[Any], tuple[str, ...]]
  check: Callable[[Any], None]
  inputs: Callable[[Any], tuple[str, ...]]
  build: Callable[..., Program]
  evaluate: Callable[..., Evaluator]
  report: MethodReport
  warnings: tuple[Rule, ...]
  gives: Callable[[Any], dict[str, Params]]
  takes: Mapping[str, Mapping[str, str]] = {}
  prepare: Callable[[Any, Any, Mapping[str, Params]], tuple[dict, int]] = (
    _nothing_prepared
  )
  swept: Mapping[str, Callable[[Any, jax.Array], Any]] = {}
  pools: Callable[[Any, Split], tuple[np.ndarray, ...]] = _all_examples
  selects_by: str | None = None
  generates: bool = False
  compares_features: bool = False
  takes_vectors: bool = False
  check_data: Callable[[Any, Any], None] = _nothing
  extractor: Extractor | None = None
  controls: Controls | None = None
  stored_as: Mapping[str, str] = {}
  exports: Callable[[Any], dict[str, Params]] | None = None
  layouts: Mapping[str, Layout] = {}
  weights: tuple[str, ...] = ()
  together: Callable[[Any], int] = _one
