"""Methods: one folder each, and the only list of them.

What a method is, and what the rest of the package asks of it, stands in `method.py`.
From Python, a method's program is a pair of pure functions:

>>> import jax
>>> from configs import ring
>>> from sgae import methods
>>> program = methods.gan.build(ring.get_config(), (1, 1, 2))
>>> keys = jax.vmap(jax.random.key)(jax.numpy.arange(3))
>>> states = jax.vmap(program.init)(keys)  # three seeds in one program
>>> batch = {
...   "image": jax.numpy.zeros((*program.batch_shape, 1, 1, 2)),
...   "position": jax.numpy.arange(program.batch_shape[-1]),
... }
>>> states, metrics = jax.vmap(program.step, in_axes=(0, None))(states, batch)
>>> metrics["gan/d_loss"].shape
(3,)
"""

import importlib
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from typing import TYPE_CHECKING, Any

from sgae import lazy

if TYPE_CHECKING:
  from sgae.methods.method import Method


class Methods(MutableMapping):
  """The table of methods by name; a method is imported when it is first used."""

  def __init__(self, folders: Mapping[str, str]):
    """Takes the folder in `sgae/methods/` of each method."""
    self._entries: dict[str, Any] = dict(folders)

  def __getitem__(self, name: str) -> "Method":
    entry = self._entries[name]
    if isinstance(entry, str):
      entry = importlib.import_module(f"sgae.methods.{entry}.method").METHOD
      self._entries[name] = entry
    return entry

  def __setitem__(self, name: str, method: "Method") -> None:
    self._entries[name] = method

  def __delitem__(self, name: str) -> None:
    del self._entries[name]

  def __iter__(self) -> Iterator[str]:
    return iter(self._entries)

  def __len__(self) -> int:
    return len(self._entries)

  def sections(self, name: str) -> Mapping[str, Callable[[], dict[str, Any]]]:
    """Returns the sections that a method adds to a config, without importing JAX."""
    entry = self._entries[name]
    if isinstance(entry, str):
      return importlib.import_module(f"sgae.methods.{entry}.config").SECTIONS
    return entry.sections

  def providing(self, field: str) -> tuple[str, Any]:
    """Returns the one method that sets an optional field: its name, and the field."""
    return next(
      (name, value)
      for name, method in self.items()
      if (value := getattr(method, field)) is not None
    )


# Name in a config -> folder here.
FOLDERS = {
  "sae": "sparse_autoencoder",
  "sparse_coding": "sparse_coding",
  "vae": "vae",
  "gan": "gan",
  "vae_gan": "vae_gan",
  "recognition": "recognition",
  "super_resolution": "super_resolution",
  "translation": "translation",
  "classifier": "classifier",
}
METHODS = Methods(FOLDERS)

__getattr__ = lazy.attach(
  __name__,
  {folder: f"sgae.methods.{folder}" for folder in FOLDERS.values()},
)
