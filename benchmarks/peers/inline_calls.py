"""An inline plugin called through its contract, beside a plain method call of an equal object.

``inline_calls.py ROUNDS`` prints the medians in ns per call: {"async def": {"weft": …, "plain": …}, "def": …}.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Awaitable, Callable
from statistics import median
from time import perf_counter_ns
from typing import Any

import uvloop

import weft
from echo_contract import INLINE, INLINE_BLOCKING, BlockingEcho, Echo

CALLS = 200_000
DATA = bytes(100)


Time = Callable[[Any], Awaitable[float]]
"""Nanoseconds of one call of a method."""


class Plain:
    async def echo(self, data: bytes) -> bytes:
        return data


class PlainBlocking:
    def echo(self, data: bytes) -> bytes:
        return data


async def awaited(echo: Callable[[bytes], Awaitable[bytes]]) -> float:
    calls = range(CALLS)
    began = perf_counter_ns()
    for _ in calls:
        await echo(DATA)
    return (perf_counter_ns() - began) / CALLS


async def called(echo: Callable[[bytes], bytes]) -> float:
    calls = range(CALLS)
    began = perf_counter_ns()
    for _ in calls:
        echo(DATA)
    return (perf_counter_ns() - began) / CALLS


async def main() -> None:
    async with weft.Engine() as engine:
        await engine.load(INLINE)
        await engine.load(INLINE_BLOCKING)
        pairs: dict[str, tuple[Time, dict[str, Any]]] = {
            "async def": (awaited, {"weft": engine.use(Echo, "echo_inline"), "plain": Plain()}),
            "def": (called, {"weft": engine.use(BlockingEcho, "echo_inline_blocking"), "plain": PlainBlocking()}),
        }
        rounds: dict[str, list[dict[str, float]]] = {kind: [] for kind in pairs}
        for _ in range(int(sys.argv[1])):
            for kind, (time, pair) in pairs.items():
                rounds[kind].append({name: await time(each.echo) for name, each in pair.items()})
    print(json.dumps({kind: _medians(seen) for kind, seen in rounds.items()}))


def _medians(rounds: list[dict[str, float]]) -> dict[str, float]:
    return {name: round(median(one[name] for one in rounds), 1) for name in rounds[0]}


if __name__ == "__main__":
    uvloop.run(main())
