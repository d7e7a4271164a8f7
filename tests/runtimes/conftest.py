"""Launches of the plugins in tests/plugins, each in a process of its own."""

from __future__ import annotations

import asyncio
import sys
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from weft.manifest.model import Limits, Permissions
from weft.runtimes.launch import Launch
from weft.runtimes.process.runtime import ProcessRuntime

PLUGINS = Path(__file__).parents[1] / "plugins"


class Lines(list):
    """What a plugin printed."""

    @property
    def text(self):
        return "\n".join(line.text for line in self)

    async def until(self, words):
        async with asyncio.timeout(15):
            while words not in self.text:
                await asyncio.sleep(0.005)


@pytest.fixture
def lines():
    """What one plugin prints: ``lines.append`` is told."""
    return Lines()


@pytest.fixture
def launch(tmp_path):
    """``launch(entry, **limits)``: of a plugin in tests/plugins."""

    def make(entry, *, folder=PLUGINS, variables=None, passed=(), **limits):
        return Launch(
            name=entry,
            version="1.0",
            folder=folder,
            entry=entry,
            provides=(),
            limits=Limits(**{"startup": 15.0, **limits}),
            interpreter=(sys._base_executable, "-I", "-S"),
            helpers=None,
            data_dir=tmp_path / "data" / entry,
            variables=variables or {},
            permissions=Permissions(env=passed),
        )

    return make


@pytest.fixture
def started(launch):
    """``async with started(entry) as (instance, lines)``: stopped in the end."""

    @asynccontextmanager
    async def start(entry, **options):
        lines = Lines()
        instance = await ProcessRuntime().start(launch(entry, **options), lines.append)
        try:
            yield instance, lines
        finally:
            await instance.stop(1)

    return start


@pytest.fixture
def get():
    """``await get(instance, target)``: (status, body)."""

    async def request(instance, target=b"/", timeout=15):
        args = ["GET", target, [], "http", "1.1", None, None, b""]
        status, _, body = await instance.channel.call("web.request", args, timeout=timeout)
        return status, body

    return request
