"""One update of the classifier that gives features to the measures of generation."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import optax
from flax import struct

from sgae import randomness
from sgae.data.augment import mirrored, moved
from sgae.methods.classifier.tasks import TURNS, turn_each
from sgae.methods.gradients import apply_gradients, mean_gradient, norm
from sgae.methods.player import Batch, PlayerState
from sgae.networks.classifier import Classifier

Metrics = dict[str, jax.Array]


class ClassifierState(struct.PyTreeNode):
  """State of the `classifier` phase.

  Attributes:
    step: int32 scalar, steps done.
    player: the classifier.
    key: the run's root key.
  """

  step: jax.Array
  player: PlayerState
  key: jax.Array


def init_classifier_state(
  classifier: Classifier,
  optimizer: optax.GradientTransformation,
  init_key: jax.Array,
  root_key: jax.Array,
) -> ClassifierState:
  """Returns the state before the first step."""
  params = classifier.init(init_key)
  player = PlayerState(params=params, optimizer=optimizer.init(params))
  return ClassifierState(step=jnp.int32(0), player=player, key=root_key)


def make_classifier_step(
  classifier: Classifier,
  optimizer: optax.GradientTransformation,
  *,
  shift: int,
  flip: bool,
  dropout: float,
  task: str = "labels",
  microbatches: int = 1,
) -> Callable[..., tuple[ClassifierState, Metrics]]:
  """Binds the classifier's step: cross entropy on moved images.

  Args:
    classifier: the network.
    optimizer: from `make_optimizer`.
    shift: images are moved by up to this many pixels each way, edges repeated.
    flip: mirror each image with probability 1/2.
    dropout: share of the features that are dropped, in [0, 1).
    task: 'labels', or 'rotation': each image is turned, and the label is its turn.
    microbatches: see `mean_gradient`.

  Returns:
    `step(state, batch, *, axis=None) -> (state, metrics)`, metrics as scalars.
  """

  def loss(params, examples):
    images_bhwc, labels_b, kept_bd = examples
    features_bd = classifier.features(params, images_bhwc) * kept_bd
    logits_bk = classifier.logits(params, features_bd)
    value = optax.losses.softmax_cross_entropy_with_integer_labels(logits_bk, labels_b)
    right = jnp.argmax(logits_bk, axis=1) == labels_b
    metrics = {"classifier/loss": value.mean(), "classifier/accuracy": right.mean()}
    return value.mean(), (metrics, None)

  def step(state: ClassifierState, batch: Batch, *, axis: str | None = None):
    def draw(name, shape):
      key = randomness.stream_key(state.key, f"classifier/{name}", state.step)
      return randomness.uniform(key, batch["position"], shape)

    images, labels_b = batch["image"], batch["label"]
    if shift:
      offsets_b2 = jnp.floor(draw("shift", (2,)) * (2 * shift + 1)).astype(jnp.int32)
      images = moved(images, offsets_b2, shift)
    if flip:
      images = mirrored(images, draw("flip", ()) < 0.5)
    if task == "rotation":
      labels_b = jnp.floor(draw("rotation", ()) * TURNS).astype(jnp.int32)
      images = turn_each(images, labels_b)
    width = state.player.params["output"]["kernel"].shape[0]
    kept_bd = (draw("dropout", (width,)) >= dropout) / (1 - dropout)
    gradients, metrics, _ = mean_gradient(loss, axis, microbatches)(
      state.player.params, (images, labels_b, kept_bd)
    )
    metrics["classifier/grad_norm"] = norm(gradients)
    player = apply_gradients(state.player, optimizer, gradients)
    return state.replace(step=state.step + 1, player=player), metrics

  return step
