"""Limits that the kernel keeps: cgroups of version 1 or 2, as root or by delegation, where they can be had."""

from __future__ import annotations

import logging
import os
import threading
from contextlib import suppress
from pathlib import Path

from weft.sandbox.cgroups.cgroup import Cgroup, Part, Ways
from weft.sandbox.cgroups.figures import CONTROLLERS, Hits, Usage
from weft.sandbox.cgroups.files import members, read, write
from weft.sandbox.cgroups.hosts import Host
from weft.sandbox.cgroups.killing import kill_all, remove
from weft.sandbox.cgroups.places import Ground, Place, survey

logger = logging.getLogger("weft")

__all__ = ["Cgroup", "Cgroups", "Hits", "Usage", "Ways"]

_NEVER_HERE = "/\0\n"
"""Characters that no name of a cgroup has."""


class Cgroups:
    """The cgroups of this host. Every method blocks, for milliseconds: none is for the event loop.

    ``missing``: limit (``memory``, ``cpu``, ``processes``) → why the kernel will not keep it here.
    """

    def __init__(self, ground: Ground) -> None:
        self._places = ground.places
        self._opening = threading.Lock()
        self._above = ""
        self.missing = ground.missing

    @classmethod
    def find(cls, proc: Path = Path("/proc")) -> Cgroups:
        """See what this process may use, changing nothing. ``proc``: where its files are read from."""
        return cls(survey(proc, os.getpid()))

    @classmethod
    def none(cls, why: str) -> Cgroups:
        """Of a host that can have none."""
        return cls(Ground((), dict.fromkeys(CONTROLLERS, why)))

    @property
    def limits(self) -> frozenset[str]:
        """What the kernel will keep."""
        return frozenset(CONTROLLERS).difference(self.missing)

    @property
    def description(self) -> str:
        """Which version, and below which cgroups; '' where there are none."""
        return ", ".join(f"cgroup v{place.version} at {place.folder}" for place in self._places)

    def open(self) -> str:
        """Make what the cgroups of instances lie in, before this process starts its first child; returns its name.

        Where the host is alone in the cgroup that is delegated to it, it moves to a leaf below: version 2 limits
        no children of a cgroup with processes. Raises OSError.
        """
        with self._opening:
            if self._places and not self._above:
                host = Host.this()
                for place in self._places:
                    _prepare(place, host)
                self._above = _claim(self._places, host)
            return self._above

    def make(self, name: str, *, memory: int, cpu: float | None, processes: int) -> Cgroup | None:
        """A cgroup for one instance: bytes, cores (None: as many as there are), processes (each of 16 threads).

        ``name`` is one component of a path, and new. None where there are no cgroups. Raises OSError; then nothing
        is left.
        """
        if not name.strip(".") or set(name) & set(_NEVER_HERE):
            raise ValueError(f"{name!r} cannot name a cgroup: it takes one component of a path")
        if not self._places:
            return None
        above = self.open()
        parts = [Part(place.version, place.folder / above / name, place.controllers) for place in self._places]
        made: list[Part] = []
        try:
            for part in parts:
                made.append(part)
                part.make(part.terms.settings(memory, cpu, processes))
        except OSError as error:
            for part in made if not isinstance(error, FileExistsError) else made[:-1]:
                remove(part.folder, 1.0)
            raise
        return Cgroup(name, parts, {"memory", "processes"} if cpu is None else CONTROLLERS)

    def sweep(self, within: float = 5.0) -> list[str]:
        """Remove what killed hosts of this user left behind, and end what still runs in there; returns its names.

        What cannot be removed within ``within`` seconds is logged, and left for the next time.
        """
        left = [each for place in self._places for each in place.folder.iterdir()]
        swept = set()
        for folder in left:
            host = Host.named(folder.name)
            if host is not None and _ours(folder) and host.gone and _sweep(folder, host, within):
                swept.add(folder.name)
        return sorted(swept)

    def close(self, within: float = 5.0) -> None:
        """Remove what ``open`` made; the processes in it have ended before. Raises OSError."""
        with self._opening:
            for place in self._places if self._above else ():
                remove(place.folder / self._above, within)
            self._above = ""


def _prepare(place: Place, host: Host) -> None:
    if place.alone:
        leaf = place.folder / host.leaf
        leaf.mkdir(exist_ok=True)
        write(leaf / "cgroup.procs", str(host.pid))
    if place.version == 2:
        _hand_down(place.folder, place.controllers)


def _claim(places: tuple[Place, ...], host: Host) -> str:
    """Make the folder above those of instances in each hierarchy, by a name that no other host of this process has."""
    number = 0
    while (places[0].folder / host.above(number)).exists():
        number += 1
    for place in places:
        part = Part(place.version, place.folder / host.above(number), place.controllers)
        part.make(())
        if part.version == 2:
            _hand_down(part.folder, part.controllers)
        part.set(part.terms.shared())
    return host.above(number)


def _hand_down(folder: Path, controllers: frozenset[str]) -> None:
    """Let the children of a cgroup of version 2 have these controllers."""
    path = folder / "cgroup.subtree_control"
    if new := controllers - set(read(path).split()):
        write(path, " ".join(f"+{name}" for name in sorted(new)))


def _ours(folder: Path) -> bool:
    """Whether this user made it: of others' processes the kernel may not tell, and they sweep their own."""
    with suppress(FileNotFoundError):
        return folder.stat().st_uid == os.geteuid()
    return False


def _sweep(folder: Path, host: Host, within: float) -> bool:
    try:
        if folder.name == host.leaf:
            if members(folder):  # of the application that the host was part of: none of the plugins
                return False
        else:
            kill_all(folder, within)
        remove(folder, within)
    except OSError as error:  # TimeoutError is one
        logger.warning("%s, left by a host that was killed, cannot be removed: %s", folder, error)
        return False
    return True
