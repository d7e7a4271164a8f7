"""What plugins do and use, in figures: for ``weft top``, ``weft status`` and ``/metrics``."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import NamedTuple

from weft.calls.tally import Tally
from weft.engine import Plugin
from weft.engine.member import Member
from weft.runtimes.launch import Sandbox
from weft.server.front.latency import quantile
from weft.server.front.traffic import Traffic
from weft.server.usage import TICK, Usage, Usages
from weft.types import Event

logger = logging.getLogger("weft.figures")

MARK_EVERY = 5.0
"""Seconds between two marks from which rates and latencies count."""
RATE_OVER = 10.0
"""Seconds, at least, over which rates are."""
LATENCY_OVER = 60.0
"""Seconds over which latencies are."""
_LEVELS = ("none", "partial", "full")
"""Of sandboxes, the weakest first."""


@dataclass(frozen=True, kw_only=True)
class InstanceFigures:
    """One running copy; ``draining``: it only finishes what it began. The others as ``usage.Usage`` has them."""

    pid: int | None
    release: int
    draining: bool
    in_flight: int
    memory: float
    peak_memory: float
    cpu: float
    cpu_share: float
    processes: int
    disk: float
    sandbox: str
    sandbox_details: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class PluginFigures:
    """One plugin. Counters are since the server's start, bytes and seconds; sums are over all instances.

    ``errors``: of requests, by reason (front.failures), ``answered`` for 5xx of its own; ``call_errors``: of ``calls``
    by contract. ``rate`` and ``error_rate``: both kinds, per second, lately. ``p50``, ``p90``, ``p99``: seconds from
    the whole request to the answer's start, over the last minute; None where there was none. ``cpu_share`` in cores.
    ``limits``: how often it ran into each. ``sandbox``: the least level of its instances, '' where none runs.
    """

    in_flight: int = 0
    websockets: int = 0
    restarts: int = 0
    requests: int = 0
    errors: Mapping[str, int] = field(default_factory=dict)
    calls: int = 0
    call_errors: int = 0
    rate: float = 0.0
    error_rate: float = 0.0
    p50: float | None = None
    p90: float | None = None
    p99: float | None = None
    memory: float = 0.0
    cpu: float = 0.0
    cpu_share: float = 0.0
    processes: int = 0
    disk: float = 0.0
    limits: Mapping[str, int] = field(default_factory=dict)
    sandbox: str = ""
    instances: tuple[InstanceFigures, ...] = ()


class _Mark(NamedTuple):
    """The counters of one plugin at one time. ``done`` and ``errors``: requests and calls together."""

    at: float = 0.0
    done: int = 0
    errors: int = 0
    latency: Sequence[int] = ()


class _Lately(NamedTuple):
    """Of requests and calls, per second; of requests, how long they took: see front.latency."""

    rate: float
    error_rate: float
    latency: Sequence[int]


class Figures:
    """``plugins``: what runs, as it is at any time; ``traffic``: the front's counters of a plugin, None before any.

    Let ``run`` go on in a task, and ``accept`` hear the engine's events.
    """

    def __init__(self, plugins: Mapping[str, Plugin], traffic: Callable[[str], Traffic | None]) -> None:
        self.usages = Usages(plugins)
        self._plugins = plugins
        self._traffic = traffic
        self._marks: dict[str, deque[_Mark]] = {}
        self._limits: dict[str, Counter[str]] = {}

    def accept(self, event: Event) -> None:
        """One event; those of kind ``limit`` are counted by their ``data["limit"]``."""
        if event.kind == "limit":
            self._limits.setdefault(event.plugin, Counter())[str(event.data.get("limit", ""))] += 1

    async def run(self) -> None:
        """Look at what goes on, slowly, until cancelled."""
        marked = -MARK_EVERY
        while True:
            try:
                if time.monotonic() - marked >= MARK_EVERY:
                    marked = time.monotonic()
                    self.mark()
                await self.usages.tick()
            except Exception:  # one look is missing: the next comes soon
                logger.exception("what plugins use could not be read")
            await asyncio.sleep(TICK)

    def mark(self) -> None:
        """Remember all counters as they are now."""
        names = {*self._plugins, *(name for name in self._marks if self._traffic(name) is not None)}
        self._marks = {name: self._marks.get(name) or _begun() for name in names}
        for name, marks in self._marks.items():
            marks.append(self._now(name, marks[-1]))

    def _now(self, name: str, before: _Mark) -> _Mark:
        plugin, traffic = self._plugins.get(name), self._traffic(name)
        done, errors = (plugin.tally.calls, plugin.tally.errors) if plugin is not None else (0, 0)
        latency = before.latency
        if traffic is not None:
            done += sum(traffic.answered)
            errors += sum(traffic.all_errors().values())
            latency = before.latency if before.done == done else tuple(traffic.latency)
        return _Mark(time.monotonic(), done, errors, latency)

    def of(self, name: str) -> PluginFigures:
        """A plugin's, whether it runs or not."""
        plugin, traffic = self._plugins.get(name), self._traffic(name) or Traffic(name)
        tally = plugin.tally if plugin is not None else Tally()
        instances = self._instances(name, plugin) if plugin is not None else ()
        lately = self._lately(name)
        return PluginFigures(
            in_flight=sum(each.in_flight for each in instances),
            websockets=traffic.websockets,
            restarts=plugin.restarts if plugin is not None else 0,
            requests=sum(traffic.answered),
            errors=traffic.all_errors(),
            calls=tally.calls,
            call_errors=tally.errors,
            rate=lately.rate,
            error_rate=lately.error_rate,
            p50=quantile(lately.latency, 0.5),
            p90=quantile(lately.latency, 0.9),
            p99=quantile(lately.latency, 0.99),
            memory=sum(each.memory for each in instances),
            cpu=self.usages.cpu(name),
            cpu_share=sum(each.cpu_share for each in instances),
            processes=sum(each.processes for each in instances),
            disk=max((each.disk for each in instances), default=0.0),
            limits=dict(self._limits.get(name, {})),
            sandbox=min((each.sandbox for each in instances if not each.draining), key=_LEVELS.index, default=""),
            instances=instances,
        )

    def _instances(self, name: str, plugin: Plugin) -> tuple[InstanceFigures, ...]:
        draining = plugin.draining
        members = (*plugin.instances, *draining)
        return tuple(_figures(each, self.usages.of(name, each), draining=each in draining) for each in members)

    def _lately(self, name: str) -> _Lately:
        marks = self._marks.get(name) or _begun()
        now, first = self._now(name, marks[-1]), marks[0]
        since = next((mark for mark in reversed(marks) if now.at - mark.at >= RATE_OVER), first)
        seconds = now.at - since.at
        return _Lately(
            rate=max(0, now.done - since.done) / seconds,
            error_rate=max(0, now.errors - since.errors) / seconds,
            latency=[max(0, new - old) for new, old in zip_longest(now.latency, first.latency, fillvalue=0)],
        )


def _begun() -> deque[_Mark]:
    """The marks of a plugin that is new: it has done nothing before."""
    return deque([_Mark(time.monotonic() - MARK_EVERY)], maxlen=int(LATENCY_OVER / MARK_EVERY) + 1)


def _figures(member: Member, usage: Usage, *, draining: bool) -> InstanceFigures:
    sandbox: Sandbox = member.instance.sandbox
    return InstanceFigures(
        pid=member.pid,
        release=member.release,
        draining=draining,
        in_flight=member.in_flight,
        memory=usage.memory,
        peak_memory=usage.peak_memory,
        cpu=usage.cpu,
        cpu_share=usage.cpu_share,
        processes=usage.processes,
        disk=usage.disk,
        sandbox=sandbox.level,
        sandbox_details=sandbox.details,
    )
