"""Holds instances to their limits: by a cgroup each where the kernel has them, else by watching what they use."""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from weft.runtimes.launch import Exceeded, Launch
from weft.sandbox.cgroups import Cgroup, Cgroups, Hits
from weft.sandbox.level import NOT, Report
from weft.sandbox.limits import Allowed, LimitHit, held
from weft.sandbox.machine import unwatched
from weft.sandbox.watcher import Watcher

logger = logging.getLogger("weft.runtimes.process")


class Hold:
    """What holds one instance. ``hit(limit)`` is called with each limit that it runs into.

    ``exceeded``: the limit that it is ended for. ``peak``: the most memory that it used, in bytes; None: not known.
    """

    def __init__(self, allowed: Allowed, hit: Callable[[LimitHit], None]) -> None:
        self.allowed = allowed
        self.hit = hit
        self.exceeded: Exceeded | None = None
        self.peak: int | None = None
        self.cgroup: Cgroup | None = None
        self.missing = ""
        """Why there is no cgroup, although this host has them."""

    def used_most(self) -> int | None:
        """Bytes of memory, so far; None where nobody counts. Blocks."""
        with suppress(OSError):
            return self.cgroup.usage().peak if self.cgroup is not None else None
        return None

    def take_stock(self) -> list[LimitHit]:
        """Before its cgroup goes: which limits ended it, as that counted. Blocks."""
        if self.cgroup is None:
            return []
        try:
            self.peak = self.cgroup.usage().peak
            return [hit for hit in held(Hits(), self.cgroup.hits(), self.allowed) if hit.ends]
        except OSError as error:
            logger.warning("cgroup %s cannot be read: %s", self.cgroup.name, error)
            return []


class Holding:
    """All holds of one host."""

    def __init__(self) -> None:
        self._opening = asyncio.Lock()
        self._cgroups: Cgroups | None = None
        self._watcher: Watcher[Hold] = Watcher(self._on_hit)
        self._watching: asyncio.Task[None] | None = None
        self._holds: set[Hold] = set()
        self._numbers = itertools.count(1)

    async def prepare(self) -> None:
        """To be awaited beside the start of a process: what holding it takes of time is then spent already."""
        async with self._opening:
            if self._cgroups is None:
                self._cgroups = await asyncio.to_thread(_open)
        await asyncio.to_thread(self._cgroups.warm)

    async def hold(self, launch: Launch, pid: int, hit: Callable[[LimitHit], None]) -> Hold:
        """Hold the process ``pid``, which is to run nothing of the plugin before, and all that it starts."""
        limits = launch.limits
        hold = Hold(Allowed(limits.memory, limits.processes, limits.disk, limits.cpu), hit)
        await asyncio.to_thread(self._place, hold, f"{launch.name}-{next(self._numbers)}", pid)
        keeper = await asyncio.to_thread(_parent, pid)
        self._watcher.watch(hold, pid, hold.allowed, keeper=keeper, folder=launch.data_dir, cgroup=hold.cgroup)
        self._holds.add(hold)
        if self._watching is None:
            self._watching = asyncio.create_task(self._watcher.run())
            self._watching.add_done_callback(_told)
        return hold

    def _place(self, hold: Hold, name: str, pid: int) -> None:
        assert self._cgroups is not None
        allowed = hold.allowed
        try:
            hold.cgroup = self._cgroups.make(name, memory=allowed.memory, cpu=allowed.cpu, processes=allowed.processes)
            if hold.cgroup is not None:
                hold.cgroup.add(pid)
        except OSError as error:
            hold.missing = str(error)
            if hold.cgroup is not None:
                with suppress(OSError):
                    hold.cgroup.remove()
                hold.cgroup = None

    async def let_go(self, hold: Hold) -> None:
        """Once its processes have ended; what still runs in its cgroup is ended."""
        self._watcher.forget(hold)
        self._holds.discard(hold)
        for hit in await asyncio.to_thread(_dissolve, hold):
            if hold.exceeded is None:
                self._on_hit(hold, hit)
        if not self._holds and self._watching is not None:
            watching, self._watching = self._watching, None
            watching.cancel()
            await asyncio.wait([watching])

    async def close(self) -> None:
        """Once nothing is held any more: leave no cgroup behind."""
        if self._cgroups is not None:
            with suppress(OSError):  # the next host sweeps it away
                await asyncio.to_thread(self._cgroups.close)

    def report(self, hold: Hold) -> Report:
        """How each limit of an instance is kept: see sandbox.level."""
        return {limit: self._how(limit, hold) for limit in ("memory", "cpu", "processes", "disk")}

    def _how(self, limit: str, hold: Hold) -> str:
        assert self._cgroups is not None
        if hold.cgroup is not None and limit in hold.cgroup.limits:
            return f"cgroup v{hold.cgroup.version(limit)}"
        if limit == "cpu":
            why = hold.missing or self._cgroups.missing.get("cpu", "")
            return "no limit is asked for" if hold.allowed.cpu is None else NOT + why
        if limit == "disk":
            return "watched: its data folder is looked at"
        why = hold.missing or self._cgroups.missing.get(limit, "")
        blind = unwatched()
        return f"{NOT}{blind}" if blind else f"watched: no cgroup ({why})"

    def _on_hit(self, hold: Hold, hit: LimitHit) -> None:
        if hit.ends and hold.exceeded is None:
            hold.exceeded = Exceeded(hit.limit, str(hit))
        hold.hit(hit)


def _open() -> Cgroups:
    cgroups = Cgroups.find()
    try:
        cgroups.sweep()
        cgroups.open()
    except OSError as error:
        logger.warning("no cgroups for plugins, they are watched instead: %s", error)
        return Cgroups.none(str(error))
    return cgroups


def _parent(pid: int) -> int | None:
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except (OSError, ValueError, IndexError):
        return None


def _dissolve(hold: Hold) -> list[LimitHit]:
    ends = hold.take_stock()
    if hold.cgroup is not None:
        try:
            hold.cgroup.kill()
            hold.cgroup.remove()
        except OSError as error:
            logger.warning("cgroup %s cannot be removed: %s", hold.cgroup.name, error)
    return ends


def _told(watching: asyncio.Task[None]) -> None:
    if not watching.cancelled() and (error := watching.exception()) is not None:
        logger.error("limits of plugins are watched no longer", exc_info=error)
