"""Streams in both directions, and callbacks of every kind."""

# ruff: noqa: ASYNC110 (a test waits for what another process does: there is no event for it)
from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from weft.calls.channel import WINDOW
from weft.errors import PluginError, WrongArgument, WrongResult
from weft.testing.kit.contracts import Point, Streams
from weft.testing.kit.running import Bench, Conformance, conforms

MANY = 10_000


async def numbers(until: int) -> AsyncIterator[int]:
    """A stream of the caller's."""
    for number in range(until):
        yield number


class StreamsConformance(Conformance):
    """Streams out and in."""

    @conforms("streams")
    async def test_items_come_in_order_whoever_produces_them(self, bench: Bench) -> None:
        plugin = await bench.use(Streams)
        assert [item async for item in plugin.count(MANY)] == list(range(MANY))
        assert [item async for item in plugin.count_def(MANY)] == list(range(MANY))

    @conforms("checks")
    async def test_an_item_of_a_wrong_type_is_refused_in_either_direction(self, bench: Bench) -> None:
        plugin = await bench.use(Streams)

        async def given() -> AsyncIterator[Any]:
            yield 1
            yield "two"

        with pytest.raises(WrongArgument, match="expected int, found str"):
            await plugin.total(given())
        stream = plugin.wrong()
        assert await anext(stream) == 1
        with pytest.raises(WrongResult, match="expected int, found str"):
            await anext(stream)

    @conforms("classes")
    async def test_items_arrive_as_the_callers_class(self, bench: Bench) -> None:
        plugin = await bench.use(Streams)
        assert [item async for item in plugin.points(2)] == [Point(0, 1.0), Point(1, 1.0)]

    @conforms("streams")
    async def test_a_stream_goes_in(self, bench: Bench) -> None:
        plugin = await bench.use(Streams)
        assert await plugin.total(numbers(MANY)) == sum(range(MANY))
        assert await plugin.total_def(numbers(MANY)) == sum(range(MANY))

    @conforms("streams")
    async def test_a_stream_goes_in_and_another_comes_out(self, bench: Bench) -> None:
        plugin = await bench.use(Streams)
        assert [item async for item in plugin.doubled(numbers(MANY))] == [2 * each for each in range(MANY)]

    @conforms("streams")
    async def test_what_a_stream_raises_comes_after_its_items(self, bench: Bench) -> None:
        plugin = await bench.use(Streams)
        for after in (0, 3):
            stream = plugin.breaks(after)
            assert [await anext(stream) for _ in range(after)] == list(range(after))
            with pytest.raises(PluginError, match=f"broke after {after}"):
                await anext(stream)

    @conforms("streams")
    async def test_a_stream_that_is_left_stops_its_producer(self, bench: Bench) -> None:
        plugin = await bench.use(Streams)
        stream = plugin.count(100 * WINDOW)
        assert await anext(stream) == 0
        await stream.aclose()  # type: ignore[attr-defined]
        assert await plugin.produced() < 10 * WINDOW
        async with asyncio.timeout(10):
            while await plugin.left() < 1:
                await asyncio.sleep(0.01)

    @conforms("streams")
    async def test_a_stream_that_nobody_reads_stops_its_producer(self, bench: Bench) -> None:
        plugin = await bench.use(Streams)
        stream = plugin.count(100 * WINDOW)
        assert await anext(stream) == 0
        before = -1
        while (now := await plugin.produced()) != before:
            before = now
        assert now < 10 * WINDOW
        assert await anext(stream) == 1
        await stream.aclose()  # type: ignore[attr-defined]


class CallbacksConformance(Conformance):
    """The caller's own functions, called by the plugin."""

    @conforms("callbacks")
    async def test_a_callback_is_told_in_order(self, bench: Bench) -> None:
        plugin = await bench.use(Streams)
        for tell in (plugin.tell, plugin.tell_def):
            told: list[int] = []
            assert await tell(500, told.append) == 500
            assert told == list(range(500))

    @conforms("callbacks")
    async def test_a_callback_is_asked_from_a_thread_and_awaited(self, bench: Bench) -> None:
        plugin = await bench.use(Streams)

        async def awaited(number: int) -> str:
            await asyncio.sleep(0)
            return str(number)

        assert await plugin.ask_def(str) == ["0", "1", "2"]
        assert await plugin.wait(awaited) == ["0", "1", "2"]

    @conforms("callbacks")
    async def test_what_a_callback_raises_can_be_handled(self, bench: Bench) -> None:
        plugin = await bench.use(Streams)

        async def fails(_number: int) -> str:
            raise LookupError("not here")

        assert "not here" in await plugin.handle(fails)
        assert await plugin.tell(1, print) == 1

    @conforms("callbacks that end")
    async def test_a_callback_is_refused_once_its_call_has_ended(self, bench: Bench) -> None:
        plugin = await bench.use(Streams)
        told: list[int] = []
        await plugin.keep(told.append)
        assert "has ended" in await plugin.use_kept()
        assert told == []
