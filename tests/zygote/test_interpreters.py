"""A zygote runs on the plugin's interpreter: on each version that plugins may have, and on one that brings packages."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from weft.manifest.model import Limits
from weft.runtimes.launch import Launch
from weft.runtimes.process.runtime import ProcessRuntime
from weft.sandbox.processes import read_stat

SHOWS = """
import json, sys

async def app(scope, receive, send):
    assert scope["type"] == "http"
    names = ("msgspec", "uvloop", "asyncio", "weft.sdk.process")
    found = {name: getattr(sys.modules[name], "__file__", None) for name in names if name in sys.modules}
    body = json.dumps([sys.version_info[:2], found, getattr(sys.modules.get("msgspec"), "OWN", None)]).encode()
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": body})
"""


@pytest.fixture
def answer(run, tmp_path):
    """``answer(python, *flags)``: what a plugin on that interpreter says of itself, and what was reported of it."""
    folder = tmp_path / "plugin"
    folder.mkdir()
    (folder / "shows.py").write_text(SHOWS)

    def ask(python, *flags, helpers=None):
        events = []
        launch = Launch(
            name="shows", version="1", folder=folder, entry="shows", provides=(), limits=Limits(),
            interpreter=(str(python), *flags), helpers=helpers, data_dir=tmp_path / "data",
            report=lambda kind, message, **_: events.append((kind, message)),
        )  # fmt: skip

        async def main():
            instance = await ProcessRuntime().start(launch, lambda line: None)
            args = ["GET", b"/", [], "http", "1.1", None, None, b""]
            _, _, body = await instance.channel.call("web.request", args, timeout=15)
            keeper = read_stat(instance.pid).parent
            same = Path(f"/proc/{keeper}/exe").samefile(f"/proc/{instance.pid}/exe")
            await instance.stop(5)
            return json.loads(body), same, instance.sandbox

        return (*run(main()), events)

    return ask


def interpreters():
    roots = [Path.home() / ".pyenv/versions", *map(Path, filter(None, [os.environ.get("PYENV_ROOT")]))]
    found = {}
    for minor in range(9, 15):
        pattern = f"3.{minor}.*/bin/python3.{minor}"
        found[minor] = next((each for root in roots for each in sorted(root.glob(pattern))), None)
    return found


@pytest.mark.parametrize("minor", interpreters())
def test_each_version_is_forked_by_a_zygote_of_its_own_and_confined(answer, minor):
    python = interpreters()[minor]
    if python is None:
        pytest.skip(f"there is no Python 3.{minor} under pyenv here")
    (version, found, _), forked, sandbox, events = answer(python, "-I", "-S")
    assert version == [3, minor]
    assert "weft.sdk.process" in found
    assert forked
    assert events == []
    own = answer(sys._base_executable, "-I", "-S")[2]
    assert sandbox == own


DRAWS = """
import json, os, random, threading, uuid

async def app(scope, receive, send):
    assert scope["type"] == "http"
    drawn = [random.random(), uuid.uuid4().hex, os.urandom(8).hex()]
    body = json.dumps([drawn, threading.main_thread().ident == threading.get_ident()]).encode()
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": body})
"""


@pytest.mark.parametrize("minor", interpreters())
def test_two_that_are_forked_from_one_zygote_draw_different_numbers(run, tmp_path, minor):
    python = interpreters()[minor]
    if python is None:
        pytest.skip(f"there is no Python 3.{minor} under pyenv here")
    (tmp_path / "draws.py").write_text(DRAWS)

    async def drawn(runtime, name):
        launch = Launch(
            name=name, version="1", folder=tmp_path, entry="draws", provides=(), limits=Limits(),
            interpreter=(str(python), "-I", "-S"), helpers=None, data_dir=tmp_path / "data" / name,
        )  # fmt: skip
        instance = await runtime.start(launch, lambda line: None)
        args = ["GET", b"/", [], "http", "1.1", None, None, b""]
        _, _, body = await instance.channel.call("web.request", args, timeout=15)
        return instance, json.loads(body)

    async def main():
        runtime = ProcessRuntime()
        (one, (first, main_one)), (two, (second, main_two)) = await asyncio.gather(
            drawn(runtime, "one"), drawn(runtime, "two")
        )
        assert read_stat(read_stat(one.pid).parent).parent == read_stat(read_stat(two.pid).parent).parent
        assert not set(first) & set(second)
        assert main_one
        assert main_two
        await asyncio.gather(one.stop(5), two.stop(5))

    run(main())


def test_an_environment_that_brings_msgspec_itself_gets_its_own(answer, tmp_path):
    venv = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", venv], check=True, timeout=60)
    packages = next((venv / "lib").glob("python*/site-packages"))
    (packages / "msgspec").mkdir()
    (packages / "msgspec/__init__.py").write_text("OWN = 'an old one'\nraise ImportError('of another machine')\n")
    helpers = tmp_path / "helpers"
    (helpers / "msgspec").mkdir(parents=True)
    (helpers / "msgspec/__init__.py").write_text("OWN = 'the helper'\nraise ImportError('not to be used')\n")
    (packages / "uvloop.py").write_text("raise ImportError('of another machine')\n")
    (version, found, own), forked, _, events = answer(venv / "bin/python", "-I", helpers=helpers)
    assert version == list(sys.version_info[:2])
    assert own is None
    assert "uvloop" not in found
    assert forked
    assert events == []


def test_code_of_a_plugins_packages_runs_only_where_it_is_confined(answer, tmp_path):
    """A ``.pth`` file is run by every interpreter that starts in an environment; in a zygote it is not."""
    venv = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", venv], check=True, timeout=60)
    packages = next((venv / "lib").glob("python*/site-packages"))
    mark = tmp_path / "mark"
    inside = tmp_path / "data/inside"
    lines = f"import os; [open(p, 'w').close() for p in ({str(inside)!r}, {str(mark)!r})]"
    (packages / "evil.pth").write_text(f"{lines}\n")
    _, forked, _, events = answer(venv / "bin/python", "-I")
    assert forked
    assert events == []
    assert inside.exists()
    assert not mark.exists()
