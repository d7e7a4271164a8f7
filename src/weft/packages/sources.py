"""What a plugin comes as (a folder, a ``.py`` file, an archive), opened: its folder and its manifest.

Code that lies in a repository is not there yet: see ``checkout``. Blocking: for a thread.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from weft.errors import ManifestError, PackageError, Problem, StorageFailed, UsageError
from weft.manifest import Manifest, read_manifest, stored_source, values
from weft.manifest.rules import Invalid
from weft.packages.archives import kind_of, unpack


@dataclass(frozen=True)
class Source:
    """A plugin's folder, not yet stored, and its manifest. ``named``: the name was given, not read.

    ``note``: what its operator should know of how it was read; '' where there is nothing.
    """

    folder: Path
    manifest: Manifest
    named: bool
    note: str = ""


def open_source(path: Path, name: str | None, into: Path) -> Source:
    """The plugin at ``path``: a folder, where it lies; a ``.py`` file or an archive, below ``into``.

    ``name`` takes the place of the plugin's own. Raises ManifestError, PackageError (archives), UsageError (names),
    StorageFailed (a full disk).
    """
    if path.is_dir():
        return _read(path, path, name)
    if not path.exists():
        raise ManifestError([Problem(str(path), None, "", "does not exist")])
    try:
        return open_file(path, path.name, name, into)
    except FileNotFoundError as error:
        raise PackageError(f"{path}: went away while it was read") from error


def open_file(path: Path, filename: str, name: str | None, into: Path) -> Source:
    """An archive or a ``.py`` file, told by its bytes, below ``into``.

    ``filename`` may come from outside: only its stem is used, and only when it is a plugin's name. Raises as
    ``open_source`` does, and FileNotFoundError where the file has gone.
    """
    try:
        if kind_of(path) == "archive":
            folder = unpack(path, into)
            return _read(folder, stored_source(folder), name)
        folder = into / "source"
        folder.mkdir()
        target = folder / f"{_stem(filename, name)}.py"
        shutil.copyfile(path, target)
    except OSError as error:
        if isinstance(error, FileNotFoundError):
            raise
        raise StorageFailed(f"cannot keep {filename} in {into}: {error.strerror}") from error
    return _read(folder, target, name)


def stored_manifest(folder: Path, name: str) -> Manifest:
    """The manifest of a stored release. Raises ManifestError, StorageFailed."""
    with _readable(folder):
        return read_manifest(stored_source(folder), name=name)


def checked_name(name: str) -> str:
    """A plugin's name. Raises UsageError in GLoom's words."""
    if not name:
        raise UsageError("plugin name cannot be empty")
    try:
        return values.name(name)
    except Invalid as error:
        raise UsageError(f"invalid plugin name: {error}; use letters, digits, '_' and '-' only") from None


def _stem(filename: str, name: str | None) -> str:
    stem = PurePosixPath(filename.replace("\\", "/")).name.removesuffix(".py")
    try:
        return checked_name(stem)
    except UsageError:
        if name is None:
            raise
        return name


def _read(folder: Path, source: Path, name: str | None) -> Source:
    try:
        with _readable(source):
            return Source(folder, read_manifest(source, name=name), named=name is not None)
    except ManifestError as error:
        raise ManifestError([_relative(problem, folder) for problem in error.problems]) from None


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StorageFailed(f"the manifest of {path} could not be read: {error.strerror}") from error


def _relative(problem: Problem, folder: Path) -> Problem:
    """Problems name files as the author knows them, not where they were unpacked."""
    path = Path(problem.path)
    shown = str(path.relative_to(folder)) if path.is_relative_to(folder) and path != folder else path.name
    return Problem(shown, problem.line, problem.key, problem.message, problem.remedy)
