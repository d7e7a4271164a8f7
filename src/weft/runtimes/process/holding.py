"""Holds instances to their limits: by a cgroup each where the kernel has them, else by watching what they use."""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from weft.runtimes.launch import Exceeded, Launch
from weft.sandbox.cgroups import Cgroup, Cgroups, Hits, Ways
from weft.sandbox.level import NOT, Report
from weft.sandbox.limits import Allowed, LimitHit, held
from weft.sandbox.machine import unwatched
from weft.sandbox.watcher import Watcher

logger = logging.getLogger("weft.runtimes.process")


class Hold:
    """What holds one instance. ``hit(limit)`` is called with each limit that it runs into.

    ``pid``: its process, once it runs. ``folder``: where it keeps its data. ``exceeded``: the limit that it is ended
    for. ``peak``: the most memory that it used, in bytes; None: not known.
    """

    def __init__(self, allowed: Allowed, hit: Callable[[LimitHit], None], folder: Path) -> None:
        self.allowed = allowed
        self.hit = hit
        self.folder = folder
        self.pid = 0
        self.exceeded: Exceeded | None = None
        self.peak: int | None = None
        self.cgroup: Cgroup | None = None
        self.missing = ""
        """Why there is no cgroup, although this host has them."""

    @contextmanager
    def ways(self) -> Iterator[Ways]:
        """Into its cgroup: see sandbox.cgroups."""
        with ExitStack() as opened:
            ways = Ways()
            try:
                if self.cgroup is not None:
                    ways = opened.enter_context(self.cgroup.ways())
            except OSError as error:
                self.missing = str(error)
            yield ways

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

    async def hold(self, launch: Launch, hit: Callable[[LimitHit], None]) -> Hold:
        """What is to hold an instance that does not run yet: to be let go, or watched as soon as it does."""
        async with self._opening:
            if self._cgroups is None:
                self._cgroups = await asyncio.to_thread(_open)
        limits = launch.limits
        hold = Hold(Allowed(limits.memory, limits.processes, limits.disk, limits.cpu), hit, launch.data_dir)
        await asyncio.to_thread(self._make, hold, f"{launch.name}-{next(self._numbers)}")
        return hold

    def _make(self, hold: Hold, name: str) -> None:
        assert self._cgroups is not None
        allowed = hold.allowed
        try:
            hold.cgroup = self._cgroups.make(name, memory=allowed.memory, cpu=allowed.cpu, processes=allowed.processes)
        except OSError as error:
            hold.missing = str(error)

    async def watch(self, hold: Hold, pid: int, unheld: str) -> None:
        """From now on it is the process ``pid``, and all that it starts; ``unheld``: why it is in no cgroup, or ''."""
        hold.pid = pid
        hold.missing = hold.missing or unheld
        if hold.missing and hold.cgroup is not None:
            with suppress(OSError):  # it entered a part of it: that goes with the host's others
                await asyncio.to_thread(hold.cgroup.remove, 0.0)
            hold.cgroup = None
        keeper = await asyncio.to_thread(_parent, pid)
        self._watcher.watch(hold, pid, hold.allowed, keeper=keeper, folder=hold.folder, cgroup=hold.cgroup)
        self._holds.add(hold)
        if self._watching is None:
            self._watching = asyncio.create_task(self._watcher.run())
            self._watching.add_done_callback(_told)

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
