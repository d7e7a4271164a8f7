"""Streams over upgrades: one that has begun goes on where it began."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Protocol

import pytest

import weft

RUNTIMES = ["inline", "process"]
TICKER = """
class Plugin:
    async def ticks(self, count: int):
        for number in range(count):
            yield f"{text} {{number}}"
"""


@weft.contract(name="ticker")
class Ticker(Protocol):
    def ticks(self, count: int) -> AsyncIterator[str]: ...


@pytest.fixture
def plugin(tmp_path):
    """``plugin(text, runtime)``: a folder with a ticker."""

    def make(text, runtime):
        folder = tmp_path / f"{text}-{runtime}"
        folder.mkdir()
        (folder / "ticker.py").write_text(TICKER.format(text=text))
        manifest = f"name: ticker\nversion: 1.0.0\nentry: ticker:Plugin\nprovides: [ticker]\nruntime: {runtime}\n"
        (folder / "plugin.yaml").write_text(manifest)
        return folder

    return make


@pytest.mark.parametrize("after", RUNTIMES)
@pytest.mark.parametrize("before", RUNTIMES)
def test_a_stream_goes_on_where_it_began_while_the_next_is_the_new_versions(
    run, engine, plugin, eventually, before, after
):
    many = 60_000  # more than credit lets by at once: the old version has to go on after the upgrade

    async def main():
        async with engine() as its:
            (loaded,) = await its.load(plugin("old", before))
            used = its.use(Ticker)
            begun = used.ticks(many)
            assert await anext(begun) == "old 0"
            await its.upgrade("ticker", plugin("new", after))
            assert [item async for item in used.ticks(2)] == ["new 0", "new 1"]
            assert loaded.draining
            assert [item async for item in begun] == [f"old {number}" for number in range(1, many)]
            await eventually(lambda: not loaded.draining)

    run(main())
