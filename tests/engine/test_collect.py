"""Environments are removed when nothing uses them."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from weft.engine import Engine
from weft.manifest import Manifest

APP = "async def app(scope, receive, send):\n    raise RuntimeError('no lifespan')\n"


def complete(environments: Path, digest: str) -> None:
    """Lay an environment out as a finished one that was last used long ago."""
    folder = environments / digest
    (folder / "bin").mkdir(parents=True)
    (folder / "bin" / "python").symlink_to(sys.executable)
    marker = folder / "weft-environment.json"
    marker.write_text("")
    os.utime(marker, (0, 0))


def test_what_no_plugin_uses_goes_and_what_was_used_of_late_stays(tmp_path: Path) -> None:
    async def main() -> None:
        plugin = tmp_path / "plugin"
        plugin.mkdir()
        (plugin / "hello.py").write_text(APP)
        async with Engine(tmp_path / "state") as engine:
            manifest = Manifest(name="hello", entry="hello:app")
            release = await engine.prepare(manifest, plugin, digest="sha256:0")
            await engine.run(release)
            old, late = "0" * 32, "1" * 32
            complete(tmp_path / "state" / "environments", old)
            complete(tmp_path / "state" / "environments", late)
            os.utime(tmp_path / "state" / "environments" / late / "weft-environment.json")
            assert await engine.collect(idle=60) == [old]
            assert not (tmp_path / "state" / "environments" / old).exists()
            assert (tmp_path / "state" / "environments" / late).exists()

    asyncio.run(main())
