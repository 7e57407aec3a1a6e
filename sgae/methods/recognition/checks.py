"""What a config may say of recognition, and which data it can learn from."""

from typing import Any

import numpy as np

from sgae.config_checks import (
  at_least,
  below_one,
  choice,
  non_negative,
  seed,
  widths,
)
from sgae.data.dataset import absent_classes, has_label
from sgae.errors import UserError
from sgae.methods.checks import check_cadence, check_optimizer
from sgae.methods.recognition.start import AUTOENCODERS, STARTS

PLAYERS = ("generator", "discriminator")


def check(config: Any) -> None:
  """Refuses impossible fields, or an encoder that does not fit."""
  fields = config.recognition
  for field, least in (
    ("num_classes", 2),
    ("labels_per_class", 0),
    ("latent_dim", 1),
  ):
    at_least(f"recognition.{field}", fields[field], least)
  seed("recognition.label_draw", fields.label_draw)
  for field in ("input_noise", "hidden_noise", "unlabelled_weight"):
    non_negative(f"recognition.{field}", fields[field])
  below_one("recognition.ema_decay", fields.ema_decay)
  for player in PLAYERS:
    widths(f"recognition.{player}_hidden", fields[f"{player}_hidden"])
    if not fields[f"{player}_hidden"]:
      raise UserError(
        f"recognition.{player}_hidden=() is not allowed: give it a width at least"
      )
    check_optimizer(f"recognition.{player}_optimizer", fields[f"{player}_optimizer"])
  check_cadence("recognition", fields)
  choice("recognition.discriminator_start", fields.discriminator_start, STARTS)
  if "recognition" in config.phases:
    _check_training(config)


def _check_training(config):
  if config.train.microbatches > 1:
    raise UserError(
      f"train.microbatches={config.train.microbatches} is not for recognition, whose "
      "generator matches means over the whole batch: set it to 1"
    )
  if config.data.balance:
    raise UserError(
      "data.balance=True would tell recognition the labels of images that count as "
      "unlabelled: set it to False; recognition.labels_per_class draws equal classes"
    )
  if config.recognition.discriminator_start == "encoder":
    _check_encoder(config)


def _check_encoder(config):
  before = config.phases[: tuple(config.phases).index("recognition")]
  if not set(AUTOENCODERS) & set(before):
    raise UserError(
      "recognition.discriminator_start='encoder' needs an autoencoder: choose "
      "phases=('sae', 'recognition'), or 'fresh'"
    )
  sae, width = config.sae, config.recognition.discriminator_hidden[0]
  if sae.architecture == "convolutional":
    raise UserError(
      "recognition.discriminator_start='encoder' needs an encoder without "
      "convolutions: choose another sae.architecture, or 'fresh'"
    )
  first = (*sae.encoder_hidden, config.code.num_latents)[0]
  if width > first:
    raise UserError(
      f"recognition.discriminator_hidden begins with {width} units, but the encoder "
      f"has {first}: choose {first} or fewer, or recognition.discriminator_start="
      "'fresh'"
    )


def check_data(config: Any, dataset: Any) -> None:
  """Refuses data that lack the classes, or the labels that are asked for."""
  fields, labels = config.recognition, dataset.train.labels
  if dataset.num_classes < 2:
    raise UserError(
      f"recognition needs labels of two classes or more, and {dataset.name} has none: "
      "give it labels, or choose other data"
    )
  if fields.num_classes != dataset.num_classes:
    raise UserError(
      f"recognition.num_classes={fields.num_classes}, but {dataset.name} has "
      f"{dataset.num_classes}: set it to that"
    )
  if not isinstance(labels, np.ndarray):  # of images that are made on the fly
    raise UserError(
      f"recognition cannot draw its labelled images from {dataset.name}, which is made "
      "on the fly: choose other data"
    )
  if not has_label(dataset.test):
    raise UserError(
      f"no test image of {dataset.name} has a label, by which recognition is measured: "
      "give some"
    )
  if absent := absent_classes(dataset):
    raise UserError(
      f"{dataset.name} has no labelled training image of {', '.join(absent[:20])}: "
      "give it some, or leave such classes out of its test images"
    )
  counts = np.bincount(labels[labels >= 0], minlength=fields.num_classes)
  if counts.min() < fields.labels_per_class:
    raise UserError(
      f"recognition.labels_per_class={fields.labels_per_class}, but a class of "
      f"{dataset.name} has {counts.min()} labelled training images: choose at most "
      "that, or give it more"
    )
