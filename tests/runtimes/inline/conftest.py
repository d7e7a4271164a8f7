"""Inline plugins of real folders, in this very interpreter; every test leaves it as it was."""

from __future__ import annotations

import sys
from contextlib import asynccontextmanager
from pathlib import Path
from textwrap import dedent

import pytest

from weft.manifest.model import Limits
from weft.runtimes.launch import Launch

APP = """
async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        for event in ("startup", "shutdown"):
            await receive()
            await send({"type": f"lifespan.{event}.complete"})
        return
    body = str(answer(scope["path"])).encode()
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": body})
"""
"""The end of a module: an application that answers with what ``answer(path)`` returns."""


@pytest.fixture(autouse=True)
def _as_it_was(tmp_path):
    """Fails a test after which the import system holds anything of its plugins."""
    path = list(sys.path)
    yield
    inside = str(tmp_path)
    left = [name for name, module in sys.modules.items() if inside in str(getattr(module, "__file__", None))]
    cached = [each for each in sys.path_importer_cache if inside in each]
    for name in left:
        del sys.modules[name]
    assert (left, cached, sys.path) == ([], [], path)


@pytest.fixture
def folder(tmp_path):
    """``folder(name, {"shop/__init__.py": text})``: a folder of files; ``answer`` in a text makes it a web plugin."""

    def make(name, files):
        root = tmp_path / name
        for path, text in files.items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text(dedent(text) + (APP if "def answer" in text else ""))
        root.mkdir(exist_ok=True)
        return root

    return make


@pytest.fixture
def launch(tmp_path):
    """``launch(folder, entry)``: of a plugin named ``shop``, unless another is given."""

    def make(folder, entry=None, *, name="shop", version="1.0", variables=None, provides=(), config=None, **limits):
        return Launch(
            name=name,
            version=version,
            folder=Path(folder),
            entry=entry,
            provides=provides,
            limits=Limits(**{"startup": 20.0, **limits}),
            interpreter=(),
            helpers=None,
            data_dir=tmp_path / "data" / name,
            config=config or {},
            variables=variables or {},
        )

    return make


@pytest.fixture
def runtime():
    from weft.runtimes.inline.runtime import InlineRuntime

    return InlineRuntime()


@pytest.fixture
def started(launch, runtime):
    """``async with started(folder, entry) as instance``: stopped in the end."""

    @asynccontextmanager
    async def start(folder, entry=None, *, runtime=runtime, **options):
        instance = await runtime.start(launch(folder, entry, **options), print)
        try:
            yield instance
        finally:
            await instance.stop(5)

    return start


@pytest.fixture
def get():
    """``await get(instance, path)``: the answer."""

    async def request(instance, path=b"/"):
        args = ["GET", path, [], "http", "1.1", None, None, b""]
        status, _, body = await instance.channel.call("web.request", args, timeout=15)
        return body.decode() if status == 200 else status

    return request
