"""The fields that the config of every run has, and how a config is put together.

It imports no JAX, so that a wrong flag is refused at once.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from ml_collections import ConfigDict

from sgae.config_checks import choice
from sgae.data.second import SECOND_FIELDS
from sgae.errors import UserError
from sgae.methods import METHODS


def get_config(phases: Sequence[str], also: Sequence[str] = ()) -> Any:
  """Returns a config of the named methods, locked: no other field can be set.

  Args:
    phases: methods to train, in order, which is also `config.phases`.
    also: methods whose sections the config holds besides.
  """
  fields = base_fields(phases)
  for name in (*phases, *also):
    fields |= {
      section: defaults() for section, defaults in METHODS.sections(name).items()
    }
  return ConfigDict(fields).lock()


def config_for(stored: Mapping[str, Any]) -> Any:
  """Returns the default config with the sections that a stored config has, locked.

  Args:
    stored: nested, with `phases`.

  Raises:
    UserError: it has no phases, or they name a method that is not known.
  """
  phases = stored.get("phases")
  if not isinstance(phases, list | tuple) or not phases:
    raise UserError(f"phases={phases!r} is not allowed: name methods to train")
  for name in phases:
    choice("phases", name, list(METHODS))
  also = [name for name in METHODS if name in stored]
  return get_config(tuple(phases), also)


def base_fields(phases: Sequence[str]) -> dict[str, Any]:
  """Returns the fields that all runs have.

  A field marked [fixed] belongs to the experiment: a run directory that was started
  with one value refuses to go on with another. The others may change when a run is
  resumed.

  Args:
    phases: the value of that field.
  """
  return {
    # Seed of everything random: weights, noise, order of examples. [fixed]
    "seed": 0,
    # Methods that are trained, in order; each starts from what those before it give.
    # [fixed]
    "phases": tuple(phases),
    # A run directory, to begin with its weights; '': none. Each phase that it has
    # trained copies them once, at its own start, in place of what earlier phases give;
    # steps and optimizers start anew, and all other fields may differ. [fixed]
    "start_from": "",
    "population": _population_fields(),
    "data": _data_fields(),
    "precision": {
      # Numbers that networks compute in: 'float32' or 'bfloat16'; parameters, codes,
      # images, losses and feature extractors stay float32. [fixed]
      "compute": "float32",
    },
    "train": {
      # Parts in which each batch is taken, one after the other, to need less memory;
      # gives the update of the whole batch. Divides a device's share of it.
      "microbatches": 1,
    },
    # Checks that slow a run down: stop where a NaN first appears, refuse a random key
    # that is used twice and arrays that broadcast by rank.
    "debug": False,
    "profile": {
      # Steps of each phase that are traced into <workdir>/profile/<phase> for
      # TensorBoard or Perfetto, after those that compile; 0: none. Rounded up to
      # whole compiled calls.
      "steps": 0,
    },
    "parallel": {
      # How steps are compiled: 'jit', 'shard_map' or 'pmap'.
      "mode": "jit",
      # Number of devices; 0 = all. Divides every batch size.
      "devices": 0,
    },
    "evaluation": _evaluation_fields(),
    "checkpoint": {
      # Where checkpoints go; '' = the run directory. Several machines need a place
      # that all can reach: a shared folder, or gs://bucket/run. [fixed]
      "directory": "",
      # Newest checkpoints of each phase that are kept.
      "keep": 2,
    },
    # Where metrics go besides metrics.jsonl and TensorBoard; both need an extra of the
    # same name, and neither sends anything unless its own variables say so.
    "logging": {
      # Weights & Biases, offline unless WANDB_MODE is set, and Trackio.
      "wandb": False,
      "trackio": False,
      # The project that runs are listed under there.
      "project": "sgae",
    },
  }


def _population_fields() -> dict[str, Any]:
  """Returns the seeds and settings that are trained in one program."""
  return {
    # How many seeds, from `seed` on. [fixed]
    "seeds": 1,
    # Entries 'field=number,number': fields that a step reads from its state, such as
    # learning rates and weights of penalties. Every combination of the entries is
    # trained with every seed. 'field+field=number,number' gives two fields the same
    # number. [fixed]
    "vary": (),
  }


def _data_fields() -> dict[str, Any]:
  """Returns the fields that say what is trained on."""
  return {
    # 'digits' (inside scikit-learn, needs no download), 'tfds', 'npz' (arrays in a
    # file), 'folder' (image files in a folder, .zip or .tar), 'parquet' (encoded
    # images in a table), 'idx' (the files of MNIST), 'vectors' (such as activations
    # of another network, .npy or .npz), 'mixture' (points of the plane), 'stacked'
    # (grey TFDS images, several in the channels of one) or 'patches' (small squares
    # of TFDS images). [fixed]
    "source": "digits",
    # TFDS name, e.g. 'mnist', 'fashion_mnist', 'cifar10'; or for 'mixture' 'ring'
    # or 'grid'. [fixed]
    "name": "mnist",
    # Where TFDS data lie; '' = $TFDS_DATA_DIR, else ~/tensorflow_datasets. It may
    # change as long as the data are the same.
    "directory": "",
    # The file or folder of 'npz', 'folder', 'parquet', 'idx' or 'vectors'; '' for the
    # others. What may be in it: the file of that name in sgae/data/. Without a test
    # split one image in ten of each class makes it, by a hash of the image's number,
    # whatever the seed. It may change as long as the data are the same.
    "path": "",
    # The array of a .npz file of 'vectors', [N, D]. [fixed]
    "array": "activations",
    # What is put behind transparent pixels by 'folder' and 'parquet': a colour such
    # as 'white', 'black' or '#rrggbb'; '' = white, or black where fewer images vanish
    # on it. [fixed]
    "background": "",
    # Go on with data that are not those that the run was started on, and say what
    # differs; such as after another image decoder has given other pixels.
    "allow_changed": False,
    # Side in pixels that images are resized to; 0 = as stored, which vectors
    # need. 'folder' cuts the square in the centre out first. [fixed]
    "image_size": 0,
    # What is done to training images, each time anew: 'mirror' (half of them) and
    # 'shift' (by up to an eighth of the shorter side, edges repeated); () = nothing.
    # Evaluation, and what is fitted before the first step, see images as they are.
    # [fixed]
    "augment": (),
    # Whether the classes of each batch are as equal as possible, which shows the images
    # of a small class more often. The data need labels for that. [fixed]
    "balance": False,
    # How many training images are trained on, of each class as many; 0 = all. The test
    # split, the feature extractor and the floor are those of all images. [fixed]
    "examples": 0,
    # Which ones: another number chooses others. [fixed]
    "examples_seed": 0,
    **_fields_of_one_source(),
    # A second side: a source of its own, '' for none. Its examples come beside those of
    # this one, as `second_image` and `second_label` of a batch, in an order of their
    # own: each side has its own endless epochs. [fixed]
    "second": _second_fields(),
    # Whether the two sides belong together example by example, and come in one order.
    # Without a second source they are pairs that 'npz' (`images` and `targets`) or
    # 'folder' (A/x.png and B/x.png) holds. [fixed]
    "paired": False,
    # Training images on each device ('resident'), or on the host and read ahead
    # ('streamed'); the same examples either way. 'auto': resident where they take
    # no more than a quarter of a device's memory.
    "placement": "auto",
    # Decoded images and compiled programs; '' = $SGAE_CACHE_DIR, else
    # $XDG_CACHE_HOME/sgae, else ~/.cache/sgae.
    "cache_directory": "",
  }


def _fields_of_one_source() -> dict[str, Any]:
  """Returns the fields of the data that only one source reads."""
  return {
    # For 'stacked': digits in an image, which are its channels, 2, 3 or 4. [fixed]
    "stacked_digits": 3,
    # For 'stacked': training images, the same ones in each epoch (128,000: the
    # protocol of VEEGAN and PacGAN); 0: each is made on the fly and never seen
    # again (that of Unrolled GAN and R3GAN). [fixed]
    "stacked_examples": 128_000,
    # For 'patches': side in pixels, training patches, and whether they are whitened.
    # [fixed]
    "patch_size": 8,
    "patches": 100_000,
    "whitened": False,
  }


def _second_fields() -> dict[str, Any]:
  """Returns the fields of a second side; those of one name mean what the first's do."""
  return {
    # A source of those above, vectors beside vectors; or 'inverted' or 'edges': made of
    # the first side's images, so that the true partner of each is known; '': there is
    # none. [fixed]
    "source": "",
    **SECOND_FIELDS,
  }


def _evaluation_fields() -> dict[str, Any]:
  """Returns how generation is measured: at `evaluate_every`, and after training.

  What is in a measure stands in sgae/evaluation/; those that the data do not allow (no
  labels, no modes) are left out.
  """
  return {
    # In training: of 'frechet', 'kernel', 'manifold', 'classes', 'modes',
    # 'mixture' and 'memorisation'. After training all of them are taken. Methods that
    # compare images with images have measures of their own, which are always taken.
    "measures": ("frechet", "manifold", "classes", "modes", "mixture"),
    # What the network learnt on whose features samples and real images are compared:
    # 'labels', or 'rotation' (which of four rotations an image was given), which has
    # no measures of classes; 'auto': labels where the data have them. Distances on
    # different features are not comparable.
    "features": "auto",
    # Samples that are measured in training, and after it; there no more than there
    # are training images.
    "num_samples": 2000,
    "final_samples": 10000,
    # Where a method has a likelihood, after training: draws of each image's latents
    # that log p(x) is bounded from, and how many test images, from the first on.
    "importance_samples": 5000,
    "importance_examples": 1000,
    # Train the controls of the data set (an autoencoder with a Gaussian mixture on
    # its codes) in the first `--mode=evaluate` that meets it, and in each one of
    # a generator with classes the network of the classification accuracy score.
    "controls": True,
    # Keep the state of least Frechet distance in training apart, and sample from
    # it and evaluate it.
    "keep_best": False,
    # End the phase after so many evaluations without a smaller Frechet
    # distance; 0: never.
    "patience": 0,
  }
