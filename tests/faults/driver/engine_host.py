"""A host of an engine that does what it is told. Argument: a folder for state.

Reads lines of JSON, such as ``["load", SOURCE]``, ``["upgrade", NAME, SOURCE]``, ``["unload", NAME]`` or ``[]``, and
answers each with what there is once all is at rest.
"""

import asyncio
import json
import sys
from pathlib import Path

from weft.engine import Engine
from weft.errors import WeftError

REQUEST = ["GET", b"/", [], "http", "1.1", None, None, b""]


async def ask(plugin):
    _, _, body = await plugin.pick().call("web.request", REQUEST, timeout=15)
    return body.decode().split()


async def rest(engine):
    while any(plugin.draining for plugin in engine.plugins.values()):
        await asyncio.sleep(0.01)


async def do(engine, what, *arguments):
    """The error's class, '' for none."""
    try:
        await getattr(engine, what)(*arguments)
    except WeftError as error:
        return type(error).__name__
    return ""


async def main(state):
    async with Engine(state) as engine:
        while line := await asyncio.to_thread(sys.stdin.readline):
            command = json.loads(line)
            error = await do(engine, *command) if command else ""
            await rest(engine)
            answers = {name: await ask(plugin) for name, plugin in engine.plugins.items()}
            releases = {name: plugin.release.number for name, plugin in engine.plugins.items()}
            print(json.dumps({"error": error, "answers": answers, "releases": releases}), flush=True)


asyncio.run(main(Path(sys.argv[1])))
