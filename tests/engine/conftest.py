"""Engines, and releases of the plugins in tests/plugins on the bare interpreter."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

from weft.engine import Engine, Release
from weft.manifest.model import Limits, Manifest
from weft.packages.environments import Environment

PLUGINS = Path(__file__).parents[1] / "plugins"


@pytest.fixture
def release(tmp_path):
    """``release(entry, number=1, **manifest)``: of a plugin in tests/plugins, named ``shop``."""
    environment = Environment("none", Path(sys._base_executable), ("-I", "-S"), None, sys.version.split()[0])

    def make(entry="hello", number=1, *, name="shop", limits=None, **manifest):
        bounds = Limits(**{"startup": 15.0, "call": 15.0, "drain": 10.0, **(limits or {})})
        return Release(
            manifest=Manifest(name=name, version=f"1.{number}", entry=entry, limits=bounds, **manifest),
            folder=PLUGINS,
            digest=f"sha256:{number}",
            environment=environment,
            data_dir=tmp_path / "data" / name,
            number=number,
            env={"RELEASE": str(number)},
        )

    return make


@pytest.fixture
def engine(tmp_path):
    """``engine()``: a fresh one."""
    return lambda **options: Engine(tmp_path / "state", **options)


@pytest.fixture
def get():
    """``await get(plugin, target)``: what its release and process say."""

    async def request(plugin, target=b"/", within=15):
        args = ["GET", target, [], "http", "1.1", None, None, b""]
        _, _, body = await plugin.pick().call("web.request", args, timeout=within)
        return body.decode().split()

    return request


@pytest.fixture
def eventually():
    """``await eventually(condition)``"""

    async def wait(condition, within=15):
        async with asyncio.timeout(within):
            while not condition():
                await asyncio.sleep(0.005)

    return wait


APP = """{table}
import json
import os


async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        raise RuntimeError("no lifespan")
    body = "{body} " + str(os.getpid())
    await send({{"type": "http.response.start", "status": 200, "headers": []}})
    await send({{"type": "http.response.body", "body": body.encode()}})
"""


@pytest.fixture
def write():
    """``write(path, body="one", version="1.0", requires={}, **toml)``: a plugin of one file that answers ``body PID``.

    ``toml``: further lines of its table. A path without suffix becomes a folder with that file and a plugin.yaml.
    """

    def file(path, body="one", version="1.0", requires=None, lines=()):
        plugins = ", ".join(f'{name} = "{wanted}"' for name, wanted in (requires or {}).items())
        table = ["/// script", "dependencies = []", "[tool.weft]", f'version = "{version}"', *lines]
        table += [f"requires = {{ plugins = {{ {plugins} }} }}"] if requires else []
        path.parent.mkdir(parents=True, exist_ok=True)
        text = APP.format(table="\n".join(f"# {line}" for line in [*table, "///"]), body=body)
        new = path.with_name(f".{path.name}.new")
        new.write_text(text)
        return new.replace(path)

    return file
