"""What the explorer of a run shows: the run's own codes, decoders and images."""

import io
import re

import jax.numpy as jnp
import numpy as np
import pytest

import sgae
from configs import ring
from sgae import randomness
from sgae.config import validate
from sgae.data import sources
from sgae.evaluation import explore
from sgae.methods import METHODS
from sgae.networks.plain_layers import apply_layers
from sgae.reporting.console import Console
from tests.runs import tiny_config, tiny_dictionary_config, tiny_vae_config


def fresh(config):
  """Returns data, config and first states of a config's phases."""
  config = validate(config)
  dataset = sources.load(config.data, lambda line: None)
  shape = dataset.train.images.shape[1:]
  states = {}
  for phase in config.phases:
    program = METHODS[phase].build(config, shape)
    states[phase] = program.init_from(randomness.root_key(0), {})
  return config, dataset, states


def test_a_run_has_an_explorer_that_its_report_links_to(whole_run):
  page = (whole_run / "explorer.html").read_text()
  assert 'href="report.html"' in page
  assert 'href="explorer.html"' in (whole_run / "report.html").read_text()
  assert not re.search(r"url\((?!data:)|@import|https?://", page)


def test_codes_and_images_are_those_of_the_run(whole_run):
  run = sgae.load_run(whole_run)
  dataset = sources.load(run.config.data, lambda line: None)
  found = explore.explored(run.config, "run", dataset, run.states)
  assert not isinstance(found, str)
  assert list(found.decoders) == ["Sparse autoencoder", "Generator"]
  assert found.own == ("Sparse autoencoder", "Generator")
  assert found.described == "299 test images"
  # ten of each class
  assert found.classes == [str(k) for k in range(10) for _ in range(10)]
  codes = np.asarray(run.encode(jnp.asarray(found.tests)))
  np.testing.assert_allclose(found.test_codes[:, 0], codes, atol=1e-5)
  images = apply_layers(found.decoders["Sparse autoencoder"], codes)
  expected = np.asarray(
    run._programs["sae"].functions["decode"](run.states["sae"], codes)
  )
  np.testing.assert_allclose(images.reshape(expected.shape), expected, atol=1e-5)
  # sample i is that of `--mode=sample`
  images = apply_layers(found.decoders["Generator"], found.sample_codes[:5, 0])
  expected = np.asarray(run.sample(5))
  np.testing.assert_allclose(images.reshape(expected.shape), expected, atol=1e-5)
  codes = np.asarray(run.encode(jnp.asarray(dataset.test.images)))
  np.testing.assert_allclose(found.rates, (codes > 0).mean(axis=0))
  np.testing.assert_allclose(found.largest, codes.max(axis=0), atol=1e-5)


def test_a_code_of_either_sign_and_one_without_a_generator_can_be_explored():
  config, dataset, states = fresh(tiny_vae_config())
  found = explore.explored(config, "run", dataset, states)
  assert not isinstance(found, str)
  assert (found.test_codes < 0).any()
  assert len(found.sample_codes) == explore.SAMPLES
  config, dataset, states = fresh(tiny_dictionary_config())
  found = explore.explored(config, "run", dataset, states)
  assert not isinstance(found, str)
  assert len(found.sample_codes) == 0
  assert len(found.tests) == explore.TESTS


def test_a_generator_alone_is_explored_by_its_own_samples():
  config = tiny_config()
  config.phases = ("gan",)
  config, dataset, states = fresh(config)
  found = explore.explored(config, "run", dataset, states)
  assert not isinstance(found, str)
  assert found.described == "200 random samples"
  assert len(found.tests) == len(found.classes) == 0
  np.testing.assert_allclose(found.rates, (found.sample_codes[:, 0] != 0).mean(axis=0))
  images = apply_layers(found.decoders["Generator"], found.sample_codes[:1, 0])
  levels = np.rint((images.clip(-1, 1) + 1) * 127.5).reshape(found.examples[0].shape)
  assert np.abs(found.examples[0] - levels).max() <= 1


def test_a_code_with_places_is_explored_by_its_atoms():
  config = tiny_config(sae__architecture="convolutional", sae__tied_start=False)
  config.gan.generator_architecture = "dcgan"
  config, dataset, states = fresh(config)
  found = explore.explored(config, "run", dataset, states)
  assert not isinstance(found, str)
  latents = config.code.num_latents
  codes = np.asarray(
    METHODS["sae"]
    .build(config, found.image_shape)
    .functions["encode"](states["sae"], jnp.asarray(found.tests) / 127.5 - 1)
  )
  assert codes.shape[1:] == (4, 4, latents)
  np.testing.assert_allclose(
    found.test_codes, codes.reshape(-1, 16, latents), atol=1e-5
  )
  assert found.sample_codes.shape == (explore.SAMPLES, 16, latents)
  assert found.rates.shape == found.largest.shape == found.usual.shape == (latents,)
  assert (found.largest >= np.abs(codes).max(axis=(0, 1, 2)) - 1e-5).all()


def test_peaks_are_the_strongest_numbers_over_all_places():
  codes = np.array([[[1, -2], [-3, 0]], [[0, 0], [0, 5]]], np.float32)
  assert explore.peaks_of(codes).tolist() == [[-3, -2], [0, 5]]


def test_the_usual_place_is_that_of_the_largest_mean_and_else_the_middle():
  codes = np.zeros((2, 6, 3), np.float32)  # of 2 x 3 places
  codes[0, 5, 0], codes[:, 1, 0] = 3, 2
  codes[0, 0, 1] = -1
  assert explore.usual_places(codes, (2, 3)).tolist() == [1, 0, 4]


def test_top_examples_are_in_order_and_active():
  codes = np.zeros((20, 3), np.float32)
  codes[[3, 7, 11], 0] = 1, 5, 2
  codes[:, 1] = np.arange(20)
  codes[4, 2] = -1
  top = explore.top_examples(codes)
  assert top[0].tolist() == [7, 11, 3, -1, -1, -1]
  assert top[1].tolist() == [19, 18, 17, 16, 15, 14]
  assert top[2].tolist() == [-1] * 6


@pytest.mark.parametrize(
  "case, reason",
  [
    ("attention", "it is for decoders of dense layers and transposed convolutions"),
    ("slow", "the decoder of sae takes 0.0 million products for an image, and 0"),
    ("vectors", "vectors have no pictures"),
    ("large", "the weights of sae and gan would take 0 MB of the page, and 0 MB"),
    ("full", "the codes would take 0 MB of the page, and 0 MB are the most"),
    ("diverged", "the decoder of sae has weights that float16 cannot hold"),
  ],
)
def test_a_line_says_why_there_is_none(case, reason, tmp_path, monkeypatch):
  if case == "vectors":
    config = validate(ring.get_config())
    dataset, states = sources.load(config.data, lambda line: None), {}
  else:
    fields = {}
    if case == "attention":
      fields = {"sae__architecture": "convolutional", "sae__tied_start": False}
      fields |= {"sae__encoder_hidden": (8,), "sae__decoder_hidden": (8,)}
      fields |= {"sae__decoder_attention": (4,)}
    config = tiny_config(**fields)
    if case == "attention":
      config.phases = ("sae",)
    config, dataset, states = fresh(config)
  if case == "large":
    monkeypatch.setattr(explore, "MOST_BYTES", 1000)
  if case == "full":
    monkeypatch.setattr(explore, "bytes_of", lambda decoders: 0)
    monkeypatch.setattr(explore, "MOST_BYTES", 1000)
  if case == "slow":
    monkeypatch.setattr(explore, "MOST_PRODUCTS", 10)
  if case == "diverged":
    params = states["sae"].player.params
    params["decoder"]["bias"] = params["decoder"]["bias"].at[0].set(np.nan)
  stream = io.StringIO()
  console = Console(stream)
  explore.write(config, tmp_path, dataset, None, states, console)
  assert f"No explorer: {reason}" in stream.getvalue()
  assert not list(tmp_path.iterdir())
