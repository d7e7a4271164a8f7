"""Whether this interpreter can be a plugin's: pure checks of what its manifest requires against what is installed."""

from __future__ import annotations

import json
import platform
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from importlib.metadata import Distribution, PackageNotFoundError, distribution

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from weft.errors import EnvironmentFailed
from weft.manifest.model import Requires

Find = Callable[[str], Distribution | None]
"""The installed distribution of that name; None where there is none."""

_PROCESS = 'give it a process and packages of its own (runtime = "process")'


@dataclass(frozen=True)
class Miss:
    """A requirement that is not met: as pip takes it, whose extra brings it ('': the plugin's own), what is there."""

    required: str
    extra_of: str
    found: str

    def __str__(self) -> str:
        """In words."""
        why = f" (for {self.extra_of})" if self.extra_of else ""
        return f"{self.required}{why}: {self.found}"


def installed(name: str) -> Distribution | None:
    """What this interpreter has of that name."""
    try:
        return distribution(name)
    except PackageNotFoundError:
        return None


def check_interpreter(requires: Requires, *, plugin: str, python: str | None = None, find: Find = installed) -> None:
    """Raises EnvironmentFailed with everything that is missing: what is required, what was found, the remedy.

    Nothing is ever installed. ``python`` is the version that runs, ``find`` looks into what is installed.
    """
    running = python or platform.python_version()
    misses = list(_missing(map(Requirement, requires.packages), find))
    lines = [f"  {miss}" for miss in misses]
    remedy = f"pip install {' '.join(repr(miss.required) for miss in misses)} in the host, or {_PROCESS}"
    if requires.python and not SpecifierSet(requires.python).contains(running, prereleases=True):
        lines.insert(0, f"  Python {requires.python}: this is Python {running}")
        remedy = f"{_PROCESS}, or run the host on that Python"
    if lines:
        said = f"plugin {plugin} is inline, and this interpreter has not what it requires:"
        raise EnvironmentFailed("\n".join([said, *lines, remedy]))


def _missing(wanted: Iterable[Requirement], find: Find) -> Iterator[Miss]:
    """Every requirement that is not met; those that extras bring are looked at as well."""
    queue = [(each, "") for each in wanted if _applies(each)]
    seen = set()
    while queue:
        requirement, extra_of = queue.pop(0)
        required = str(requirement).partition(";")[0].strip()
        if required in seen:
            continue
        seen.add(required)
        found = find(requirement.name)
        if found is None:
            yield Miss(required, extra_of, "not installed")
        elif against := _against(requirement, found):
            yield Miss(required, extra_of, against)
        else:
            queue += [(each, required) for each in _brought(requirement, found)]


def _applies(requirement: Requirement, extra: str = "") -> bool:
    return requirement.marker is None or requirement.marker.evaluate({"extra": extra})


def _brought(requirement: Requirement, found: Distribution) -> Iterator[Requirement]:
    """What the extras of a requirement require besides, by the distribution's metadata."""
    needed = [Requirement(line) for line in found.requires or () if requirement.extras]
    for extra in sorted(requirement.extras):
        yield from (each for each in needed if _applies(each, extra) and not _applies(each))


def _against(requirement: Requirement, found: Distribution) -> str:
    """Why an installed distribution does not meet a requirement; '' where it does."""
    there = f"{found.version} is installed"
    if requirement.url is not None:
        origin = _origin(found)
        return "" if origin == requirement.url else f"{there}, from {origin or 'an index'}"
    if not requirement.specifier.contains(found.version, prereleases=True):
        return there
    known = {canonicalize_name(each) for each in found.metadata.get_all("Provides-Extra") or ()}
    unknown = sorted(each for each in requirement.extras if canonicalize_name(each) not in known)
    return f"{there}, which has no extra {', '.join(unknown)}" if unknown else ""


def _origin(found: Distribution) -> str:
    """The address that a distribution was installed from; '' where it came from an index."""
    return str(json.loads(found.read_text("direct_url.json") or "{}").get("url", ""))
