"""Where a host may make cgroups, and for what it may not, why not. Nothing is changed here."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from weft.sandbox.cgroups.figures import CONTROLLERS
from weft.sandbox.cgroups.files import read
from weft.sandbox.cgroups.hosts import is_leaf
from weft.sandbox.cgroups.mounts import UNIFIED, Mount, parse_membership, parse_mounts, seen_at

_COUNTERS = frozenset({"cpuacct"})
"""Controllers of version 1 that limit nothing, and count what is of use."""


@dataclass(frozen=True)
class Place:
    """One hierarchy in which a host may make cgroups, below ``folder``."""

    version: int
    folder: Path
    own: Path
    """The cgroup that the host is in."""
    controllers: frozenset[str]
    alone: bool = False
    """The host is the only process of ``folder``, and has to move to a leaf before that can have limited children."""


@dataclass(frozen=True)
class Ground:
    """What ``survey`` found: the places, and limit → why no place keeps it."""

    places: tuple[Place, ...]
    missing: dict[str, str]


class Unusable(Exception):  # noqa: N818 # it says what a place is
    """Why a cgroup can have no children with limits, in words."""


def survey(proc: Path, pid: int) -> Ground:
    """Look for places for the process ``pid``, whose files in ``proc`` these are."""
    try:
        mounts = parse_mounts((proc / "self/mountinfo").read_text())
        paths = parse_membership((proc / "self/cgroup").read_text())
    except OSError:
        return Ground((), dict.fromkeys(CONTROLLERS, "this system has no cgroups"))
    reasons: dict[str, str] = {}
    places = list(_places(mounts, paths, pid, reasons))
    kept = {name for place in places for name in place.controllers}
    missing = {limit: name for limit, name in CONTROLLERS.items() if name not in kept}
    default = reasons.get(UNIFIED, "no cgroup controller of that name is mounted")
    return Ground(tuple(places), {limit: reasons.get(name, f"{name}: {default}") for limit, name in missing.items()})


def _places(mounts: list[Mount], paths: dict[str, str], pid: int, reasons: dict[str, str]) -> Iterator[Place]:
    """One place for each hierarchy that is of use; ``reasons`` gets a line for each that would be, and cannot."""
    wanted = {*CONTROLLERS.values(), *_COUNTERS}
    for mount in mounts:
        names = wanted & mount.controllers
        if mount.version == 1 and not names:
            continue
        path = paths.get(min(names) if names else UNIFIED)
        own = seen_at(mount, path) if path is not None else None
        if own is None:
            continue
        try:
            place = _first(own, names) if mount.version == 1 else _second(own, pid)
        except Unusable as why:
            reasons.update({name: f"{name}: {why}" for name in names} or {UNIFIED: str(why)})
            continue
        if place.version == 2:
            lacking = f"not among the controllers of {place.folder} (systemd: Delegate=yes)"
            reasons.update({name: f"{name}: {lacking}" for name in wanted - place.controllers})
        wanted -= place.controllers
        if place.controllers:
            yield place


def _first(own: Path, names: set[str]) -> Place:
    """In version 1, cgroups with processes may have children: they go below the host's own."""
    _check_writable(own)
    return Place(1, own, own, frozenset(names))


def _second(own: Path, pid: int) -> Place:
    """In version 2, a cgroup with processes has no children with limits, except for the root."""
    alone = False
    folder = own
    if (own / "cgroup.type").exists():
        beside = is_leaf(own.name) or _delegated(own.parent)
        folder = own.parent if beside else own
        alone = not beside
    _check_writable(folder)
    _check_domain(folder, {pid} if alone else set())
    controllers = frozenset(read(folder / "cgroup.controllers").split()) & set(CONTROLLERS.values())
    if not controllers:
        raise Unusable(f"{folder} has none of the controllers memory, cpu and pids (systemd: Delegate=yes)")
    return Place(2, folder, own, controllers, alone)


def _delegated(folder: Path) -> bool:
    """Whether the service manager says that what is below ``folder`` is left to its owner (systemd: Delegate=)."""
    for name in ("trusted.delegate", "user.delegate"):
        with suppress(OSError):
            if os.getxattr(folder, name) == b"1":
                return True
    return False


def _check_writable(folder: Path) -> None:
    if not folder.is_dir():
        raise Unusable(f"{folder} is not there")
    if os.statvfs(folder).f_flag & os.ST_RDONLY:
        raise Unusable(f"{folder} is mounted read-only")
    if not all(os.access(path, os.W_OK, effective_ids=True) for path in (folder, folder / "cgroup.procs")):
        raise Unusable(
            f"{folder} belongs to the user {folder.stat().st_uid}, and this one is {os.geteuid()}: "
            "run the host as root, or as a service that the cgroup is delegated to (systemd: Delegate=yes)"
        )


def _check_domain(folder: Path, allowed: set[int]) -> None:
    kind = read(folder / "cgroup.type").strip()
    if kind not in ("", "domain"):
        raise Unusable(f"{folder} is {kind}, and limits of memory need a domain")
    others = {int(pid) for pid in read(folder / "cgroup.procs").split()} - allowed
    if kind and others:
        raise Unusable(
            f"{folder} holds {len(others)} other processes, so that it can have no children with limits: run the host "
            "in a cgroup of its own (a service with Delegate=yes, or systemd-run --scope -p Delegate=yes weft serve)"
        )
