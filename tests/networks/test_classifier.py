"""The classifier against layers that are computed with SciPy."""

import jax
import numpy as np
from scipy.signal import correlate2d

from sgae.networks.classifier import KERNELS, make_classifier

SHAPE, CHANNELS, FEATURES, CLASSES = (9, 6, 2), (2, 3, 2), 5, 4
CLASSIFIER = make_classifier(SHAPE, CHANNELS, FEATURES, CLASSES)


def parameters():
  """Random numbers, also for the biases, which start at 0."""
  random = np.random.default_rng(0)
  return jax.tree.map(
    lambda leaf: random.normal(size=leaf.shape).astype(np.float32),
    jax.eval_shape(CLASSIFIER.init, jax.random.key(0)),
  )


def by_scipy(layer, x_hwi):
  """A rectified convolution of stride 2, zeros around as TensorFlow's 'SAME'."""
  kernel = np.asarray(layer["kernel"])
  side, _, inputs, outputs = kernel.shape
  sizes = [-(-size // 2) for size in x_hwi.shape[:2]]
  zeros = [
    max(2 * (out - 1) + side - size, 0)
    for out, size in zip(sizes, x_hwi.shape[:2], strict=True)
  ]
  padded = np.pad(x_hwi, [*((some // 2, some - some // 2) for some in zeros), (0, 0)])
  y = np.empty((*sizes, outputs))
  for output in range(outputs):
    whole = sum(
      correlate2d(padded[..., i], kernel[..., i, output], mode="valid")
      for i in range(inputs)
    )
    y[..., output] = np.asarray(whole)[::2, ::2][: sizes[0], : sizes[1]]
  return np.maximum(y + layer["bias"], 0)


def test_features_and_logits_are_those_of_its_layers():
  params = parameters()
  images = np.random.default_rng(1).uniform(-1, 1, (3, *SHAPE)).astype(np.float32)
  features = jax.jit(CLASSIFIER.features)(params, images)
  logits = CLASSIFIER.logits(params, features)
  for image, ours, its_logits in zip(images, features, logits, strict=True):
    x = image.astype(np.float64)
    for i in range(len(KERNELS)):
      x = by_scipy(params[f"conv_{i}"], x)
    hidden, output = params["hidden"], params["output"]
    expected = np.maximum(x.ravel() @ hidden["kernel"] + hidden["bias"], 0)
    np.testing.assert_allclose(ours, expected, rtol=1e-4, atol=1e-5)
    its = expected @ output["kernel"] + output["bias"]
    np.testing.assert_allclose(its_logits, its, rtol=1e-4, atol=1e-5)
  assert (np.asarray(features) > 0).any()


def test_layers_start_at_the_variance_of_he_and_lecun():
  classifier = make_classifier((16, 16, 3), (64, 64, 64), 256, 200)
  params = classifier.init(jax.random.key(0))
  fan_in = {"conv_0": 75, "conv_1": 1600, "conv_2": 576, "hidden": 256, "output": 256}
  for name, fan in fan_in.items():
    gain = 1 if name == "output" else 2
    kernel = np.asarray(params[name]["kernel"])
    assert abs(kernel.var() / (gain / fan) - 1) < 0.1
    assert not np.asarray(params[name]["bias"]).any()
