"""The spaces in which images of a run are points: its generator's codes and latents."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from sgae.errors import UserError
from sgae.methods.method import Program, Sampling
from sgae.methods.population import build_one

SPACES = ("code", "latent")

States = Mapping[str, Any]  # phase -> its state


class Space(NamedTuple):
  """Points that a run generates images from, as pure functions of its states.

  Attributes:
    name: one of `SPACES`.
    shape: of one point; the last axis counts its latents.
    draw: `draw(states, key, positions_b) -> latents`, as `Sampling.draw`.
    place: `place(states, latents) -> points`, of latents that were drawn.
    images: `images(states, points) -> float32 [B, H, W, C]`.
    encode: `encode(states, images) -> points`; None: no phase encodes images so.
    reconstruct: `reconstruct(states, images) -> images` by the same phase; None: none.
    encoder: the name of that phase; '': none.
    non_negative: whether points are nowhere below 0.
    coded: whether the generator has codes apart from its latents.
    classes: how many of the last numbers of a point are weights of classes.
  """

  name: str
  shape: tuple[int, ...]
  draw: Callable[..., jax.Array]
  place: Callable[..., jax.Array]
  images: Callable[..., jax.Array]
  encode: Callable[..., jax.Array] | None
  reconstruct: Callable[..., jax.Array] | None
  encoder: str
  non_negative: bool
  coded: bool
  classes: int


def space_of(
  config: Any, image_shape: tuple[int, ...], states: States, name: str
) -> tuple[str, Space]:
  """Returns the last phase of a run that generates, and a space of its points.

  Where a generator has no code apart from its latents, both spaces are the same. Images
  are encoded by the phase itself or, to codes, by the last phase before it whose codes
  have the shape of the generator's.

  Args:
    config: validated.
    image_shape: (H, W, C).
    states: of the phases that have one.
    name: one of `SPACES`.

  Raises:
    UserError: no phase with a state generates.
  """
  programs = {p: build_one(p, config, image_shape) for p in states}
  generating = [phase for phase, program in programs.items() if program.sampling]
  if not generating:
    raise UserError(
      f"none of the phases {tuple(states)} generates images: choose the --workdir of a "
      "run whose generator is trained"
    )
  phase = generating[-1]
  sampling: Any = programs[phase].sampling
  by_code = name == "code" and sampling.coded
  shape = _code_shape(sampling, states[phase]) if by_code else sampling.latent_shape
  earlier = list(programs)[: list(programs).index(phase)] if by_code else []
  encoder = _encoder([phase, *earlier[::-1]], programs, states, image_shape, shape)
  return phase, _bound(sampling, phase, programs, encoder, name, shape, by_code)


def _bound(sampling, phase, programs, encoder, name, shape, by_code) -> Space:
  def of(phase, function):
    return lambda states, *arguments: function(states[phase], *arguments)

  def same(states, latents):
    del states
    return latents

  decode = sampling.decode or sampling.generate
  functions = programs[encoder].functions if encoder else {}
  return Space(
    name,
    tuple(shape),
    of(phase, sampling.draw),
    of(phase, sampling.code) if by_code else same,
    of(phase, decode if by_code else sampling.generate),
    of(encoder, functions["encode"]) if encoder else None,
    of(encoder, functions["reconstruct"]) if "reconstruct" in functions else None,
    encoder,
    by_code and not sampling.signed,
    sampling.coded,
    0 if by_code else sampling.classes,
  )


def _code_shape(sampling: Sampling, state: Any) -> tuple[int, ...]:
  latents = jax.ShapeDtypeStruct((1, *sampling.latent_shape), jnp.float32)
  return jax.eval_shape(sampling.code, state, latents).shape[1:]


def _encoder(
  phases: list[str],
  programs: Mapping[str, Program],
  states: States,
  image_shape: tuple[int, ...],
  shape: tuple[int, ...],
) -> str:
  """Returns the first of the phases that encodes images to this shape; '': none."""
  images = jax.ShapeDtypeStruct((1, *image_shape), jnp.float32)
  for phase in phases:
    encode = programs[phase].functions.get("encode")
    if encode and jax.eval_shape(encode, states[phase], images).shape[1:] == shape:
      return phase
  return ""
