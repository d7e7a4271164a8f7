"""Engines without await, releases of the plugins in tests/plugins, and programs that use them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import weft.sync
from weft.engine import Engine, Release
from weft.manifest.model import Limits, Manifest
from weft.packages.environments import Environment

PLUGINS = Path(__file__).parents[1] / "plugins"
PROGRAMS = Path(__file__).parent / "programs"


@pytest.fixture
def release(tmp_path):
    """``release(entry, number=1)``: of a plugin in tests/plugins, named ``shop``, on the bare interpreter."""
    environment = Environment("none", Path(sys._base_executable), ("-I", "-S"), None, sys.version.split()[0])

    def make(entry="hello", number=1, **limits):
        return Release(
            manifest=Manifest(name="shop", version=f"1.{number}", entry=entry, limits=Limits(**limits)),
            folder=PLUGINS,
            digest=f"sha256:{number}",
            environment=environment,
            data_dir=tmp_path / "data",
            number=number,
            env={"RELEASE": str(number)},
        )

    return make


@pytest.fixture
def engine(tmp_path):
    """A running one."""
    with weft.sync.Engine(tmp_path / "state") as running:
        yield running


@pytest.fixture
def get(engine):
    """``get(target)``: what the plugin ``shop`` answers."""

    async def request(asynchronous: Engine, target: bytes):
        args = ["GET", target, [], "http", "1.1", None, None, b""]
        _, _, body = await asynchronous.plugin("shop").pick().call("web.request", args, timeout=15)
        return body.decode().split()

    return lambda target=b"/": engine.call(request, target)


@pytest.fixture
def program(tmp_path):
    """``program(name, *arguments)``: runs tests/sync/programs/NAME.py to its end; returns what it printed."""

    def run(name, *arguments, within=60, code=0):
        command = [sys.executable, PROGRAMS / f"{name}.py", tmp_path / "state", *arguments]
        done = subprocess.run(command, capture_output=True, text=True, timeout=within, check=False)
        assert (done.returncode, done.stderr) == (code, "")
        return done.stdout

    return run
