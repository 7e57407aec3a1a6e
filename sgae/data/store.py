"""Files of a data set by name, in a folder, a zip file or a tar file.

Nothing is ever unpacked to disk. A name that climbs out of an archive is refused, and
links inside one are not followed.
"""

import gzip
import os
import pathlib
import stat
import tarfile
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from sgae.data import local
from sgae.data.pixels import MOST_BYTES, SUFFIXES
from sgae.errors import UserError

_ZIP = (".zip",)
_ZIPPED_TAR = (".tar.gz", ".tgz")
ARCHIVES = (*_ZIP, ".tar", *_ZIPPED_TAR)
_MOST_FILES = 2**22  # of a data set that is held in memory
# What systems leave behind beside the data; hidden files are not read either.
_LEFT_BEHIND = ("__macosx", "thumbs.db", "desktop.ini", "@eadir", "$recycle.bin")


class File(NamedTuple):
  """A file, with what shows that it changes."""

  name: str  # below the root, its parts joined by /
  size: int  # bytes
  stamp: int  # nanoseconds; of an archive, that of the archive


class Store(NamedTuple):
  """What is stored.

  Attributes:
    kind: 'folder', 'zip file' or 'tar file'.
    files: all files, but those that systems leave behind, sorted by name.
    folders: names of folders, those that hold nothing included.
    unread: what cannot be read, one phrase each.
    shown: `(name) -> the name of the file in messages`, of '' that of the root.
    contents: `(names) -> iterator over (name, path or bytes)`, in any order.
  """

  kind: str
  files: tuple[File, ...]
  folders: tuple[str, ...]
  unread: tuple[str, ...]
  shown: Callable[[str], str]
  contents: Callable[[Sequence[str]], Iterator[tuple[str, str | bytes]]]


def is_archive(path: str) -> bool:
  """Says whether a path is a file, or none yet, with the name of an archive."""
  return path.lower().endswith(ARCHIVES) and not os.path.isdir(path)


def open_store(root: str) -> Store:
  """Lists the files of a folder or an archive.

  Args:
    root: an absolute path.

  Raises:
    UserError: it cannot be read, is damaged, or has a name that climbs out of it.
  """
  if not is_archive(root):
    return _open_folder(root)
  if root.lower().endswith(_ZIP):
    return _open_archive(root, "zip file", _zip_members, _zip_contents)
  return _open_archive(root, "tar file", _tar_members, _tar_contents)


def open_file(path: str) -> Store:
  """Returns a single file as a store of its own; `path` is absolute.

  Raises:
    UserError: it cannot be read.
  """
  with local.explained(path, "an image"):
    status = os.stat(path)
  file = File(os.path.basename(path), status.st_size, status.st_mtime_ns)

  def contents(names):
    return ((name, path) for name in names)

  return Store("file", (file,), (), (), lambda name: local.shown(path), contents)


def _open_folder(root: str) -> Store:
  files, folders, unread = [], [], []
  for entry, name in _walk(root, "", frozenset()):
    if os.path.isdir(entry.path):  # entry.is_dir() raises on a link to itself.
      folders.append(name)
    elif (status := _status(entry)) and stat.S_ISREG(status.st_mode):
      files.append(File(name, status.st_size, status.st_mtime_ns))
    else:
      unread.append(f"{local.shown(name)} (no file)")
    if len(files) > _MOST_FILES:
      raise _too_many(root)

  def contents(names):
    return ((name, os.path.join(root, name)) for name in names)

  def shown(name):
    return local.shown(os.path.join(root, name) if name else root)

  files = tuple(sorted(files))
  return Store("folder", files, tuple(sorted(folders)), tuple(unread), shown, contents)


def _walk(
  folder: str, prefix: str, trail: frozenset[str]
) -> Iterator[tuple[os.DirEntry, str]]:
  """Yields all that is below a folder, each with its name below the root."""
  try:
    with os.scandir(folder) as entries:
      visible = [entry for entry in entries if not _is_left_behind(entry.name)]
  except OSError as error:
    raise UserError(
      f"{local.shown(folder)} cannot be read as a folder ({error.strerror}); choose a "
      f"folder of images, or an archive ({', '.join(ARCHIVES)}), with "
      f"--config.data.path=...{local.other_source([folder])}"
    ) from error
  # Where a link must not lead: the folder itself and its parents, here of "_", by their
  # own names and by those on the way here.
  real = os.path.realpath(folder)
  trail |= {str(path) for path in pathlib.Path(real, "_").parents}
  for entry in visible:
    if entry.is_symlink() and os.path.realpath(entry.path) in trail:
      continue
    name = prefix + entry.name
    yield entry, name
    if os.path.isdir(entry.path):
      yield from _walk(entry.path, f"{name}/", trail)


def _status(entry: os.DirEntry) -> os.stat_result | None:
  try:
    return entry.stat()
  except OSError as error:
    if not entry.name.lower().endswith(SUFFIXES):
      return None
    raise UserError(
      f"{local.shown(entry.path)} cannot be read ({error.strerror}); delete it, or "
      "restore the file that it links to"
    ) from error


class _Member(NamedTuple):
  """A member of an archive: its name as stored and its kind."""

  stored: str
  size: int
  kind: str  # 'file', 'folder' or 'link'


def _open_archive(
  root: str,
  kind: str,
  members: Callable[[str], Iterable[_Member]],
  contents: Callable[[str, Sequence[str]], Iterator[tuple[str, bytes]]],
) -> Store:
  files, folders, unread = {}, [], []
  with local.explained(root, f"a {kind}"):
    stamp = os.stat(root).st_mtime_ns
    for member in members(root):
      name = _name(root, member.stored)
      if not name or any(map(_is_left_behind, name.split("/"))):
        continue
      if member.kind == "link":
        unread.append(f"link {local.shown(name)}")
      elif member.kind == "folder":
        folders.append(name)
      else:
        if name in files:
          unread.append(f"an earlier {local.shown(name)}")
        files[name] = File(name, member.size, stamp)
      if len(files) + len(unread) > _MOST_FILES:
        raise _too_many(root)

  def shown(name):
    return f"{local.shown(root)}: {local.shown(name)}" if name else local.shown(root)

  def checked(names):
    for name in names:
      if files[name].size > MOST_BYTES:
        raise UserError(
          f"{shown(name)} declares {files[name].size / 2**30:,.2f} GiB; allowed are at "
          f"most {MOST_BYTES / 2**30:,.2f} GiB for one file: replace or remove it"
        )
    with local.explained(root, f"a {kind}"):
      yield from contents(root, names)

  return Store(
    kind,
    tuple(sorted(files.values())),
    tuple(sorted({*folders, *_parents(files)})),
    tuple(unread),
    shown,
    checked,
  )


def _zip_members(root: str) -> Iterator[_Member]:
  with zipfile.ZipFile(root) as archive:
    for info in archive.infolist():
      link = stat.S_ISLNK(info.external_attr >> 16)
      kind = "link" if link else "folder" if info.is_dir() else "file"
      yield _Member(info.filename, info.file_size, kind)


def _zip_contents(root: str, names: Sequence[str]) -> Iterator[tuple[str, bytes]]:
  with zipfile.ZipFile(root) as archive:
    infos = {_name(root, info.filename): info for info in archive.infolist()}
    for name in names:
      yield name, archive.read(infos[name])


def _tar_members(root: str) -> Iterator[_Member]:
  for member, _ in _tar(root):
    kind = "folder" if member.isdir() else "file" if member.isreg() else "link"
    yield _Member(member.name, member.size, kind)


def _tar_contents(root: str, names: Sequence[str]) -> Iterator[tuple[str, bytes]]:
  last = {
    _name(root, member.name): member.offset
    for member, _ in _tar(root)
    if member.isreg()
  }
  wanted = {name: last[name] for name in names}
  for member, archive in _tar(root):
    name = _name(root, member.name)
    if member.isreg() and wanted.get(name) == member.offset:
      file: Any = archive.extractfile(member)
      yield name, file.read()


def _tar(root: str) -> Iterator[tuple[tarfile.TarInfo, tarfile.TarFile]]:
  """Yields all members in the order of the file, which a compressed one needs."""
  opened = _Bounded if root.lower().endswith(_ZIPPED_TAR) else open
  with opened(root, "rb") as file, tarfile.open(fileobj=file, mode="r:") as archive:
    known: Any = archive
    while (member := archive.next()) is not None:
      known.members.clear()  # else it keeps all of them
      yield member, archive
    # A header that is damaged, or missing, ends the iteration without a word.
    file.seek(archive.offset)
    if file.read(tarfile.BLOCKSIZE) != bytes(tarfile.BLOCKSIZE):
      raise tarfile.ReadError(f"no header and no end at byte {archive.offset:,}")


class _Bounded(gzip.GzipFile):
  """A compressed file of which no header can ask for more than fits into memory."""

  def read(self, size: int | None = -1) -> bytes:
    if size is None or not 0 <= size <= MOST_BYTES:
      raise tarfile.ReadError(f"a part of {size} bytes")
    return super().read(size)


def _name(root: str, stored: str) -> str:
  """Returns a member's name with / between its parts, '' for the root itself."""
  path = pathlib.PurePosixPath(stored.replace("\\", "/"))
  if path.is_absolute() or ".." in path.parts or ":" in stored[1:2]:
    raise UserError(
      f"{local.shown(root)}: the name {local.shown(stored)!r} leads out of the "
      "archive; pack it again with names below one folder"
    )
  return "" if path == pathlib.PurePosixPath() else str(path)


def _parents(names: Iterable[str]) -> set[str]:
  return {
    "/".join(parts[:depth])
    for parts in (name.split("/") for name in names)
    for depth in range(1, len(parts))
  }


def _is_left_behind(name: str) -> bool:
  return name.startswith(".") or name.lower() in _LEFT_BEHIND


def _too_many(root: str) -> UserError:
  return UserError(
    f"{local.shown(root)} holds more than {_MOST_FILES:,} files; choose a smaller "
    "folder or archive with --config.data.path=..."
  )
