"""A host: runs blocks_loop, prints its process id and, once its loop is blocked, a line. Argument: a folder for state."""

import asyncio
import sys
from pathlib import Path

from weft.engine import Engine, Release
from weft.manifest.model import Manifest
from weft.packages.environments import Environment


def tell(_name, line):
    if line.text == "blocking":
        print(line.text, flush=True)


async def main(state):
    release = Release(
        manifest=Manifest(name="shop", entry="blocks_loop"),
        folder=Path(__file__).parents[1],
        digest="sha256:0",
        environment=Environment("none", Path(sys._base_executable), ("-I", "-S"), None, sys.version.split()[0]),
        data_dir=state / "data",
    )
    async with Engine(state, output=tell) as engine:
        plugin = await engine.run(release)
        print(plugin.instances[0].pid, flush=True)
        args = ["GET", b"/block?600", [], "http", "1.1", None, None, b""]
        await plugin.pick().call("web.request", args)


asyncio.run(main(Path(sys.argv[1])))
