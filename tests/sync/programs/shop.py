"""What the programs of this folder share: an engine that runs the plugin ``shop``, and a question to it."""

import sys
from pathlib import Path

import weft
import weft.sync
from weft.engine import Release
from weft.manifest.model import Manifest
from weft.packages.environments import Environment

STATE = Path(sys.argv[1])
PLUGINS = Path(__file__).parents[2] / "plugins"


def run(engine, entry="hello"):
    """Runs the plugin and prints its process id."""
    release = Release(
        manifest=Manifest(name="shop", entry=entry),
        folder=PLUGINS,
        digest="sha256:0",
        environment=Environment("none", Path(sys._base_executable), ("-I", "-S"), None, sys.version.split()[0]),
        data_dir=STATE / "data",
        env={"RELEASE": "1"},
    )
    plugin = engine.call(weft.Engine.run, release)
    print(plugin.instances[0].pid, flush=True)
    return plugin


async def answer(asynchronous):
    args = ["GET", b"/", [], "http", "1.1", None, None, b""]
    _, _, body = await asynchronous.plugin("shop").pick().call("web.request", args, timeout=15)
    return body.decode().split()


async def hang(asynchronous):
    args = ["GET", b"/block?600", [], "http", "1.1", None, None, b""]
    await asynchronous.plugin("shop").pick().call("web.request", args)
