"""Leaving the engine while something changes."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from weft.engine import Engine
from weft.engine.events import Events
from weft.errors import Unavailable
from weft.manifest import Manifest

APP = "async def app(scope, receive, send):\n    raise RuntimeError('no lifespan')\n"


def test_the_end_waits_for_a_change_under_way_and_refuses_new_ones(tmp_path: Path) -> None:
    async def main() -> None:
        (tmp_path / "hello.py").write_text(APP)
        committing, go_on = asyncio.Event(), asyncio.Event()

        async def commit(_facts: object) -> None:
            committing.set()
            await go_on.wait()

        engine = Engine(tmp_path / "state")
        async with engine:
            release = await engine.prepare(Manifest(name="hello", entry="hello:app"), tmp_path, digest="sha256:0")
            running = asyncio.create_task(engine.run(release, commit=commit))
            await committing.wait()
            asyncio.get_running_loop().call_later(0.1, go_on.set)
        plugin = await running
        assert plugin.state == "stopped"
        assert plugin.instances == ()
        with pytest.raises(Unavailable, match="the engine is ending"):
            await engine.run(release)

    asyncio.run(main())


def test_events_are_told_from_the_call_on(tmp_path: Path) -> None:
    async def main() -> None:
        (tmp_path / "hello.py").write_text(APP)
        async with Engine(tmp_path / "state") as engine:
            events = engine.events()
            await engine.load(tmp_path / "hello.py")
        kinds = [(await anext(events)).kind for _ in range(5)]
        assert kinds == ["starting", "running", "draining", "drained", "stopped"]

    asyncio.run(main())


def test_a_stream_that_is_closed_ends_for_who_waits() -> None:
    async def main() -> None:
        events = Events()
        stream = events.stream()
        waiting = asyncio.create_task(anext(stream, None))
        await asyncio.sleep(0)
        await stream.aclose()
        assert await waiting is None

    asyncio.run(main())


def test_what_failed_and_nobody_waited_for_is_raised_in_the_end(tmp_path: Path) -> None:
    async def main(*errors: Exception) -> None:
        async with Engine(tmp_path / "state") as engine:
            for error in errors:
                engine.failed("shop", "drain_failed", error)

    asyncio.run(main())
    with pytest.raises(OSError, match="one"):
        asyncio.run(main(OSError("one")))
    with pytest.raises(ExceptionGroup, match="the engine ended") as caught:
        asyncio.run(main(OSError("one"), OSError("two")))
    assert [str(error) for error in caught.value.exceptions] == ["one", "two"]
