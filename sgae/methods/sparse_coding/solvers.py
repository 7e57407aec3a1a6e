"""Codes of least objective for a given dictionary: ISTA, FISTA, coordinate descent.

  minimise over u:  1/2 |x - u D|^2 + alpha |u|_1,  u >= 0 unless codes are signed.

Each row of what a solver returns depends on the same row of signals alone. No gradient
flows through it.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from sgae.networks.lista import eigenvalue_bound, shrink

GAP_EVERY = 10  # iterations between two looks at the duality gap


class Problem(NamedTuple):
  """What the iterations look at.

  Attributes:
    gram_kk: float32 [K, K], D D^T.
    products_bk: float32 [B, K], x D^T.
    alpha: float32 scalar, weight of |u|_1.
    bound: float32 scalar, at least the largest eigenvalue of the Gram matrix.
    signed: whether codes may be negative.
  """

  gram_kk: jax.Array
  products_bk: jax.Array
  alpha: jax.Array
  bound: jax.Array
  signed: bool


# (problem, carry) -> carry; a tuple of arrays [B, ...], the codes [B, K] first.
Iteration = Callable[[Problem, tuple], tuple]


def _ista(problem, carry):
  """One step along the gradient, then towards 0. Daubechies et al. 2004."""
  (codes_bk,) = carry
  return (_descended(problem, codes_bk),)


def _fista(problem, carry):
  """A step of ISTA from a point ahead. Beck & Teboulle 2009.

  A row whose step goes against its gradient starts anew (O'Donoghue & Candes 2015,
  arXiv 1204.3982).
  """
  codes_bk, ahead_bk, time_b1 = carry
  new_bk = _descended(problem, ahead_bk)
  against_b1 = jnp.sum((ahead_bk - new_bk) * (new_bk - codes_bk), axis=1, keepdims=True)
  time_b1 = jnp.where(against_b1 > 0, 1.0, time_b1)
  later_b1 = (1 + jnp.sqrt(1 + 4 * time_b1**2)) / 2
  ahead_bk = new_bk + (time_b1 - 1) / later_b1 * (new_bk - codes_bk)
  return new_bk, ahead_bk, later_b1


def _descended(problem, codes_bk):
  gradient_bk = codes_bk @ problem.gram_kk - problem.products_bk
  return shrink(
    codes_bk - gradient_bk / problem.bound,
    problem.alpha / problem.bound,
    problem.signed,
  )


def _coordinate_descent(problem, carry):
  """Each latent in turn to where the objective is least. Wu & Lange 2008."""
  gram_kk = problem.gram_kk

  def one_latent(k, carry):
    codes_bk, correlation_bk = carry  # the second is (x - u D) D^T
    size = jnp.maximum(gram_kk[k, k], 1e-12)
    best_b = shrink(
      codes_bk[:, k] + correlation_bk[:, k] / size, problem.alpha / size, problem.signed
    )
    # an atom of length 0 has no use
    best_b = jnp.where(gram_kk[k, k] > 1e-12, best_b, 0.0)
    moved_b = best_b - codes_bk[:, k]
    correlation_bk -= moved_b[:, None] * gram_kk[k][None]
    return codes_bk.at[:, k].set(best_b), correlation_bk

  return jax.lax.fori_loop(0, len(gram_kk), one_latent, carry)


class Solver(NamedTuple):
  """`start(zeros_bk, problem) -> carry`, and an iteration."""

  start: Callable[[jax.Array, Problem], tuple]
  iterate: Iteration


SOLVERS: dict[str, Solver] = {
  "fista": Solver(lambda zeros, _: (zeros, zeros, 1 + zeros[:, :1]), _fista),
  "ista": Solver(lambda zeros, _: (zeros,), _ista),
  "coordinate_descent": Solver(
    lambda zeros, problem: (zeros, problem.products_bk), _coordinate_descent
  ),
}


def solve(
  atoms_kd: jax.Array,
  signals_bd: jax.Array,
  alpha: jax.Array | float,
  *,
  solver: str,
  iterations: int,
  signed: bool,
) -> jax.Array:
  """Returns the codes after a fixed number of iterations, from zero.

  Args:
    atoms_kd: float32 [K, D].
    signals_bd: float32 [B, D].
    alpha: weight of |u|_1.
    solver: a key of `SOLVERS`.
    iterations: how many; of coordinate descent, times through all latents.
    signed: whether codes may be negative.

  Returns:
    float32 [B, K].
  """
  problem = _make_problem(atoms_kd, signals_bd, alpha, signed)
  start, iterate = SOLVERS[solver]

  def body(_, carry):
    return iterate(problem, carry)

  carry = start(_zeros(problem), problem)
  codes_bk, *_ = jax.lax.fori_loop(0, iterations, body, carry)
  return jax.lax.stop_gradient(codes_bk)


def solve_to_gap(
  atoms_kd: jax.Array,
  signals_bd: jax.Array,
  alpha: jax.Array | float,
  *,
  solver: str,
  most: int,
  tolerance: float,
  signed: bool,
) -> tuple[jax.Array, jax.Array]:
  """Iterates until the duality gap of each row is small.

  A row stops by itself, so that it does not depend on the others of its batch.

  Args:
    atoms_kd, signals_bd, alpha, solver, signed: as for `solve`.
    most: iterations at most.
    tolerance: largest gap, as a share of 1/2 |x|^2.

  Returns:
    (codes float32 [B, K], gap float32 [B] as that share).
  """
  problem = _make_problem(atoms_kd, signals_bd, alpha, signed)
  start, iterate = SOLVERS[solver]
  half_b = jnp.maximum(0.5 * jnp.sum(signals_bd**2, axis=1), 1e-12)

  def goes_on(loop):
    done, _, gap_b = loop
    return (done < most) & jnp.any(gap_b > tolerance)

  def turn(loop):
    done, carry, gap_b = loop
    new = jax.lax.fori_loop(
      0, GAP_EVERY, lambda _, carry: iterate(problem, carry), carry
    )
    open_b = gap_b > tolerance
    carry = tuple(
      jnp.where(open_b[:, None], after, before)
      for after, before in zip(new, carry, strict=True)
    )
    gap_b = duality_gap(signals_bd, atoms_kd, carry[0], alpha, signed) / half_b
    return done + GAP_EVERY, carry, gap_b

  first: Any = (0, start(_zeros(problem), problem), jnp.full(len(signals_bd), jnp.inf))
  _, (codes_bk, *_), gap_b = jax.lax.while_loop(goes_on, turn, first)
  return jax.lax.stop_gradient((codes_bk, gap_b))


def _make_problem(atoms_kd, signals_bd, alpha, signed):
  atoms_kd, signals_bd = jnp.asarray(atoms_kd), jnp.asarray(signals_bd)
  gram_kk = atoms_kd @ atoms_kd.T
  # both products have the same eigenvalues but for zeros
  fewer = gram_kk if len(gram_kk) <= atoms_kd.shape[1] else atoms_kd.T @ atoms_kd
  return Problem(
    gram_kk,
    signals_bd @ atoms_kd.T,
    jnp.float32(alpha),
    eigenvalue_bound(fewer),
    signed,
  )


def _zeros(problem):
  # made from the data, so that they vary over devices as the data do
  return problem.products_bk * 0.0


def objective(
  signals_bd: jax.Array,
  atoms_kd: jax.Array,
  codes_bk: jax.Array,
  alpha: jax.Array | float,
) -> jax.Array:
  """Returns 1/2 |x - u D|^2 + alpha |u|_1 of each row, float32 [B].

  >>> float(objective(jnp.ones((1, 2)), jnp.eye(2), jnp.array([[1.0, -0.5]]), 0.1)[0])
  1.2750000...

  Args:
    signals_bd: float32 [B, D].
    atoms_kd: float32 [K, D].
    codes_bk: float32 [B, K].
    alpha: weight of |u|_1.
  """
  residual_bd = signals_bd - codes_bk @ atoms_kd
  return 0.5 * jnp.sum(residual_bd**2, axis=1) + alpha * jnp.sum(
    jnp.abs(codes_bk), axis=1
  )


def duality_gap(
  signals_bd: jax.Array,
  atoms_kd: jax.Array,
  codes_bk: jax.Array,
  alpha: jax.Array | float,
  signed: bool,
) -> jax.Array:
  """Returns by how much the objective may at most be too large, float32 [B].

  The dual problem is to maximise v x - 1/2 |v|^2 over |v D^T| <= alpha (v D^T <= alpha
  for codes that are not signed); v is the residual, scaled to where that is largest.

  Args:
    signals_bd, atoms_kd, codes_bk, alpha: as for `objective`.
    signed: whether codes may be negative.
  """
  residual_bd = signals_bd - codes_bk @ atoms_kd
  correlation_bk = residual_bd @ atoms_kd.T
  reach_bk = jnp.abs(correlation_bk) if signed else correlation_bk
  reach_b = jnp.maximum(reach_bk.max(axis=1), 1e-12)
  along_b = jnp.sum(residual_bd * signals_bd, axis=1)
  size_b = jnp.maximum(jnp.sum(residual_bd**2, axis=1), 1e-12)
  scale_b = jnp.clip(along_b / size_b, 0.0, alpha / reach_b)
  dual_b = scale_b * along_b - 0.5 * scale_b**2 * size_b
  return objective(signals_bd, atoms_kd, codes_bk, alpha) - dual_b
