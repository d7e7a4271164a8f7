"""What arrives, or is named by the operator, as a plugin's folder and its manifest. Blocking: for a thread."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from weft.errors import ManifestError, PackageError, Problem, StorageFailed, UsageError
from weft.manifest import Manifest, read_manifest, stored_source
from weft.packages.archives import kind_of, unpack
from weft.server.domains import checked_name


@dataclass(frozen=True, kw_only=True)
class Upload:
    """A deployment as it arrives. ``path`` is the archive or ``.py`` file; it must stay until ``deploy`` returns.

    ``name`` and ``domains``: None where the plugin says. ``config`` and ``env`` are added to what the plugin's
    earlier releases were given; ``config_file`` is JSON or TOML, under ``config``. ``spare_preloaded``: be refused
    where the operator named the plugin.
    """

    path: Path
    filename: str = ""
    name: str | None = None
    domains: tuple[str, ...] | None = None
    config: Mapping[str, Any] = field(default_factory=dict)
    env: Mapping[str, str] = field(default_factory=dict, repr=False)
    allow: tuple[str, ...] = ()
    config_file: bytes | None = field(default=None, repr=False)
    spare_preloaded: bool = False


@dataclass(frozen=True)
class Source:
    """A plugin's folder, not yet stored, and its manifest. ``named``: the name was given, not read."""

    folder: Path
    manifest: Manifest
    named: bool


def open_upload(upload: Upload, into: Path) -> Source:
    """Unpack an upload below ``into`` and read its manifest; what it is, is told by its bytes.

    Raises UsageError (names), PackageError (archives), ManifestError, StorageFailed (a full disk).
    """
    if upload.name is not None:
        checked_name(upload.name)
    try:
        return _opened(upload.path, upload.filename or upload.path.name, upload.name, into)
    except FileNotFoundError as error:
        raise PackageError(f"the upload {upload.filename} is gone: it was cut before it was read") from error


def open_named(path: Path, name: str | None, into: Path) -> Source:
    """A plugin that the operator named: a folder, a ``.py`` file, or an archive. Raises as ``open_upload`` does."""
    if path.is_dir():
        return _read(path, path, name)
    if not path.exists():
        raise ManifestError([Problem(str(path), None, "", "does not exist")])
    return _opened(path, path.name, name, into)


def _opened(path: Path, filename: str, name: str | None, into: Path) -> Source:
    """``filename`` comes from outside: only its stem is used, and only when it is a plugin's name."""
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
        raise StorageFailed(f"cannot keep the upload {filename} in {into}: {error.strerror}") from error
    return _read(folder, target, name)


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
        return Source(folder, read_manifest(source, name=name), named=name is not None)
    except ManifestError as error:
        raise ManifestError([_relative(problem, folder) for problem in error.problems]) from None


def _relative(problem: Problem, folder: Path) -> Problem:
    """Problems name files as the author knows them, not where the server has unpacked them."""
    path = Path(problem.path)
    shown = str(path.relative_to(folder)) if path.is_relative_to(folder) and path != folder else path.name
    return Problem(shown, problem.line, problem.key, problem.message, problem.remedy)


def stored_manifest(folder: Path, name: str) -> Manifest:
    """The manifest of a stored release."""
    return read_manifest(stored_source(folder), name=name)
