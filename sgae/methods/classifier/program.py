"""Binds the classifier to a config and a shape of images."""

from collections.abc import Mapping
from typing import Any

import jax
import numpy as np

from sgae import randomness
from sgae.methods.classifier.train import (
  ClassifierState,
  init_classifier_state,
  make_classifier_step,
)
from sgae.methods.method import Program, Settings
from sgae.methods.optimizers import make_optimizer
from sgae.networks.classifier import Classifier, make_classifier
from sgae.networks.network import Params


def build(
  config: Any, image_shape: tuple[int, ...], mean_image: np.ndarray | None = None
) -> Program:
  """Returns the program of `config.classifier`.

  Its functions take a state and float32 images in [-1, 1]: `features(state,
  images_bhwc) -> float32 [B, D]` and `logits(state, images_bhwc) -> float32 [B, K]`.

  Args:
    config: validated.
    image_shape: (H, W, C).
    mean_image: not used; the mean of the training images.
  """
  del mean_image
  fields = config.classifier
  classifier = build_network(fields, image_shape)
  optimizer = make_optimizer(fields.optimizer, fields.steps)

  def init(
    key: jax.Array,
    settings: Settings | None = None,
    inherited: Mapping[str, Params] | None = None,
  ) -> ClassifierState:
    del settings, inherited  # it has none, and takes nothing over
    init_key = randomness.stream_key(key, "classifier/init")
    return init_classifier_state(classifier, optimizer, init_key, key)

  step = make_classifier_step(
    classifier,
    optimizer,
    shift=fields.shift,
    flip=fields.flip,
    dropout=fields.dropout,
    task=fields.task,
    microbatches=config.train.microbatches,
  )

  def features(state, images_bhwc):
    return classifier.features(state.player.params, images_bhwc)

  def logits(state, images_bhwc):
    return classifier.logits(state.player.params, features(state, images_bhwc))

  return Program(
    batch_shape=(fields.batch_size,),
    settings={},
    init=init,
    step=step,
    shown=("classifier/loss", "classifier/accuracy"),
    functions={"features": features, "logits": logits},
    exportable={"features": (image_shape,), "logits": (image_shape,)},
  )


def build_network(fields: Any, image_shape: tuple[int, ...]) -> Classifier:
  """Returns the network that a section `classifier` describes.

  Args:
    fields: the section, of a config or as a stored dictionary.
    image_shape: (H, W, C).
  """
  return make_classifier(
    tuple(image_shape),
    fields["channels"],
    fields["num_features"],
    fields["num_classes"],
  )
