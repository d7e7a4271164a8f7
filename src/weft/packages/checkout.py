"""A plugin whose ``plugin.json`` names a repository, as the folder that it amounts to."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, ParamSpec, Protocol, TypeVar

from weft.errors import ManifestError, PackageError
from weft.manifest import Manifest, own_manifest, read_manifest
from weft.manifest.document import read_text
from weft.manifest.entry import folder_entry
from weft.manifest.json import parse_json
from weft.packages.git import fetch
from weft.packages.programs import quiet
from weft.packages.sources import Source
from weft.packages.tree import walk
from weft.packages.uv import without_credentials
from weft.types import Progress

FILE = "plugin.json"
AT_ONCE = 4
"""Repositories that are fetched at the same time."""
T = TypeVar("T")
P = ParamSpec("P")


class Read(Protocol):
    """``await read(function, *args)``: what a function that reads a plugin's files returns, in a thread."""

    def __call__(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> Awaitable[T]:
        """See the class."""


class Checkouts:
    """Fetches the code of plugins; whoever reads files with ``read`` meanwhile does not wait for it."""

    def __init__(self, read: Read) -> None:
        self._read = read
        self._slots = asyncio.Semaphore(AT_ONCE)

    async def complete(self, source: Source, into: Path, progress: Progress = quiet) -> Source:
        """The plugin with its code, below ``into`` where that lies in a repository; else as it is.

        Raises PackageError and ManifestError.
        """
        git = source.manifest.git
        if git is None:
            return source
        target = into / "checkout" / source.manifest.name
        async with self._slots:
            progress(f"fetching {without_credentials(git.url)} {git.ref}".rstrip())
            commit = await fetch(git, target)
        found = await self._read(_checked_out, source, target, commit)
        if found.note:
            progress(found.note)
        return found


def _checked_out(source: Source, checkout: Path, commit: str) -> Source:
    """The repository's files under the ``plugin.json`` of ``source``, unless they say themselves what they are."""
    assert source.manifest.git is not None, "it was fetched"
    where = f"repository {without_credentials(source.manifest.git.url)}"
    try:
        walk(checkout)  # before anything is read: links may lead out of it
        if own := own_manifest(checkout):
            _check_unrouted(source.manifest, own)
        else:
            _describe(source, checkout, commit)
        manifest = read_manifest(checkout, name=source.manifest.name)
    except (ManifestError, PackageError) as error:
        raise PackageError(f"{where}: {error}") from error
    told = f"{where}: its {own} says what the plugin is, and {FILE} gives its name alone: version {manifest.version}"
    return replace(source, folder=checkout, manifest=manifest, note=told if own else "")


def _check_unrouted(manifest: Manifest, own: str) -> None:
    """A repository that is a plugin of ours says itself what it serves."""
    if manifest.http_services is not None:
        raise PackageError(
            f"its {own} says what the plugin is, and http_services of {FILE} would not be served: take them out, or "
            "that out of the repository"
        )


def _describe(source: Source, checkout: Path, commit: str) -> None:
    """Write ``plugin.json`` into the checkout, with the code that the repository's own one names, or its one module."""
    code = {"mode": "local_so", "path": _path(checkout, source.manifest.name), "commit": commit}
    outer = {key: value for key, value in _object(source.folder / FILE).items() if key.casefold() != "source"}
    (checkout / FILE).unlink(missing_ok=True)  # it may be a link
    (checkout / FILE).write_text(json.dumps({**outer, "source": code}, indent=2) + "\n", encoding="utf-8")


def _path(checkout: Path, name: str) -> str:
    if (checkout / FILE).is_file():
        source = next((value for key, value in _object(checkout / FILE).items() if key.casefold() == "source"), None)
        inner = {key.casefold(): value for key, value in source.items()} if isinstance(source, dict) else {}
        if inner.get("mode") == "local_so":
            return str(inner.get("path", ""))
    entry = folder_entry(checkout)
    module = entry.partition(":")[0] if entry else name
    places = [Path(root, file) for root in ("", "src") for file in (f"{module}.py", module)]
    found = next((place for place in places if (checkout / place).exists()), None)
    if found is None:
        raise PackageError(f"it has not exactly one module or package: name one in a {FILE} of its own")
    return str(found)


def _object(path: Path) -> dict[str, Any]:
    value, _ = parse_json(read_text(path), path)
    return value if isinstance(value, dict) else {}
