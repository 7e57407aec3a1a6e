"""A generator that is told a class, and what judges it."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from sgae.config import validate
from sgae.data.dataset import Dataset, Split
from sgae.errors import UserError
from sgae.losses import penalties
from sgae.losses.adversarial import relativistic
from sgae.methods import METHODS
from sgae.methods.gan import mixture
from sgae.methods.gan.networks import build_discriminator, build_generator
from sgae.networks.conditional import JUDGEMENTS
from sgae.networks.mixture import Mixture
from tests.systems import (
  CONVOLUTIONAL,
  IMAGES,
  LABELS,
  MEAN,
  batches,
  make_phase,
  small_config,
)

CLASSES, NOISE = 10, 6
PLAIN = {"gan__generator": "plain", "gan__sparsity_weight": 0.0}


def conditional(**fields):
  return small_config(**{"gan__conditional__classes": CLASSES} | fields)


def moved(params, size=0.3):
  """Returns parameters of which none is zero."""
  noise = np.random.default_rng(2)
  return jax.tree.map(
    lambda leaf: leaf + size * noise.normal(size=leaf.shape).astype(np.float32), params
  )


def sampling_of(phase):
  """Returns how a phase's program samples."""
  assert phase.program.sampling is not None
  return phase.program.sampling


def test_a_latent_is_noise_and_a_class_that_follows_from_the_number_alone():
  sampling = sampling_of(make_phase("gan", conditional()))
  key, numbers = jax.random.key(3), jnp.array([12, 3, 40])
  latents = sampling.draw(None, key, numbers)
  assert latents.shape == (3, *sampling.latent_shape)
  assert latents[:, NOISE:].argmax(axis=1).tolist() == [2, 3, 0]
  unlabelled = sampling_of(make_phase("gan", small_config()))
  alone = unlabelled.draw(None, key, numbers)
  np.testing.assert_array_equal(latents[:, :NOISE], alone)


def test_a_step_follows_the_labels_of_the_batch():
  fields = CONVOLUTIONAL | {"gan__conditional__discriminator": "adc"}
  phase = make_phase("gan", validate(conditional(**fields)))
  batch = jax.tree.map(lambda leaf: leaf[0], batches(phase, 0, 1))
  before, step = jax.jit(phase.init)({}), jax.jit(phase.step)
  after, metrics = step(before, batch)
  other, _ = step(before, batch | {"label": (batch["label"] + 1) % CLASSES})
  assert {"gan/d_class", "gan/g_class"} <= metrics.keys()
  assert all(np.isfinite(value) for value in metrics.values())
  for player in ("generator", "discriminator"):
    flat = [
      np.concatenate([np.ravel(p) for p in jax.tree.leaves(getattr(s, player).params)])
      for s in (before, after, other)
    ]
    assert abs(flat[1] - flat[0]).max() > 0
    assert abs(flat[1] - flat[2]).max() > 0


@pytest.mark.parametrize("architecture", ["mlp", "dcgan", "residual"])
def test_each_body_makes_another_image_of_another_class(architecture):
  config = conditional(
    **PLAIN,
    gan__generator_architecture=architecture,
    gan__generator_hidden=(4,),
    gan__kernel_size=2,
  )
  generator = build_generator(config, MEAN)
  fresh = generator.init(jax.random.key(0))
  params, noise = moved(fresh), jnp.ones((2, NOISE))
  latents = jnp.concatenate([noise, jnp.eye(CLASSES)[:2]], axis=1)

  def images(params):
    return np.asarray(generator.apply(params, latents, train=True).images)

  assert abs(np.subtract(*images(params))).max() > 1e-3
  if architecture == "mlp":
    return
  # at the start the embedding alone tells classes apart: gains are 1 and shifts 0
  alike = fresh | {"embedding": jnp.zeros_like(fresh["embedding"])}
  np.testing.assert_array_equal(*images(alike))
  names = set(fresh["classes"])
  assert len(names) == len(config.gan.generator_hidden)
  alike["classes"] = moved(fresh["classes"])
  assert abs(np.subtract(*images(alike))).max() > 1e-3


def judges():
  """Yields the name, network and parameters of each kind, on the dense body."""
  for kind in JUDGEMENTS:
    config = conditional(gan__conditional__discriminator=kind)
    config.gan.conditional.width = 5
    network = build_discriminator(config, MEAN)
    yield kind, network, moved(network.init(jax.random.key(1)))


REAL, FAKE = jax.random.normal(jax.random.key(0), (2, 6, *MEAN.shape))
ROWS = jnp.eye(CLASSES)[jnp.arange(6)]


def test_penalties_by_one_pass_are_those_of_two_at_fixed_classes():
  def gradient(params, network, one_pass):
    def objective(params):
      return penalties.penalised(
        relativistic.discriminator,
        ("r1", "r2"),
        {"r1": 0.7, "r2": 2.0},
        lambda params, images: network.apply(params, (images, ROWS), train=True),
        params,
        REAL,
        FAKE,
        jnp.zeros(6),
        piecewise_linear=one_pass,
      ).objective

    return jax.grad(objective)(params)

  built = list(judges())
  assert all(network.piecewise_linear for _, network, _ in built)

  @functools.partial(jax.jit, static_argnums=1)
  def all_of(params, one_pass):
    pairs = zip(params, built, strict=True)
    return [gradient(own, network, one_pass) for own, (_, network, _) in pairs]

  every = [params for _, _, params in built]
  for one, two in zip(all_of(every, True), all_of(every, False), strict=True):
    for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(two), strict=True):
      np.testing.assert_allclose(a, b, rtol=2e-4, atol=2e-6)


def test_a_projection_is_the_logit_and_the_product_with_the_class():
  config = conditional()
  network = build_discriminator(config, MEAN)
  params = moved(network.init(jax.random.key(1)))
  last = params["Dense_1"]
  hidden = REAL.reshape(6, -1) @ params["Dense_0"]["kernel"] + params["Dense_0"]["bias"]
  features = jax.nn.leaky_relu(hidden, 0.2)
  own = jnp.sum(features * last["kernel"].T[1:7], axis=1) + last["bias"][1:7]
  expected = features @ last["kernel"][:, 0] + last["bias"][0] + own
  found = network.apply(params, (REAL, ROWS), train=False)[0]
  np.testing.assert_allclose(found, expected, rtol=1e-4)


def test_a_mixture_draws_what_its_class_has():
  # class 0 near (1, 0), class 1 near (-1, 0) and (-3, 0)
  random = np.random.default_rng(0)
  labels = np.repeat([0, 1, 1], 100)
  centres = np.array([[1.0, 0.0], [-1.0, 0.0], [-3.0, 0.0]]).repeat(100, axis=0)
  codes = (centres + 0.01 * random.normal(size=(300, 2))).astype(np.float32)
  fitted = mixture.fit(codes, 4, 2, 1, 0, labels, 2)
  np.testing.assert_allclose(fitted["cumulative"][:, -1], 1)
  drawn = Mixture((2,), 4, 2, 1, 2)
  noise = np.concatenate([random.normal(size=(50, 2)), np.zeros((50, 2))], axis=1)

  def draw(first, second):
    weights = np.tile([first, second], (50, 1))
    latents = np.concatenate([noise[:, :2], weights], axis=1).astype(np.float32)
    return np.asarray(drawn.draw(fitted, jnp.asarray(latents))[0])[:, 0]

  one, other = draw(1, 0), draw(0, 1)
  np.testing.assert_allclose(one, 1, atol=0.1)
  assert ((abs(other + 1) < 0.1) | (abs(other + 3) < 0.1)).all()
  assert 0.2 < np.mean(other < -2) < 0.8
  np.testing.assert_allclose(draw(0.25, 0.75), 0.25 * one + 0.75 * other, atol=1e-5)


@pytest.mark.parametrize(
  ("fields", "words"),
  [
    ({"gan__conditional__classes": 1}, "leaves nothing to choose"),
    (
      {"gan__conditional__classes": 0, "gan__conditional__discriminator": "adc"},
      "set that to the number of classes",
    ),
    ({"gan__conditional__weight": 2.0}, "is that of a term of the classes"),
    ({"gan__conditional__discriminator": "x"}, "gan.conditional.discriminator='x'"),
    ({"gan__coder": "mixture", "gan__mixture__components": 305}, "shared evenly"),
    (
      {"gan__loss": "margin", "gan__discriminator_architecture": "autoencoder"},
      "an energy, has not",
    ),
    (
      {
        "train__microbatches": 2,
        "gan__conditional__discriminator": "reacgan",
      },
      "compares all images",
    ),
    (
      {
        "gan__discriminator_start": "encoder",
        "gan__conditional__discriminator": "concatenation",
      },
      "one more channel",
    ),
    (
      {
        "phases": ("vae", "gan"),
        "gan__latent_dim": 3,
        "gan__generator_hidden": (12,),
        **PLAIN,
      },
      "decoder of noise alone",
    ),
  ],
)
def test_configs_that_cannot_be_are_refused_in_one_line(fields, words):
  with pytest.raises(UserError, match=f"^.*({words}).*$"):
    validate(conditional(**fields))


@pytest.mark.parametrize(
  ("labels", "classes", "words"),
  [
    (np.zeros(256, np.int32), 1, "needs labels"),
    (LABELS, 12, "digits has 12 classes"),
    (np.where(LABELS == 3, -1, LABELS), 10, "have none"),
    (np.where(LABELS == 3, 4, LABELS), 10, "no training images of 3:"),
  ],
)
def test_data_without_these_classes_are_refused_in_one_line(labels, classes, words):
  split = Split(IMAGES, labels)
  dataset = Dataset("digits", split, split, classes)
  with pytest.raises(UserError, match=f"^gan.conditional.classes=10.*{words}.*$"):
    METHODS["gan"].check_data(validate(conditional()), dataset)
