"""The history of translation, its terms and how many images it is measured on."""

from collections import Counter

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from sgae.config import validate
from sgae.data import resident
from sgae.data.dataset import Dataset
from sgae.devices.mesh import local_mesh
from sgae.errors import UserError
from sgae.evaluation.measures.reference import EvaluationData
from sgae.losses.adversarial import least_squares
from sgae.losses.sparsity import SPARSITY_PENALTIES
from sgae.methods import population
from sgae.methods.translation.evaluate import TranslationEvaluator
from sgae.methods.translation.history import exchanged
from sgae.methods.translation.losses import make_losses
from sgae.methods.translation.networks import Translators
from sgae.networks.network import BatchNetwork
from tests.systems import EXAMPLES, IMAGES, MEAN, SECOND, small_config

PICTURES = resident.to_model_range(IMAGES[:8])


def numbered(numbers):
  return jnp.asarray(numbers, jnp.float32).reshape(-1, 1, 1, 1)


def test_the_history_is_filled_first_and_then_exchanged_one_for_one():
  size, batch = 6, 4
  history, key = jnp.zeros((size, 1, 1, 1)), jax.random.key(0)
  positions, seen, older = jnp.arange(batch), 0, 0
  for step in range(40):
    images = numbered(1 + step * batch + np.arange(batch))
    before = Counter(np.ravel(history).tolist()) + Counter(np.ravel(images).tolist())
    step_key = jax.random.fold_in(key, step)
    history, out = exchanged(
      history, images, jnp.int32(seen), step_key, positions, None
    )
    seen += batch
    if seen <= size:
      np.testing.assert_array_equal(out, images)
      assert set(np.ravel(history)[:seen].tolist()) == set(range(1, seen + 1))
    elif step > 1:  # nothing is lost, and nothing comes twice
      assert Counter(np.ravel(history).tolist()) + Counter(np.ravel(out)) == before
      older += int((out != images).sum())
  assert 0.35 < older / (38 * batch) < 0.65


def test_a_history_smaller_than_a_batch_leaves_the_rest_as_it_is():
  history, images = numbered([90, 91]), numbered(range(8))
  changed = set()
  for step in range(20):
    key = jax.random.key(step)
    _, out = exchanged(history, images, jnp.int32(8), key, jnp.arange(8), None)
    changed |= set(np.flatnonzero(np.ravel(out != images)).tolist())
  assert changed == {0, 1}


def scaling() -> Translators:
  """Directions that multiply by a number each: what they give is known by hand."""

  def translate(params, images_2bhwc, *, train, axis=None):
    return params[:, None, None, None, None] * images_2bhwc, None

  return Translators(
    lambda key, inherited: jnp.ones(2), translate, translate, lambda *args: None
  )


def mean_judge() -> BatchNetwork:
  """A logit for each row of an image: its mean, times a parameter."""

  def apply(params, x_bhwc, *, train, axis=None):
    return params * x_bhwc.mean(axis=(2, 3)), {}

  return BatchNetwork(lambda key: jnp.ones(()), apply, lambda params, _: params)


def losses_of(*terms, classify=None):
  omega = SPARSITY_PENALTIES["none"]
  return make_losses(scaling(), mean_judge(), least_squares, omega, terms, classify)


A, B = jnp.full((4, 2, 2, 1), 0.5), jnp.full((4, 2, 2, 1), -1.0)
AB, BA = 2.0, 3.0


def test_each_term_by_hand():
  terms = ("adversarial_weight", "cycle_weight", "identity_weight")
  settings = dict(adversarial_weight=2.0, cycle_weight=10.0, identity_weight=5.0)
  judges = jnp.array([1.0, 0.5])  # of the sides a and b
  value, (metrics, (fakes, code)) = losses_of(*terms).generator(
    jnp.array([AB, BA]), (A, B), {"discriminator": judges}, settings, None
  )
  fake_a, fake_b = BA * -1.0, AB * 0.5
  np.testing.assert_allclose(fakes[0], fake_a)
  np.testing.assert_allclose(fakes[1], fake_b)
  adversarial = 0.5 * (fake_a - 1) ** 2 + 0.5 * (0.5 * fake_b - 1) ** 2
  cycle = abs(AB * BA - 1) * 0.5 + abs(AB * BA - 1) * 1.0
  identity = abs(AB - 1) * 1.0 + abs(BA - 1) * 0.5  # each on its target side
  assert code is None
  assert metrics["adversarial"] == pytest.approx(adversarial / 2)
  assert metrics["cycle"] == pytest.approx(cycle / 2)
  assert metrics["identity"] == pytest.approx(identity / 2)
  assert value == pytest.approx(2 * adversarial + 10 * cycle + 5 * identity)
  loss, (metrics, _) = losses_of(*terms).discriminator(judges, ((A, B), fakes), None)
  of_a = 0.5 * (0.5 - 1) ** 2 + 0.5 * fake_a**2
  of_b = 0.5 * (0.5 * -1.0 - 1) ** 2 + 0.5 * (0.5 * fake_b) ** 2
  assert loss == pytest.approx(of_a + of_b)
  assert metrics["d_real"] == pytest.approx((0.5 - 0.5) / 2)
  assert metrics["d_fake"] == pytest.approx((fake_a + 0.5 * fake_b) / 2)


def test_pairs_are_compared_and_shown_with_their_inputs():
  losses = losses_of("adversarial_weight", "pair_weight")
  settings = dict(adversarial_weight=1.0, pair_weight=4.0)
  value, (metrics, (fakes, _)) = losses.generator(
    jnp.array([AB, BA]), (A, B), {"discriminator": jnp.ones(2)}, settings, None
  )
  np.testing.assert_allclose(fakes[0][..., 0], -1.0)  # the input, of side b
  np.testing.assert_allclose(fakes[0][..., 1], -3.0)
  np.testing.assert_allclose(fakes[1][..., 0], 0.5)
  pair = abs(AB * 0.5 + 1.0) + abs(BA * -1.0 - 0.5)
  adversarial = 0.5 * ((-1 - 3) / 2 - 1) ** 2 + 0.5 * ((0.5 + 1.0) / 2 - 1) ** 2
  assert metrics["pair"] == pytest.approx(pair / 2)
  assert value == pytest.approx(adversarial + 4 * pair)
  _, (metrics, _) = losses.discriminator(jnp.ones(2), ((A, B), fakes), None)
  assert metrics["d_real"] == pytest.approx(-0.25)


def test_the_class_of_what_is_translated_is_the_target():
  def classify(params, images_bhwc):  # the first class if an image is bright
    bright_b = params * images_bhwc.mean(axis=(1, 2, 3))
    return jnp.stack([bright_b, jnp.zeros_like(bright_b)], axis=1)

  losses = losses_of("semantic_weight", classify=classify)

  def loss(directions, slope):
    others = {"classifier": slope}
    settings = dict(semantic_weight=3.0)
    return losses.generator(directions, (A, B), others, settings, None)

  ab, ba, slope = -2.0, 3.0, jnp.float32(0.5)
  value, (metrics, _) = loss(jnp.array([ab, ba]), slope)
  # a bright A becomes -1, of which the logits are (-.5, 0); a dark B becomes -3
  of_ab, of_ba = np.log1p(np.exp(0.5)), np.log1p(np.exp(-1.5))
  assert value == pytest.approx(3 * (of_ab + of_ba))
  assert metrics["semantic"] == pytest.approx((of_ab + of_ba) / 2)
  moves = jax.grad(lambda directions: loss(directions, slope)[0])(jnp.array([ab, ba]))
  # d log(1 + exp(-.5 * .5 ab)) / d ab and d log(1 + exp(.5 * -ba)) / d ba
  expected = [-0.25 * np.exp(0.5) / (1 + np.exp(0.5)), -0.5 / (1 + np.exp(1.5))]
  np.testing.assert_allclose(moves, 3 * np.array(expected), rtol=1e-5)


def test_figures_are_of_as_many_images_as_the_config_says():
  config = small_config(
    phases=("translation",),
    evaluation__num_samples=40,
    evaluation__final_samples=60,
  )
  second = Dataset("b", SECOND, SECOND, 10)
  dataset = Dataset("a", EXAMPLES, EXAMPLES, 10, second=second)
  data = EvaluationData(dataset, None, EvaluationData(second, None))
  evaluator = TranslationEvaluator(validate(config), data, local_mesh())
  evaluator.run = {way: lambda state, rows: (rows, rows) for way in evaluator.run}
  for full, count in ((False, 40), (True, 60)):
    for seen in evaluator.observe(None, full).values():
      assert len(seen.there.images) == len(seen.returned.images) == count
  assert evaluator.protocol()["samples"] == 120
  assert evaluator.protocol()["reference_samples"] == len(IMAGES) + 100


def test_a_rate_that_the_autoencoder_varies_is_varied_here_too():
  config = small_config(
    phases=("sae", "translation"),
    sae__auxiliary_weight=0.0,
    code__sparsity_map="sigmoid",
    code__penalty="kl",
    data__second__source="inverted",
    translation__generator_architecture="sparse",
    translation__sparsity_weight=0.1,
  )
  config.population.vary = ("code.rho=0.1,0.3",)
  program = population.build("translation", validate(config), MEAN.shape, MEAN)
  state = program.init(jax.random.key(0))
  np.testing.assert_allclose(state.members.settings["rho"], [0.1, 0.3])


def test_members_with_pairs_and_without_are_no_population():
  config = small_config(
    phases=("translation",), data__paired=True, data__second__source="inverted"
  )
  for values, refused in (("1,100", False), ("0,100", True)):
    config.population.vary = (f"translation.pair_weight={values}",)
    if not refused:
      validate(config)
      continue
    with pytest.raises(UserError, match="discriminators see the input too"):
      validate(config)
