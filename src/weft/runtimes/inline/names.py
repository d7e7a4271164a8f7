"""Which top-level modules a plugin's files hold, and where they are searched. Nothing is imported."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from importlib.machinery import all_suffixes
from pathlib import Path

from weft.manifest.entry import ASIDE


@dataclass(frozen=True)
class Files:
    """A plugin's files: ``names`` of its top-level modules, and the folders that hold them, the first one first."""

    folder: Path
    places: tuple[Path, ...]
    names: frozenset[str]


def plugin_files(folder: Path, entry: str) -> Files:
    """What the folder and its ``src`` hold, or the one file that ``folder`` is.

    Tests, documentation and the like are no part of it, unless ``entry`` begins in them; nor are folders without
    ``__init__.py``, of which Python could make namespace packages, unless ``entry`` does.
    """
    if folder.is_file():
        return Files(folder.parent, (folder.parent,), frozenset({folder.stem}))
    places = tuple(place for place in (folder / "src", folder) if place.is_dir())
    found = {name for place in places for name in _names(place) if name not in ASIDE}
    first = entry.partition(":")[0].partition(".")[0]
    if first and any(_holds(place, first) for place in places):
        found.add(first)
    return Files(folder, places, frozenset(found))


def _names(place: Path) -> Iterator[str]:
    for path in sorted(place.iterdir()):
        name = path.name.partition(".")[0]
        if name.isidentifier() and not name.startswith("test_") and (_is_file(path, name) or _is_package(path)):
            yield name


def _is_file(path: Path, name: str) -> bool:
    return path.name[len(name) :] in all_suffixes() and path.is_file()


def _is_package(path: Path) -> bool:
    return any((path / f"__init__{suffix}").is_file() for suffix in all_suffixes())


def _holds(place: Path, name: str) -> bool:
    return (place / name).is_dir() or any((place / f"{name}{suffix}").is_file() for suffix in all_suffixes())
