"""Section `recognition` of a config: a semi-supervised GAN.

Salimans et al. 2016 (arXiv 1606.03498): the discriminator names K classes of labelled
images and tells unlabelled ones from generated ones; the generator matches the mean of
its features. All fields belong to the experiment but `steps`, `evaluate_every` and
`save_every`, which may change when a run is resumed.
"""

from typing import Any

from sgae.methods.config_fields import cadence_fields, optimizer_fields


def defaults() -> dict[str, Any]:
  """Returns the section `recognition`."""
  return {
    # Classes; as many as the data have.
    "num_classes": 10,
    # Labelled images of each class, the others count as unlabelled; 0: all labels.
    "labels_per_class": 10,
    # Seed of which images these are, whatever the run's own seed. More labels of a draw
    # contain fewer of it.
    "label_draw": 0,
    # What the discriminator starts from: 'fresh', or 'encoder': its first layer takes
    # the directions of the autoencoder's. Either way each unit is then scaled to mean 0
    # and deviation 1 over 500 training images, as the paper does.
    "discriminator_start": "fresh",
    "discriminator_hidden": (1000, 500, 250, 250, 250),
    # Deviation of the normal noise on images, in units of [-1, 1] (the paper's .3 in
    # units of [0, 1]), and on what hidden layers put out, in training.
    "input_noise": 0.6,
    "hidden_noise": 0.5,
    "generator_hidden": (500, 500),
    # Length of the generator's noise, uniform in [0, 1).
    "latent_dim": 100,
    # Weight of the loss of unlabelled and generated images beside the cross-entropy of
    # labelled ones.
    "unlabelled_weight": 1.0,
    # Decay of the moving average of the discriminator's weights, per step: it names
    # the classes.
    "ema_decay": 0.9999,
    # Images of each of the three batches of a step, over all devices: labelled,
    # unlabelled for the discriminator, unlabelled for the generator.
    "batch_size": 100,
    "generator_optimizer": _optimizer(),
    "discriminator_optimizer": _optimizer(),
    **cadence_fields(steps=20_000),
  }


def _optimizer() -> dict[str, Any]:
  return optimizer_fields(learning_rate=3e-3, beta1=0.5, beta2=0.999, schedule="linear")


SECTIONS = {"recognition": defaults}
