"""Calls with JSON values, of real plugins that describe themselves."""

from __future__ import annotations

from contextlib import asynccontextmanager

import pytest

from weft.engine import Engine
from weft.errors import DeadlineExceeded, PluginError, UsageError, WrongArgument
from weft.server.calling import described_of, prepare

SHELF = '''
# /// script
# [tool.weft]
# provides = ["shelf"]
# runtime = "RUNTIME"
# limits.call = "20s"
# ///
import asyncio
from dataclasses import dataclass
from typing import Any, AsyncIterator, Callable, Optional

@dataclass
class Book:
    title: str
    cover: bytes = b""

class Plugin:
    async def put(self, book: Book, copies: int = 1) -> dict[int, Book]:
        """Puts a book there."""
        return {copies: book}

    def plain(self, whole: int) -> int:
        return whole * 2

    async def count(self, to: int) -> AsyncIterator[int]:
        for each in range(to):
            yield each
        if to == 3:
            raise LookupError("the shelf ends")

    async def add(self, numbers: AsyncIterator[int]) -> int:
        return sum([each async for each in numbers])

    async def told(self, word: str, progress: Optional[Callable[[float], None]] = None) -> str:
        return f"{word} {progress}"

    async def asks(self, progress: Callable[[float], None]) -> None: ...

    async def fails(self) -> None:
        raise LookupError("no such book")

    async def sleeps(self) -> None:
        await asyncio.sleep(600)

    async def any(self, value: Any) -> Any:
        return [value, b"x", 2**70]
'''


@pytest.fixture(params=["process", "inline"])
def shelf(request, tmp_path):
    """``async with shelf() as plugin``: one plugin that provides one contract."""
    source = tmp_path / "shelf.py"
    source.write_text(SHELF.replace("RUNTIME", request.param))

    @asynccontextmanager
    async def load():
        async with Engine(tmp_path / "state", contracts=()) as engine:
            (plugin,) = await engine.load(source)
            yield plugin

    return load


def test_results_and_streams_are_json(run, shelf):
    async def main():
        async with shelf() as plugin:
            assert list(described_of(plugin)) == ["shelf@1"]
            book = {"title": "Weft", "cover": "YWI="}
            assert await prepare(plugin, "shelf.put", {"book": book}).result() == {"1": book}
            assert await prepare(plugin, "shelf@1.put", [book, 2]).result() == {"2": book}
            assert await prepare(plugin, "shelf.plain", [2**40]).result() == 2**41
            assert await prepare(plugin, "shelf.add", {"numbers": [1, 2, 3]}).result() == 6
            assert await prepare(plugin, "shelf.told", {"word": "a"}).result() == "a None"
            assert await prepare(plugin, "shelf.any", [{"$set": [1]}]).result() == [
                {"$set": [1]},
                {"$bytes": "eA=="},
                2**70,
            ]
            counted = prepare(plugin, "shelf.count", [2])
            assert counted.streams
            assert [item async for item in counted.items()] == [0, 1]

    run(main())


def test_a_stream_that_fails_gives_what_came_before(run, shelf):
    async def main():
        async with shelf() as plugin:
            items = prepare(plugin, "shelf.count", [3]).items()
            assert [await anext(items) for _ in range(3)] == [0, 1, 2]
            with pytest.raises(PluginError, match="LookupError: the shelf ends") as failed:
                await anext(items)
            assert "shelf.py" in failed.value.traceback

    run(main())


def test_failures_and_deadlines_are_named(run, shelf):
    async def main():
        async with shelf() as plugin:
            with pytest.raises(PluginError, match="plugin shelf 0.0.0: LookupError: no such book"):
                await prepare(plugin, "shelf.fails", []).result()
            with pytest.raises(DeadlineExceeded):
                await prepare(plugin, "shelf.sleeps", [], timeout=0.05).result()

    run(main())


@pytest.mark.parametrize(
    ("target", "arguments", "error", "message"),
    [
        ("shelf.put", [{"title": 5}], WrongArgument, r"shelf\.put: book\.title: expected str, found int"),
        ("shelf.put", [{"title": "a", "cover": "!"}], WrongArgument, r"book\.cover: expected bytes as base64 text"),
        ("shelf.put", [], WrongArgument, r"missing a required argument: 'book'; it is \(book: Book, copies: int = 1\)"),
        ("shelf.put", {"books": 1}, WrongArgument, "shelf.put: "),
        ("shelf.add", [5], WrongArgument, "numbers: expected a list of int, one for each item of the stream"),
        ("shelf.add", [[1, "x"]], WrongArgument, "numbers: expected int, found str"),
        ("shelf.told", {"word": "a", "progress": 1}, WrongArgument, "progress"),
        ("shelf.asks", [], UsageError, r"calls back \(progress: Callable"),
        ("shelf.gone", [], UsageError, "no such method .*put"),
        ("store.put", [], UsageError, r"has no such contract that can be called .*shelf@1"),
        ("shelf@2.put", [], UsageError, r"shelf@1"),
        ("put", [], UsageError, r"shelf@1"),
    ],
)
def test_what_is_wrong_is_named_before_the_call(run, shelf, target, arguments, error, message):
    async def main():
        async with shelf() as plugin:
            with pytest.raises(error, match=message):
                prepare(plugin, target, arguments)

    run(main())
