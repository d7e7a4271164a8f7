"""Plugins that are installed in the host's interpreter: entry points, read from metadata. Nothing is imported."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import Distribution, EntryPoint, PackageMetadata, entry_points
from pathlib import Path
from typing import Any

from packaging.requirements import InvalidRequirement, Requirement

from weft.manifest.document import Document
from weft.manifest.model import Manifest
from weft.manifest.reading import checked

GROUP = "weft.plugins"
_LONGEST_LICENCE = 200
"""Characters; older metadata may have the licence's whole text where its name should stand."""


def find_installed(group: str = GROUP) -> list[EntryPoint]:
    """The entry points of that group, by name: ``name = module:attribute``. One distribution may have several."""
    return sorted(entry_points(group=group), key=lambda each: (each.name, each.value))


def read_installed(point: EntryPoint, *, name: str | None = None) -> Manifest:
    """The manifest of one: its name is the entry point's (or ``name``), the rest its distribution's metadata.

    ``requires.packages`` are what was installed along with it. Raises ManifestError with every problem.
    """
    assert point.dist is not None, "entry points that importlib.metadata finds have one"
    metadata = point.dist.metadata
    entry, _, extras = "".join(point.value.split()).partition("[")
    table = {
        "name": point.name,
        "version": point.dist.version,
        "description": _field(metadata, "Summary"),
        "authors": list(_authors(metadata)),
        "homepage": _homepage(metadata),
        "license": _license(metadata),
        "tags": [word for each in _field(metadata, "Keywords").split(",") if (word := each.strip())],
        "entry": entry,
        "runtime": "inline",
        "requires": _requires(point.dist, extras.rstrip("]").split(",")),
    }
    known = {key: value for key, value in table.items() if value}
    return checked(Document(path=_file(point), form="installed", table=known, name=point.name), name)


def installed_folder(point: EntryPoint) -> Path:
    """Where its distribution is installed: the folder that holds its modules, and others'."""
    return Path(str(point.dist.locate_file(""))) if point.dist is not None else Path()


def _file(point: EntryPoint) -> Path:
    """What problems name."""
    own = [each for each in (point.dist.files if point.dist is not None else None) or () if each.name == "METADATA"]
    return Path(str(own[0].locate())) if own else installed_folder(point)


def _field(metadata: PackageMetadata, key: str) -> str:
    """The first of that name; '' where there is none, or, as older tools write it, it is unknown."""
    found = next(iter(metadata.get_all(key) or ()), "")
    return "" if found == "UNKNOWN" else found


def _authors(metadata: PackageMetadata) -> Iterator[str]:
    for key in ("Author", "Author-email"):
        yield from (found for each in _field(metadata, key).split(",") if (found := each.strip()))


def _homepage(metadata: PackageMetadata) -> str:
    urls = [each.partition(",") for each in metadata.get_all("Project-URL") or ()]
    named = [url.strip() for label, _, url in urls if label.strip().lower() in ("homepage", "home", "home-page")]
    return _field(metadata, "Home-page") or next(iter(named), "")


def _license(metadata: PackageMetadata) -> str:
    found = _field(metadata, "License-Expression") or _field(metadata, "License")
    return "" if "\n" in found or len(found) > _LONGEST_LICENCE else found


def _requires(distribution: Distribution, extras: list[str]) -> dict[str, Any]:
    """What it needs here; what only an extra brings is no part of it, unless the entry point names the extra."""
    packages = [line for line in distribution.requires or () if _applies(line, ["", *extras])]
    python = _field(distribution.metadata, "Requires-Python")
    return {"packages": packages} | ({"python": python} if python else {})


def _applies(line: str, extras: list[str]) -> bool:
    try:
        marker = Requirement(line).marker
    except InvalidRequirement:
        return True  # a problem, which the check of the manifest tells
    return marker is None or any(marker.evaluate({"extra": extra}) for extra in extras)
