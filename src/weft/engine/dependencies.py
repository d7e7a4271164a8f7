"""Plugins that require other plugins: what is missing, who needs whom, in which order. Pure.

Plugins are given as manifests by name. A version is compared as PEP 440 has it, which takes most of semver's spellings;
a pre-release that only semver has comes before the version that it leads to.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping
from graphlib import CycleError, TopologicalSorter

from packaging.specifiers import SpecifierSet
from packaging.version import InvalidVersion, Version

from weft.errors import Refused, UsageError
from weft.manifest.model import Manifest

Manifests = Mapping[str, Manifest]


def check_requirements(manifest: Manifest, present: Manifests) -> None:
    """Raises UsageError that names every plugin that ``manifest`` requires and that is not there, or not in range."""
    missing = [text for name, wanted in manifest.requires.plugins.items() if (text := _unmet(name, wanted, present))]
    if missing:
        raise UsageError(
            f"plugin {manifest.name} requires {' and '.join(missing)}: load what it requires first, or with it"
        )


def _unmet(name: str, wanted: str, present: Manifests) -> str:
    """Why a requirement is not met; '' where it is."""
    label = f"{name} {wanted}".rstrip()
    if name not in present:
        return f"{label}, which does not run"
    found = present[name].version
    return "" if in_range(found, wanted) else f"{label}, and {name} is {found}"


def in_range(version: str, wanted: str) -> bool:
    """Whether a version is within a range; '' is any. Pre-releases count: whoever loaded one meant it."""
    return SpecifierSet(wanted).contains(_comparable(version), prereleases=True)


def _comparable(version: str) -> Version:
    try:
        return Version(version)
    except InvalidVersion:  # semver's, such as 1.0.0-x.7 or 1.0.0+build--5
        core, _, _ = version.partition("+")
        release, dash, _ = core.partition("-")
        with contextlib.suppress(InvalidVersion):
            return Version(f"{release}.dev0" if dash else release)
        return Version("0.dev0")  # any text, as Stockpile has them: it is in no range but that of all


def check_dependents(manifest: Manifest, present: Manifests) -> None:
    """Raises Refused when a plugin that is there requires another version of ``manifest``'s; it names all."""
    ranges = {name: present[name].requires.plugins[manifest.name] for name in dependents(manifest.name, present)}
    broken = [f"{name} requires {wanted}" for name, wanted in ranges.items() if not in_range(manifest.version, wanted)]
    if broken:
        raise Refused(
            f"plugin {manifest.name} {manifest.version} is not what others need: {', '.join(broken)}; "
            "unload these first, and load their new versions after it"
        )


def check_unused(name: str, present: Manifests) -> None:
    """Raises Refused when plugins that are there require ``name``; it names all."""
    if needed := dependents(name, present):
        raise Refused(f"plugin {name} is required by {', '.join(needed)}: unload what requires it first")


def dependents(name: str, present: Manifests) -> list[str]:
    """Those that require ``name``, sorted; a plugin is none of its own."""
    return sorted(each for each, manifest in present.items() if name in manifest.requires.plugins and each != name)


def check_cycle(name: str, present: Manifests) -> None:
    """Raises UsageError with the whole circle when ``name`` is in one."""
    cycle = find_cycles(present).get(name)
    if cycle:
        raise UsageError(circular(cycle))


def circular(cycle: tuple[str, ...]) -> str:
    """A circle in words."""
    chain = ", which requires ".join([*cycle, cycle[0]])
    return f"plugin {chain}: none of them can be the first; take one of these requirements out"


def find_cycles(present: Manifests) -> dict[str, tuple[str, ...]]:
    """For each plugin in a circle that circle: each requires the next, the last the first; it begins with the plugin.

    Where circles share plugins, those that are left when the shared ones are gone are in none.
    """
    found: dict[str, tuple[str, ...]] = {}
    while cycle := _cycle({name: each for name, each in present.items() if name not in found}):
        found |= {name: (*cycle[at:], *cycle[:at]) for at, name in enumerate(cycle)}
    return found


def _cycle(present: Manifests) -> tuple[str, ...]:
    """One circle; () where there is none."""
    sorter = TopologicalSorter(requirements(present))
    try:
        sorter.prepare()
    except CycleError as error:
        return tuple(reversed(error.args[1][1:]))  # it lists each before what requires it, the first one twice
    return ()


def requirements(present: Manifests) -> dict[str, list[str]]:
    """For each plugin those of ``present`` that it requires, sorted."""
    return {name: sorted(each.requires.plugins.keys() & present.keys()) for name, each in present.items()}


def without(missing: Iterable[str], present: Manifests) -> dict[str, Manifest]:
    """Those of ``present`` that require none of ``missing``, nor anything that does."""
    left, gone = dict(present), {*missing}
    while gone:
        gone = {name for name, each in left.items() if not gone.isdisjoint(each.requires.plugins)}
        left = {name: each for name, each in left.items() if name not in gone}
    return left


def in_start_order(present: Manifests) -> list[str]:
    """Every name, each after those that it requires. There must be no circle."""
    return [*TopologicalSorter(requirements(present)).static_order()]
