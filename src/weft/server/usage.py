"""What plugins' instances use: read in threads, a few at a time, so that a look at hundreds holds up nobody."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace

from weft.engine import Plugin
from weft.engine.member import Member
from weft.runtimes.process.usage import family_memory

TICK = 1.0
"""Seconds between two looks at some instances, and for which what was read of one is good."""
CLOSE_EVERY = 30.0
"""Seconds between two looks at an instance's memory page by page; they are spread over that time."""
_NEVER = -math.inf
_AT_ONCE = 32
"""Instances that one thread reads before it makes room for others."""


@dataclass(frozen=True, kw_only=True)
class Usage:
    """Of one instance with its descendants; zero where nobody tells.

    ``memory`` in bytes: pages that it shares count by its share of them, as of the last close look, and what it grew
    by since. ``cpu`` in seconds so far; ``cpu_share`` in cores, between the last two looks. ``disk`` in bytes.
    """

    memory: float = 0.0
    peak_memory: float = 0.0
    cpu: float = 0.0
    cpu_share: float = 0.0
    processes: int = 0
    disk: float = 0.0


@dataclass(frozen=True, kw_only=True)
class _Look:
    """What is known of an instance. ``at`` and ``closely_at``: ``time.monotonic()``."""

    usage: Usage = Usage()
    at: float = _NEVER
    closely_at: float = _NEVER
    shared: float = 0.0
    """Bytes by which its memory is less than the plain figure, as of the last close look."""


_UNSEEN = _Look()


class Usages:
    """``plugins``: what runs, as it is at any time. Let ``run`` go on in a task."""

    def __init__(self, plugins: Mapping[str, Plugin]) -> None:
        self._plugins = plugins
        self._looks: dict[str, dict[Member, _Look]] = {}
        self._ended: dict[str, float] = {}
        self._looking = asyncio.Lock()

    def of(self, name: str, member: Member) -> Usage:
        """Of an instance of that plugin, as last seen."""
        look = self._looks.get(name, {}).get(member)
        return look.usage if look is not None else Usage()

    def cpu(self, name: str) -> float:
        """Seconds of CPU of all instances of a plugin since it was loaded, those that have ended too."""
        return self._ended.get(name, 0.0) + sum(look.usage.cpu for look in self._looks.get(name, {}).values())

    async def tick(self) -> None:
        """Look closely at those instances whose turn it is; call it every ``TICK`` seconds."""
        async with self._looking:
            self._forget()
            members = _members(self._plugins)
            waiting = [each for each in members if self._look(*each).closely_at <= time.monotonic() - CLOSE_EVERY]
            waiting.sort(key=lambda each: self._look(*each).closely_at)
            new = sum(self._look(*each).closely_at == _NEVER for each in waiting)
            turn = max(math.ceil(len(members) * TICK / CLOSE_EVERY), min(new, _AT_ONCE))
            await self._take(waiting[:turn], closely=True)

    async def refresh(self, name: str | None = None) -> None:
        """Look at every instance, or closely at one plugin's, unless it was looked at within ``TICK`` seconds."""
        async with self._looking:
            limit = time.monotonic() - TICK
            if name is None:
                due = [each for each in _members(self._plugins) if self._look(*each).at < limit]
            else:
                own = {name: self._plugins[name]} if name in self._plugins else {}
                due = [each for each in _members(own) if self._look(*each).closely_at < limit]
            await self._take(due, closely=name is not None)

    def _look(self, name: str, member: Member) -> _Look:
        return self._looks.get(name, {}).get(member, _UNSEEN)

    async def _take(self, members: list[tuple[str, Member]], *, closely: bool) -> None:
        for start in range(0, len(members), _AT_ONCE):
            some = members[start : start + _AT_ONCE]
            read = await asyncio.to_thread(_read, some, closely=closely)
            now = time.monotonic()
            for (name, member), (plain, exact) in zip(some, read, strict=True):
                look = _next(self._look(name, member), now, plain, exact)
                self._looks.setdefault(name, {})[member] = replace(look, closely_at=now) if closely else look

    def _forget(self) -> None:
        """Keep of instances that are gone what they used, and of plugins that are gone nothing."""
        for name in [each for each in self._looks if each not in self._plugins]:
            self._looks.pop(name)
            self._ended.pop(name, None)
        for name, looks in self._looks.items():
            plugin = self._plugins[name]
            for member in looks.keys() - {*plugin.instances, *plugin.draining}:
                self._ended[name] = self._ended.get(name, 0.0) + looks.pop(member).usage.cpu


def _members(plugins: Mapping[str, Plugin]) -> list[tuple[str, Member]]:
    return [(name, member) for name, each in plugins.items() for member in (*each.instances, *each.draining)]


def _read(members: list[tuple[str, Member]], *, closely: bool) -> list[tuple[Mapping[str, float], float | None]]:
    """In a thread: of each what its runtime tells, and its memory page by page where that is asked for."""
    return [
        (member.instance.usage(), family_memory(member.pid) if closely and member.pid is not None else None)
        for _, member in members
    ]


def _next(before: _Look, now: float, plain: Mapping[str, float], exact: float | None) -> _Look:
    """What is known after another look. ``plain``: see Instance.usage; ``exact``: bytes, None where none were read."""
    resident, cpu = plain.get("memory", 0.0), plain.get("cpu", before.usage.cpu)
    shared = before.shared if exact is None else resident - exact
    memory = max(0.0, resident - shared) if resident else 0.0
    usage = Usage(
        memory=memory,
        peak_memory=plain.get("peak_memory", max(before.usage.peak_memory, memory)),
        cpu=cpu,
        cpu_share=max(0.0, (cpu - before.usage.cpu) / (now - before.at)),
        processes=int(plain.get("processes", 0)),
        disk=plain.get("disk", 0.0),
    )
    return replace(before, usage=usage, at=now, shared=shared)
