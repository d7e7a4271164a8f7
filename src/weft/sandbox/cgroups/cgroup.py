"""One cgroup: in version 2 one folder, in version 1 one folder in each hierarchy."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import TypeVar

from weft.sandbox.cgroups import v1, v2
from weft.sandbox.cgroups.figures import CONTROLLERS, Hits, Setting, Usage
from weft.sandbox.cgroups.files import keyed, members, read, write
from weft.sandbox.cgroups.killing import kill_all, remove

VERSIONS: dict[int, ModuleType] = {1: v1, 2: v2}
T = TypeVar("T")


@dataclass(frozen=True)
class Part:
    """A cgroup's folder in one hierarchy."""

    version: int
    folder: Path
    controllers: frozenset[str]

    @property
    def terms(self) -> ModuleType:
        """The words of its version."""
        return VERSIONS[self.version]

    def read(self, file: str) -> str:
        """See files.Reader."""
        return read(f"{self.folder}/{file}")

    def make(self, settings: Iterable[Setting]) -> None:
        """Make the folder and write those settings that its controllers keep. Raises OSError."""
        self.folder.mkdir()
        self.set(settings)

    def set(self, settings: Iterable[Setting]) -> None:
        """Write those settings that its controllers keep. Raises OSError."""
        for each in settings:
            path = self.folder / each.file
            if CONTROLLERS[each.limit] in self.controllers and (each.required or path.exists()):
                write(path, each.value)


@dataclass(frozen=True)
class Ways:
    """Descriptors by which a process that may open no file of a cgroup gets into it, and frees it of a bound.

    ``entrances``: writing ``0`` to each of them puts the writer into it, and all that it starts from then on.
    ``bound``: writing ``unbound`` to it takes the bound of CPU time away; None: there is no such bound.
    """

    entrances: tuple[int, ...] = ()
    bound: int | None = None
    unbound: str = ""


class Cgroup:
    """What holds one instance to its limits. Every method blocks, for milliseconds: none is for the event loop.

    ``name``: as it was made. ``limits``: those that the kernel keeps here, of ``memory``, ``cpu`` and ``processes``.
    """

    def __init__(self, name: str, parts: Sequence[Part], limits: Collection[str]) -> None:
        self.name = name
        # The one that can forbid new processes comes first: it is emptied first.
        self._parts = tuple(sorted(parts, key=lambda part: "pids" not in part.controllers))
        self._by = {controller: part for part in self._parts for controller in part.controllers}
        self.limits = frozenset(limit for limit in limits if CONTROLLERS[limit] in self._by)

    def version(self, limit: str) -> int:
        """Of the hierarchy that keeps one of ``limits``."""
        return self._by[CONTROLLERS[limit]].version

    @contextmanager
    def ways(self) -> Iterator[Ways]:
        """Open as long as the context. Raises OSError."""
        with ExitStack() as opened:

            def opening(folder: Path, file: str) -> int:
                descriptor = os.open(folder / file, os.O_WRONLY | os.O_CLOEXEC)
                opened.callback(os.close, descriptor)
                return descriptor

            entrances = tuple(opening(part.folder, part.terms.ENTRANCE) for part in self._parts)
            if "cpu" not in self.limits:
                yield Ways(entrances)
                return
            part = self._by["cpu"]
            yield Ways(entrances, opening(part.folder, part.terms.UNBOUND.file), part.terms.UNBOUND.value)

    def usage(self) -> Usage:
        """What its processes use and used. Nothing is known once it is removed. Raises OSError."""
        now, peak = self._ask("memory", lambda part: part.terms.memory(part.read)) or (None, None)
        counter = "cpuacct" if "cpuacct" in self._by else "cpu"
        cpu = self._ask(counter, lambda part: part.terms.cpu(part.read))
        return Usage(memory=now, peak=peak, cpu=cpu, processes=len(members(self._parts[0].folder)))

    def hits(self) -> Hits:
        """How often it reached its limits; nothing once it is removed. Raises OSError."""
        memory, killed = self._ask("memory", lambda part: part.terms.memory_hits(part.read)) or (0, 0)
        refused = self._ask("pids", lambda part: keyed(part.read("pids.events"), "max")) or 0
        throttled = self._ask("cpu", lambda part: part.terms.throttled(part.read)) if "cpu" in self.limits else None
        return Hits(memory, killed, refused, throttled or 0.0)

    def kill(self, within: float = 5.0) -> None:
        """End all its processes. Blocks for ``within`` seconds at most; then raises TimeoutError."""
        for part in self._parts:
            kill_all(part.folder, within)

    def remove(self, within: float = 5.0) -> None:
        """Remove it, once its processes have ended. Blocks for ``within`` seconds at most; then raises OSError."""
        for part in self._parts:
            remove(part.folder, within)

    def _ask(self, controller: str, question: Callable[[Part], T]) -> T | None:
        part = self._by.get(controller)
        return None if part is None else question(part)
