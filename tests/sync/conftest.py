"""Engines without await, releases of the plugins in tests/plugins, and programs that use them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Protocol

import pytest

import weft.sync
from weft.contracts.declare import contract, hook
from weft.engine import Engine, Release
from weft.manifest.model import Limits, Manifest
from weft.packages.environments import Environment

PLUGINS = Path(__file__).parents[1] / "plugins"
GALLERY = Path(__file__).parent / "plugins" / "gallery.py"
PROGRAMS = Path(__file__).parent / "programs"


@contract
class Gallery(Protocol):
    def small(self, image: bytes, width: int, *, grey: bool = False) -> bytes: ...
    def where(self) -> list[int]: ...
    def hang(self) -> None: ...
    def refuse(self) -> None: ...
    def frames(self, count: int) -> Iterator[int]: ...
    def under_way(self) -> int: ...
    def convert(self, steps: int, progress: Callable[[float], None], agree: Callable[[int], bool]) -> list[bool]: ...
    def convert_later(self, agree: Callable[[int], Awaitable[bool]]) -> list[bool]: ...
    def total(self, numbers: Iterator[int]) -> int: ...
    def have_read(self) -> int: ...
    def doubled(self, numbers: Iterator[int]) -> Iterator[int]: ...
    def numbered(self, pages: int, page: Callable[[int], str]) -> Iterator[str]: ...
    @hook()
    def thread(self) -> int: ...
    @hook(mode="pipeline")
    def render(self, page: str) -> str: ...


@pytest.fixture
def gallery_source():
    """The file of the plugin ``gallery``."""
    return GALLERY


@pytest.fixture
def contracts():
    """The contract that the plugin ``gallery`` provides."""
    return Gallery


@pytest.fixture
def gallery(engine):
    """The plugin ``gallery``, in a process of its own, as its contract."""
    engine.load(GALLERY)
    return engine.use(Gallery)


@pytest.fixture
def inline(engine, tmp_path):
    """The plugin ``gallery`` in this interpreter, as its contract."""
    source = tmp_path / "gallery.py"
    source.write_text(GALLERY.read_text().replace("# provides =", '# runtime = "inline"\n# provides ='))
    engine.load(source)
    return engine.use(Gallery)


@pytest.fixture(scope="module")
def shared_gallery(tmp_path_factory):
    """``gallery`` for all tests of a module."""
    with weft.sync.Engine(tmp_path_factory.mktemp("engine")) as running:
        running.load(GALLERY)
        yield running.use(Gallery)


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
