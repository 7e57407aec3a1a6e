"""Edits of codes and latents as pure functions of arrays: what changes, and how much.

Each edit is a change of a point; an edited point is the point plus a strength times the
change. Points are float32 [N, ..., K], where K latents stand at the last axis and codes
with places have these before it.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from sklearn.decomposition import PCA

# Numbers of a point, up to which the covariance is made: of a code with places it would
# need gigabytes.
LARGEST_COVARIANCE = 2048


class Set(NamedTuple):
  """What one latent becomes: `value`, or where `relative` its own value + `value`."""

  latent: int
  value: float
  relative: bool


def edited(
  points: np.ndarray, change: np.ndarray, strength: float, non_negative: bool
) -> np.ndarray:
  """Returns points + strength * change, float32 of the points' shape.

  Args:
    points: [N, ...].
    change: [N, ...].
    strength: 0 leaves the points as they are, to the bit.
    non_negative: whether what falls below 0 becomes 0.
  """
  if not strength:
    return points
  moved = (points + np.float32(strength) * change).astype(np.float32)
  return np.maximum(moved, 0) if non_negative else moved


def of_sets(points: np.ndarray, sets: Sequence[Set]) -> np.ndarray:
  """Returns the change that sets latents, at all places of a code that has places.

  Args:
    points: [N, ..., K].
    sets: which of the K latents, each at most once.
  """
  change = np.zeros_like(points)
  for latent, value, relative in sets:
    change[..., latent] = value - (0 if relative else points[..., latent])
  return change


def towards(means_ck: np.ndarray, own_n: np.ndarray, target: int) -> np.ndarray:
  """Returns the change from each point's own class to another: m_target - m_own.

  At strength 1 it takes the mean of a class to the mean of the target.

  Args:
    means_ck: float32 [C, ..., K], mean point of each class.
    own_n: int [N], class of each point.
    target: class in [0, C).
  """
  return means_ck[target][None] - means_ck[own_n]


def strongest(change: np.ndarray, effect: np.ndarray, most: int) -> np.ndarray:
  """Returns a change of the `most` latents of each row on which it has most effect.

  Args:
    change: [N, ..., K].
    effect: [N, ..., K], what it does to the points at strength 1: less than the change
      where these are nowhere below 0. Over places the sum of squares counts.
    most: at most K.
  """
  size = change.shape[-1]
  power_nk = np.square(effect).reshape(len(change), -1, size).sum(axis=1)
  kept_nm = np.argsort(-power_nk, axis=1, kind="stable")[:, :most]
  kept_nk = np.zeros(power_nk.shape, bool)
  np.put_along_axis(kept_nk, kept_nm, True, axis=1)
  return change * kept_nk.reshape(len(change), *[1] * (change.ndim - 2), size)


def transfer(
  points: np.ndarray,
  other: np.ndarray,
  latents: Sequence[int] | None = None,
) -> np.ndarray:
  """Returns the change that gives latents the values that another point has.

  Args:
    points: [N, ..., K].
    other: [..., K].
    latents: which; None: all, so that strength 1 makes the other point.
  """
  change = other[None] - points
  if latents is None:
    return change
  kept = np.zeros(points.shape[-1], bool)
  kept[list(latents)] = True
  return change * kept


def class_means(points: np.ndarray, labels_n: np.ndarray, classes: int) -> np.ndarray:
  """Returns the mean point of each class, float32 [C, ...]; NaN of a class without any.

  Args:
    points: [N, ...].
    labels_n: int [N] in [0, C).
    classes: C.
  """
  found = np.full((classes, *points.shape[1:]), np.nan, np.float32)
  for label in np.unique(labels_n):
    found[label] = points[labels_n == label].mean(axis=0, dtype=np.float64)
  return found


class Principal(NamedTuple):
  """Principal directions of points.

  Attributes:
    directions: float32 [P, ...], orthonormal, by falling variance; the largest number
      of each is positive.
    deviations: float32 [P], standard deviation of the points along each.
  """

  directions: np.ndarray
  deviations: np.ndarray


def principal(points: np.ndarray, count: int) -> Principal:
  """Returns the first principal directions of points, as in GANSpace.

  Härkönen et al. 2020, "GANSpace: discovering interpretable GAN controls", arXiv
  2004.02546.

  Args:
    points: [N, ...], N > 1.
    count: P; no more are found than points have numbers, or there are points. Of points
      of more than 2,048 numbers they are found by random projections (Halko et al.
      2011, arXiv 0909.4061), which need a hundredth of the memory.
  """
  flat = points.reshape(len(points), -1)
  count = min(count, *flat.shape)
  solver = "randomized"
  if flat.shape[1] <= LARGEST_COVARIANCE:
    solver, flat = "covariance_eigh", flat.astype(np.float64)
  fitted: Any = PCA(count, svd_solver=solver, random_state=0).fit(flat)
  rows = fitted.components_
  peaks = np.take_along_axis(rows, np.abs(rows).argmax(axis=1)[:, None], axis=1)
  rows = rows * np.where(peaks < 0, -1, 1)
  return Principal(
    rows.reshape(-1, *points.shape[1:]).astype(np.float32),
    np.sqrt(fitted.explained_variance_).astype(np.float32),
  )


def along(principal: Principal, number: int, points: np.ndarray) -> np.ndarray:
  """Returns the change along a principal direction by one standard deviation.

  Args:
    principal: of the space.
    number: of the direction, from 0.
    points: [N, ...], of which each gets the same change.
  """
  step = principal.directions[number] * principal.deviations[number]
  return np.broadcast_to(step, points.shape)


def touched(points: np.ndarray, others: np.ndarray) -> np.ndarray:
  """Returns which latents differ between points, at any place: bool [N, K]."""
  differs = points != others
  return differs.reshape(len(points), -1, points.shape[-1]).any(axis=1)
