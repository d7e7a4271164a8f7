"""Leaving the engine while something changes."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from weft.engine import Engine
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
