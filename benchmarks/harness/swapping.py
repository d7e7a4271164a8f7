"""Swaps under load: the application is replaced again and again while five kinds of client ask."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from typing import Any

from harness.clients import Tally, all_kinds
from harness.servers import Server

BETWEEN = 0.25
"""Seconds between one swap and the next."""
LONGEST = 60.0
"""Seconds after which no further swap is begun."""


@dataclass(frozen=True)
class Swapped:
    """How many swaps, how long each took in seconds, and what the clients saw."""

    seconds: list[float]
    tally: Tally

    @property
    def lost(self) -> int:
        return self.tally.lost.total()

    @property
    def stale(self) -> int:
        return self.tally.stale.total()

    def summary(self) -> dict[str, Any]:
        """As the results keep it."""
        return {
            "swaps": len(self.seconds),
            "p50_seconds": round(median(self.seconds), 3),
            "answered": dict(self.tally.answered),
            "lost": dict(self.tally.lost),
            "stale": dict(self.tally.stale),
            "reasons": dict(self.tally.reasons.most_common(8)),
        }


def swap(server: Server, count: int, *, judge_versions: bool = False) -> Swapped:
    """``count`` swaps of ``server`` under load. ``judge_versions``: count answers of old versions as stale."""
    return asyncio.run(_swap(server.port, server.swap, count, judge_versions=judge_versions))


async def _swap(port: int, to_version: Callable[[int], None], count: int, *, judge_versions: bool) -> Swapped:
    seconds: list[float] = []
    begun = time.monotonic()
    async with all_kinds(port, judge_versions=judge_versions) as tally:
        for version in range(1, count + 1):
            await asyncio.sleep(BETWEEN)
            before = time.perf_counter()
            await asyncio.to_thread(to_version, version)
            seconds.append(time.perf_counter() - before)
            tally.floor = version
            if time.monotonic() - begun > LONGEST:
                break
        await asyncio.sleep(BETWEEN)
    return Swapped(seconds, tally)
