"""What every host written in Python does: it reads from standard input what to measure, and answers on standard output.

One JSON object a line each. Asked is ``measure`` ("calls", "latency" or "stream"), with ``size`` (bytes of a payload),
``in_flight``, ``seconds`` and ``items`` where they matter. The answer has ``count`` and ``seconds``, and for
"latency" the percentiles ``p50`` and ``p99`` in µs. Standard library alone: it runs beside every peer's packages.
"""

from __future__ import annotations

import asyncio
import json
import sys
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from time import perf_counter
from typing import Any, Protocol

Echo = Callable[[Any], Awaitable[Any]]
BlockingEcho = Callable[[Any], Any]
Answer = dict[str, float]


class Ask(Protocol):
    """What a line asks for, by key."""

    def __getitem__(self, key: str) -> Any: ...


class Wrong(Exception):  # noqa: N818  # what came back, not a fault of this program
    """Something else came back than was sent."""


async def serve(
    echo: Echo, numbers: Callable[[int], AsyncIterator[int]] | None = None, *, payload: Callable[[int], Any] = bytes
) -> None:
    """Answers until standard input ends. ``payload`` makes what is sent, of so many bytes."""
    say({"ready": 1})
    while line := await asyncio.to_thread(sys.stdin.readline):
        ask: Ask = json.loads(line)
        if ask["measure"] == "stream":
            assert numbers is not None
            say(await _stream(numbers, ask["items"]))
        elif ask["measure"] == "latency":
            say(await _latency(echo, payload(ask["size"]), ask["seconds"]))
        else:
            say(await _calls(echo, payload(ask["size"]), ask["in_flight"], ask["seconds"]))


def serve_blocking(connect: Callable[[], BlockingEcho], *, payload: Callable[[int], Any] = bytes) -> None:
    """As ``serve``, for calls that block: each thread in flight asks ``connect`` for its own."""
    echo = connect()
    say({"ready": 1})
    for line in sys.stdin:
        ask: Ask = json.loads(line)
        if ask["measure"] == "latency":
            say(answer_latency(echo, payload(ask["size"]), ask["seconds"]))
        else:
            say(_blocking_calls(connect, payload(ask["size"]), ask["in_flight"], ask["seconds"]))


def rate(count: int, began: float) -> Answer:
    """So many since ``began``."""
    return {"count": count, "seconds": perf_counter() - began}


def say(answer: Answer) -> None:
    """One answer, at once."""
    print(json.dumps(answer), flush=True)


async def _calls(echo: Echo, payload: Any, in_flight: int, seconds: float) -> Answer:
    began = perf_counter()
    deadline = began + seconds

    async def caller() -> int:
        count = 0
        while perf_counter() < deadline:
            if await echo(payload) != payload:
                raise Wrong
            count += 1
        return count

    return rate(sum(await asyncio.gather(*(caller() for _ in range(in_flight)))), began)


async def _latency(echo: Echo, payload: Any, seconds: float) -> Answer:
    began = perf_counter()
    deadline = began + seconds
    spans = []
    while (before := perf_counter()) < deadline:
        if await echo(payload) != payload:
            raise Wrong
        spans.append(perf_counter() - before)
    return rate(len(spans), began) | _percentiles(spans)


async def _stream(numbers: Callable[[int], AsyncIterator[int]], items: int) -> Answer:
    began = perf_counter()
    total = 0
    async for number in numbers(items):
        total += number
    if total != items * (items - 1) // 2:
        raise Wrong
    return rate(items, began)


def answer_latency(echo: BlockingEcho, payload: Any, seconds: float) -> Answer:
    began = perf_counter()
    deadline = began + seconds
    spans = []
    while (before := perf_counter()) < deadline:
        if echo(payload) != payload:
            raise Wrong
        spans.append(perf_counter() - before)
    return rate(len(spans), began) | _percentiles(spans)


def _blocking_calls(connect: Callable[[], BlockingEcho], payload: Any, in_flight: int, seconds: float) -> Answer:
    counts: list[int] = []
    go = threading.Barrier(in_flight + 1)

    def caller() -> None:
        echo, count = connect(), 0
        go.wait()
        deadline = perf_counter() + seconds
        while perf_counter() < deadline:
            if echo(payload) != payload:
                raise Wrong
            count += 1
        counts.append(count)

    threads = [threading.Thread(target=caller) for _ in range(in_flight)]
    for thread in threads:
        thread.start()
    go.wait()
    began = perf_counter()
    for thread in threads:
        thread.join()
    if len(counts) != in_flight:
        raise Wrong
    return rate(sum(counts), began)


def _percentiles(spans: list[float]) -> Answer:
    spans.sort()
    return {name: spans[int(len(spans) * part)] * 1e6 for name, part in (("p50", 0.5), ("p99", 0.99))}
