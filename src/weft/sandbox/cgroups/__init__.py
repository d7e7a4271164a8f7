"""Limits that the kernel keeps: cgroups of version 1 or 2, as root or by delegation, where they can be had."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from weft.sandbox.cgroups.cgroup import VERSIONS, Cgroup, Part
from weft.sandbox.cgroups.figures import CONTROLLERS, Hits, Usage
from weft.sandbox.cgroups.files import read, write
from weft.sandbox.cgroups.hosts import Host
from weft.sandbox.cgroups.killing import kill_all, remove
from weft.sandbox.cgroups.places import Ground, Place, survey

__all__ = ["Cgroup", "Cgroups", "Hits", "Usage"]

_NEVER_HERE = "/\0\n"
"""Characters that no name of a cgroup has."""


class Cgroups:
    """The cgroups of this host. Every method blocks, for milliseconds: none is for the event loop.

    ``missing``: limit (``memory``, ``cpu``, ``processes``) → why the kernel will not keep it here.
    """

    def __init__(self, ground: Ground) -> None:
        self._places = ground.places
        self._opened = False
        self.missing = ground.missing

    @classmethod
    def find(cls, proc: Path = Path("/proc")) -> Cgroups:
        """See what this process may use, changing nothing. ``proc``: where its files are read from."""
        return cls(survey(proc, os.getpid()))

    @property
    def limits(self) -> frozenset[str]:
        """What the kernel will keep."""
        return frozenset(CONTROLLERS).difference(self.missing)

    @property
    def description(self) -> str:
        """Which version, and below which cgroups; '' where there are none."""
        return ", ".join(f"cgroup v{place.version} at {place.folder}" for place in self._places)

    def open(self) -> None:
        """Make what the cgroups of instances lie in, before this process starts its first child. Raises OSError.

        Where the host is alone in the cgroup that is delegated to it, it moves to a leaf below: version 2 limits
        no children of a cgroup with processes.
        """
        host = Host.this()
        for place in self._places:
            _open(place, host)
        self._opened = True

    def make(self, name: str, *, memory: int, cpu: float | None, processes: int) -> Cgroup | None:
        """A cgroup for one instance: bytes, cores (None: as many as there are), processes (each of 16 threads).

        ``name`` is one component of a path, and new. None where there are no cgroups. Raises OSError; then nothing
        is left.
        """
        if not name.strip(".") or set(name) & set(_NEVER_HERE):
            raise ValueError(f"{name!r} cannot name a cgroup: it takes one component of a path")
        if not self._places:
            return None
        if not self._opened:
            self.open()
        host = Host.this()
        parts = [Part(place.version, place.folder / host.name / name, place.controllers) for place in self._places]
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

    def warm(self) -> None:
        """Wait for the kernel once, so that whatever is added within the next 10 ms is added at once.

        Moving a process is exclusive with starting one, and the kernel waits for all cores (an RCU grace period,
        7 to 15 ms) before the first move of several. Done beside the start of a process, it costs nothing.
        """
        for place in self._places[:1]:
            with suppress(OSError):
                own = place.folder / Host.this().leaf if place.alone else place.own
                write(own / "cgroup.procs", "0")  # into the cgroup that it is in

    def sweep(self, within: float = 5.0) -> list[str]:
        """Remove what hosts that were killed left behind, and end what still runs in there; returns its names.

        Raises TimeoutError or OSError where something cannot be removed.
        """
        swept = []
        for place in self._places:
            for folder in sorted(place.folder.iterdir()):
                host = Host.named(folder.name)
                if host is not None and host.gone:
                    _sweep(folder, host, within)
                    swept.append(folder.name)
        return sorted(set(swept))

    def close(self, within: float = 5.0) -> None:
        """Remove what ``open`` made; the cgroups of instances are removed before. Raises OSError."""
        host = Host.this()
        for place in self._places:
            remove(place.folder / host.name, within)
        self._opened = False


def _open(place: Place, host: Host) -> None:
    terms = VERSIONS[place.version]
    shared = Part(place.version, place.folder / host.name, place.controllers)
    if place.version == 2:
        if place.alone:
            leaf = place.folder / host.leaf
            leaf.mkdir(exist_ok=True)
            write(leaf / "cgroup.procs", str(host.pid))
        _hand_down(place.folder, place.controllers)
    shared.folder.mkdir(exist_ok=True)
    if place.version == 2:
        _hand_down(shared.folder, place.controllers)
    shared.set(terms.shared())


def _hand_down(folder: Path, controllers: frozenset[str]) -> None:
    """Let the children of a cgroup of version 2 have these controllers."""
    path = folder / "cgroup.subtree_control"
    if new := controllers - set(read(path).split()):
        write(path, " ".join(f"+{name}" for name in sorted(new)))


def _sweep(folder: Path, host: Host, within: float) -> None:
    if folder.name == host.leaf:
        with suppress(OSError):  # what runs in there was none of the plugins
            folder.rmdir()
        return
    kill_all(folder, within)
    remove(folder, within)
