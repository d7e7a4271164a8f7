"""One watcher for all instances of a host: tells when one is past a limit, or is held to one by the kernel."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Hashable, Iterable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, TypeVar

from weft.sandbox.cadence import Look, Machine, Walk, look_due, walk_due
from weft.sandbox.cgroups.cgroup import Cgroup
from weft.sandbox.cgroups.figures import Hits
from weft.sandbox.families import Family, look_at, measure
from weft.sandbox.folders import disk_use
from weft.sandbox.limits import Allowed, LimitHit, disk_exceeded, exceeded, held
from weft.sandbox.machine import look_at_machine, occupied

logger = logging.getLogger("weft")

K = TypeVar("K", bound=Hashable)

_TICK = 0.1
"""Seconds between looks at the machine, while there are instances that the kernel does not hold."""
_COUNT = 5.0
"""Seconds between looks at what the kernel counted: it holds them, this is to tell of it."""
_WALK = 1.0
"""Seconds between looks at file systems."""
_AGAIN = 60.0
"""Seconds until one limit of one instance is told of again."""


@dataclass(eq=False)
class Watch(Generic[K]):
    """What is known of one instance."""

    key: K
    allowed: Allowed
    folder: str | None
    cgroup: Cgroup | None
    family: Family | None = None
    """None where the kernel holds memory and processes, or does not tell of them."""
    left: tuple[int, int] | None = None
    """Bytes of memory and processes that it had left; None before the first look."""
    seen: Hits = field(default_factory=Hits)
    walk: Walk | None = None
    uncounted: bool = False
    """Whether it was said that its data folder cannot be counted."""
    told: dict[str, float] = field(default_factory=dict)
    """Limit → when it was told of last."""

    @property
    def looked_for(self) -> frozenset[str]:
        """The limits that nobody but the watcher keeps."""
        return frozenset({"memory", "processes"}) - (self.cgroup.limits if self.cgroup else frozenset())


Found = list[tuple[Watch[K], LimitHit]]


class Watcher(Generic[K]):
    """``exceeded(key, hit)`` is called on the loop that runs it, at most once a minute for a limit of an instance.

    What blocks is done in two threads of its own, one for ``/proc`` and cgroups, one for folders.
    """

    def __init__(self, exceeded: Callable[[K, LimitHit], None]) -> None:
        self._exceeded = exceeded
        self._watches: dict[K, Watch[K]] = {}
        self._last: Look | None = None
        self._warned = -_AGAIN
        self._ended = threading.Event()

    def watch(
        self,
        key: K,
        pid: int,
        allowed: Allowed,
        *,
        keeper: int | None = None,
        folder: Path | None = None,
        cgroup: Cgroup | None = None,
    ) -> None:
        """Watch the process ``pid``, what it starts, and its data ``folder``; ``cgroup``: what holds them already.

        ``keeper``: the process that adopts what the instance leaves behind, and is none of it.
        """
        watch = Watch(key, allowed, None if folder is None else str(folder), cgroup)
        if watch.looked_for and (family := Family(pid, keeper)).known:
            watch.family = family
        self._watches[key] = watch

    def forget(self, key: K) -> None:
        """Watch it no longer; nothing is told of it from now on."""
        self._watches.pop(key, None)

    async def run(self) -> None:
        """Watch until cancelled. Raises what went wrong, which is a defect."""
        self._ended.clear()
        with _thread("weft-limits") as looking, _thread("weft-disk") as walking:
            try:
                async with asyncio.TaskGroup() as group:
                    group.create_task(self._repeat(_COUNT, count, looking, lambda watch: watch.cgroup is not None))
                    group.create_task(self._repeat(_TICK, self._look, looking, lambda watch: watch.family is not None))
                    group.create_task(self._repeat(_WALK, self._walk, walking, lambda watch: watch.folder is not None))
            finally:
                self._ended.set()

    async def _repeat(
        self,
        pause: float,
        work: Callable[[list[Watch[K]]], Found[K]],
        thread: Executor,
        concerned: Callable[[Watch[K]], bool],
    ) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(pause)
            if watches := [watch for watch in self._watches.values() if concerned(watch)]:
                try:
                    self._tell(await loop.run_in_executor(thread, work, watches))
                except OSError as error:  # the host has no descriptors left; the next time it may
                    self._warn(error)

    def _warn(self, error: OSError) -> None:
        if time.monotonic() - self._warned >= _AGAIN:
            self._warned = time.monotonic()
            logger.warning("limits are not watched at the moment: %s", error)

    def _tell(self, found: Found[K]) -> None:
        now = time.monotonic()
        for watch, hit in found:
            if self._watches.get(watch.key) is watch and now - watch.told.get(hit.limit, -_AGAIN) >= _AGAIN:
                watch.told[hit.limit] = now
                try:
                    self._exceeded(watch.key, hit)
                except Exception:
                    logger.exception("%s: an exception in what is told of limits", watch.key)

    # --- in a thread ------------------------------------------------------------------------------------------------

    def _look(self, watches: list[Watch[K]]) -> Found[K]:
        machine = look_at_machine()
        began = time.monotonic()
        known = all(watch.left is not None for watch in watches)
        if not look_due(self._last if known else None, began, machine):
            return []
        found = sample(watches)
        self._last = _look_of(watches, began, machine)
        return found

    def _walk(self, watches: list[Watch[K]]) -> Found[K]:
        found: Found[K] = []
        for watch in watches:
            if not self._ended.is_set():
                found += walk(watch, lambda: not self._ended.is_set())
        return found


def count(watches: Iterable[Watch[K]]) -> Found[K]:
    """What the kernel held instances to since it was asked last."""
    found: Found[K] = []
    for watch in watches:
        if watch.cgroup is not None:
            before, watch.seen = watch.seen, watch.cgroup.hits()
            found += [(watch, hit) for hit in held(before, watch.seen, watch.allowed)]
    return found


def sample(watches: list[Watch[K]]) -> Found[K]:
    """Which instances are past a limit that nobody else keeps."""
    found: Found[K] = []
    for watch, stats in zip(watches, look_at(watch.family for watch in watches if watch.family), strict=True):
        now = measure(stats, watch.allowed.memory)
        watch.left = watch.allowed.memory - now.memory, watch.allowed.processes - now.processes
        found += [(watch, hit) for hit in exceeded(now, watch.allowed) if hit.limit in watch.looked_for]
    return found


def walk(watch: Watch[K], go_on: Callable[[], bool]) -> Found[K]:
    """Whether its data folder holds too much, where that is worth a walk."""
    try:
        used = _used(watch, go_on)
    except OSError as error:
        if not watch.uncounted:
            logger.warning("%s: its data folder cannot be counted (limits.disk): %s", watch.key, error)
        watch.uncounted = True
        return []
    return [(watch, hit) for hit in disk_exceeded(used, watch.allowed)]


def _used(watch: Watch[K], go_on: Callable[[], bool]) -> float:
    """Bytes in its data folder, 0 where it cannot be much more than it was."""
    if watch.folder is None:
        return 0
    began = time.monotonic()
    before = occupied(watch.folder)
    watch.walk = watch.walk and watch.walk.seen(before)
    if not walk_due(watch.walk, began, watch.allowed.disk):
        return 0
    used = disk_use(watch.folder, 2 * watch.allowed.disk, go_on)
    ended = time.monotonic()
    watch.walk = Walk(ended, ended - began, used, before)
    return used


def _look_of(watches: list[Watch[K]], began: float, machine: Machine) -> Look:
    left = [watch.left for watch in watches if watch.left is not None]
    ended = time.monotonic()
    return Look(ended, ended - began, machine, min(memory for memory, _ in left), min(count for _, count in left))


@contextmanager
def _thread(name: str) -> Iterator[Executor]:
    executor = ThreadPoolExecutor(1, name)
    try:
        yield executor
    finally:
        executor.shutdown(wait=False, cancel_futures=True)  # what it is at ends soon; the loop does not wait for it
