"""Plugins that take more than they may have: ended or held alone, and it is told which limit, and what to change."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

import weft
from weft.errors import InstanceLost, WeftError

HOGS = (Path(__file__).parents[1] / "plugins" / "hogs.py").read_text()
LIMITS = {
    "memory": ('"100MiB"', "raise limits.memory"),
    "disk": ('"5MiB"', "raise limits.disk"),
    "processes": ("4", "raise limits.processes"),
}
MIB = 1024 * 1024


@asynccontextmanager
async def hog(folder, limit, get):
    """A plugin under that limit; what happened, and ``take()``, which makes it go beyond."""
    value, _ = LIMITS[limit]
    source = folder / "hog.py"
    source.write_text(f"# /// script\n# [tool.weft]\n# limits = {{ {limit} = {value} }}\n# ///\n" + HOGS)
    events = []
    async with weft.Engine(folder / "state") as engine:
        engine.listen(events.append)
        (plugin,) = await engine.load(source)

        async def take():
            return await get(plugin, f"/{limit}".encode())

        yield events, take


async def told(events, kind):
    async with asyncio.timeout(20):
        while not (found := [each for each in events if each.kind == kind]):
            await asyncio.sleep(0.01)
    return found[0]


@pytest.mark.parametrize("limit", ["memory", "disk"])
def test_one_that_goes_beyond_is_ended_with_the_limit_named(run, get, tmp_path, limit):
    async def main():
        async with hog(tmp_path, limit, get) as (events, take):
            taking = asyncio.ensure_future(take())
            hit, lost = await told(events, "limit"), await told(events, "lost")
            await asyncio.gather(taking, return_exceptions=True)  # the disk may have been filled before it was seen
            assert taking.exception() is None or isinstance(taking.exception(), InstanceLost)
            assert hit.plugin == lost.plugin == "hog"
            assert hit.data["limit"] == lost.data["limit"] == limit
            assert hit.data["setting"] == f"limits.{limit}"
            assert LIMITS[limit][1] in hit.message
            assert LIMITS[limit][1] in lost.message
            if limit == "memory":
                assert 50 * MIB < lost.data["peak_memory"] < 400 * MIB

    run(main())


def test_one_that_starts_too_many_processes_cannot_start_more_or_is_ended(run, get, tmp_path):
    async def main():
        async with hog(tmp_path, "processes", get) as (events, take):
            (answer,) = await asyncio.gather(take(), return_exceptions=True)
            assert "BlockingIOError" in str(answer) or isinstance(answer, WeftError)
            hit = await told(events, "limit")
            assert hit.data["limit"] == "processes"
            assert LIMITS["processes"][1] in hit.message

    run(main())
