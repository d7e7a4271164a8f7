"""A folder with a ``pyproject.toml`` that has a ``[tool.weft]`` table."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from weft.errors import ManifestError
from weft.manifest.document import Document, read_text
from weft.manifest.entry import folder_entry
from weft.manifest.overlay import find, overlay
from weft.manifest.readers.reader import Reader
from weft.manifest.rules import Flaw, Key
from weft.manifest.toml import parse_toml

FILE = "pyproject.toml"
LOCKS = ("uv.lock", "pylock.toml")
PREFIX: Key = ("tool", "weft")
PLACES: dict[Key, Key] = {
    ("name",): ("project", "name"),
    ("version",): ("project", "version"),
    ("description",): ("project", "description"),
    ("authors",): ("project", "authors"),
    ("tags",): ("project", "keywords"),
    ("requires", "packages"): ("project", "dependencies"),
    ("requires", "python"): ("project", "requires-python"),
}
DYNAMIC: dict[str, Key] = {
    "version": ("version",),
    "dependencies": ("requires", "packages"),
    "requires-python": ("requires", "python"),
}
"""Keys of [project] that must be readable without building, and where ours may stand instead."""


def recognises(source: Path) -> bool:
    """Whether its ``[tool.weft]`` table is there, or would be if the file were valid."""
    path = source / FILE
    if not path.is_file():
        return False
    try:
        text = read_text(path)
    except ManifestError:
        return True
    try:
        return find(parse_toml(text, path)[0], PREFIX) is not None
    except ManifestError:
        return "weft" in text


def read(source: Path) -> Document:
    """[project] as it stands, with [tool.weft] over it and the lock beside it."""
    path = source / FILE
    parsed, lines = parse_toml(read_text(path), path)
    own = find(parsed, PREFIX)
    table, origins, flaws = overlay(own, parsed, PLACES | _license(parsed))
    return Document(
        path=path,
        form="pyproject",
        table=table,
        name=source.resolve().name,
        entry=partial(folder_entry, source),
        lock=next((source / name for name in LOCKS if (source / name).is_file()), None),
        lines=lines,
        prefix=PREFIX,
        origins=origins | {("dynamic",): ("project", "dynamic")},
        flaws=(*flaws, *_dynamic(parsed, own)),
    )


def _license(parsed: dict[str, Any]) -> dict[Key, Key]:
    """The licence is read where it is an expression; a file or a text is not for a list of plugins."""
    place: Key = ("project", "license")
    return {("license",): place} if isinstance(find(parsed, place), str) else {}


def _dynamic(parsed: dict[str, Any], own: Any) -> list[Flaw]:
    """What only a build could tell."""
    dynamic = find(parsed, ("project", "dynamic"))
    keys = [key for key in dynamic if isinstance(key, str)] if isinstance(dynamic, list) else []
    return [
        Flaw(f"{key} is dynamic, and a plugin is not built to be read", f"write {key} under [project]", ("dynamic",))
        for key in keys
        if key in DYNAMIC and find(own, DYNAMIC[key]) is None
    ]


READER = Reader("pyproject", recognises, recognises, read)
