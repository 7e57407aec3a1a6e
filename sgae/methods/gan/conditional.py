"""What both players' updates, and sampling, know of classes.

A latent of a conditional GAN is its noise z and K weights of the classes, float32
[B, Z + K], one-hot for a single class. In training, real image i and generated image i
of a batch are of one class, so that losses of pairs and penalties between both compare
images of one class.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from sgae.data.dataset import absent_classes, labelled
from sgae.errors import UserError
from sgae.kernels import microbatches
from sgae.losses.classification import CLASS_TERMS, ClassTerm
from sgae.networks.dropout import Inputs
from sgae.networks.network import BatchNetwork, Params


class Labelled(NamedTuple):
  """How a discriminator takes images, and the terms that its loss has besides.

  Attributes:
    inputs: `inputs(images_bhwc, latents_bz)`, what the discriminator takes; there may
      be several times as many images as latents, those of one latent side by side.
    term: what is said of classes, as a loss; None: nothing is.
    discriminator: that with what it says of the class; None without a term.
    classes: K.
  """

  inputs: Callable[[Inputs, jax.Array], Any] = lambda images, latents: images
  term: ClassTerm | None = None
  discriminator: BatchNetwork | None = None
  classes: int = 0

  def loss(
    self,
    half: Callable[..., jax.Array],
    params: Params,
    real_bhwc: jax.Array,
    fake_bhwc: jax.Array,
    latents_bz: jax.Array,
    axis: str | None,
  ) -> jax.Array:
    """Returns one half of the term for a batch, a scalar.

    Args:
      half: `term.discriminator` or `term.generator`.
      params: of the discriminator.
      real_bhwc, fake_bhwc: images of the same classes.
      latents_bz: of the generated ones.
      axis: mapped axis over which the batch is spread, or None.
    """
    discriminator: Any = self.discriminator

    def said_of(images):
      inputs = self.inputs(images, latents_bz)
      return discriminator.apply(params, inputs, train=True, axis=axis)[0][1]

    said = [said_of(images) for images in (real_bhwc, fake_bhwc)]
    return half(*said, latents_bz[:, -self.classes :], axis)


UNLABELLED = Labelled()


def make_labelled(config: Any, discriminator: BatchNetwork | None) -> Labelled:
  """Returns how the config's discriminator takes images, and its terms of classes.

  Args:
    config: validated.
    discriminator: from `networks.build_class_discriminator`; None where there are no
      classes.
  """
  conditional = config.gan.conditional
  if discriminator is None:
    return UNLABELLED

  def inputs(images_bhwc, latents_bz):
    weights_bk = latents_bz[:, -conditional.classes :]
    return images_bhwc, microbatches.beside(weights_bk, images_bhwc)

  term = CLASS_TERMS.get(conditional.discriminator)
  return Labelled(inputs, term, discriminator if term else None, conditional.classes)


def with_classes(
  noise_bz: jax.Array, positions_b: jax.Array, labels_b: jax.Array | None, classes: int
) -> jax.Array:
  """Returns latents [B, Z + K] of noise and classes.

  Args:
    noise_bz: float32 [B, Z].
    positions_b: int32 [B]; without labels, example i is of the class i modulo K, so
      that every class is drawn as often, whatever the shares of the data: samples need
      no data.
    labels_b: int32 [B], or None.
    classes: K.
  """
  labels_b = positions_b % classes if labels_b is None else labels_b
  return jnp.concatenate([noise_bz, jax.nn.one_hot(labels_b, classes)], axis=1)


def check_labels(config: Any, dataset: Any) -> None:
  """Refuses data whose classes are not those that the config names.

  Raises:
    UserError: the data have no labels, not for all images, or of other classes.
  """
  classes = config.gan.conditional.classes
  if not classes:
    return
  setting, name = f"gan.conditional.classes={classes}", dataset.name
  if dataset.num_classes < 2:
    raise UserError(
      f"{setting} needs labels, and {name} has none: give it data with classes, or set "
      "it to 0"
    )
  if dataset.num_classes != classes:
    raise UserError(
      f"{setting}, but {name} has {dataset.num_classes} classes: set it to "
      f"{dataset.num_classes}, or to 0"
    )
  train = dataset.train
  known = labelled(train).labels
  missing = len(train.labels) - len(known)
  if missing:
    raise UserError(
      f"{setting} needs a label of each image, and {missing:,} training images of "
      f"{name} have none (-1): leave them out, or set it to 0"
    )
  endless = not isinstance(known, np.ndarray)  # made of all classes
  if not endless and (absent := absent_classes(dataset)):
    raise UserError(
      f"{setting}, but {name} has no training images of {', '.join(absent[:20])}: take "
      "more images, or leave these classes out of the data"
    )
