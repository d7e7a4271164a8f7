"""Plugins that provide contracts and tasks, from ``weft new`` to ``weft call``."""

from __future__ import annotations

import base64
import json
import subprocess
import sys

import pytest

HOST = '''
from dataclasses import dataclass
from typing import AsyncIterator, Protocol
import weft

class NotFound(Exception): pass

@dataclass
class Picture:
    data: bytes
    title: str = "none"

@weft.contract
class Thumbnailer(Protocol):
    """Makes small pictures of large ones."""

    async def thumbnail(self, picture: Picture, width: int = 200) -> Picture:
        """A small one."""

    def frames(self, count: int) -> AsyncIterator[bytes]: ...

    @weft.raises(NotFound)
    async def find(self, title: str) -> Picture | None: ...
'''
SHOWN = '''\
@dataclass(frozen=True)
class Picture:
    data: bytes
    title: str = "none"


class NotFound(Exception):
    pass


@weft.contract(name="thumbnailer")
class Thumbnailer(Protocol):
    """Makes small pictures of large ones."""

    async def thumbnail(self, picture: Picture, width: int = 200) -> Picture:
        """A small one."""

    def frames(self, count: int) -> AsyncIterator[bytes]: ...

    @weft.raises(NotFound)
    async def find(self, title: str) -> Picture | None: ...
'''
PLUGIN = """
# /// script
# [tool.weft]
# provides = ["thumbnailer"]
# ///
from dataclasses import dataclass
from typing import AsyncIterator

@dataclass
class Picture:
    data: bytes
    title: str = "none"

class Plugin:
    async def thumbnail(self, picture: Picture, width: int = 200) -> Picture:
        return Picture(picture.data[:width], picture.title.upper())

    async def frames(self, count: int) -> AsyncIterator[bytes]:
        for each in range(count):
            yield bytes([each])
        if count == 2:
            raise LookupError("the film is torn")

    async def find(self, title: str) -> Picture | None:
        raise LookupError(title)
"""
TASK = """
# /// script
# [tool.weft]
# provides = ["task"]
# ///
import time

def Execute(ctx):
    if ctx.get_value("sleep"):
        ctx.done.wait(600)
    ctx.set_value("seen", [ctx.get_value("data"), ctx.get_value("when")])
    return {1, 2}
"""


@pytest.fixture
def host(tmp_path):
    """An application's module ``shop.contracts`` in the current folder."""
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "__init__.py").touch()
    (tmp_path / "shop" / "contracts.py").write_text(HOST)
    return "shop.contracts:Thumbnailer"


def b64(data):
    return base64.b64encode(data).decode()


def test_a_class_is_shown_as_it_crosses(weft, host):
    shown = weft("contract", "show", host)
    assert (shown.returncode, shown.stdout, shown.stderr) == (0, SHOWN, "")
    (told,) = json.loads(weft("contract", "show", host, "--json").stdout)
    assert (told["contract"], told["version"]) == ("thumbnailer", 1)
    assert told["methods"]["frames"]["result"]["contentEncoding"] == "base64"


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("shop.nothing:Thumbnailer", "shop.nothing cannot be imported: ModuleNotFoundError"),
        ("shop.contracts:Nothing", "has no attribute 'Nothing'"),
        ("shop.contracts:NotFound", "is no contract: declare it with @weft.contract"),
        ("shop.contracts:", "expected MODULE:CLASS"),
        ("shop.broken:Thumbnailer", "shop.broken cannot be imported: ZeroDivisionError: division by zero"),
    ],
)
def test_a_class_that_is_none_is_named(weft, host, tmp_path, target, message):
    (tmp_path / "shop" / "broken.py").write_text("1 / 0")
    for command in (("contract", "show", target), ("new", "small", "--contract", target)):
        done = weft(*command)
        assert (done.returncode, done.stdout) == (1, "")
        assert message in done.stderr
        assert "Traceback" not in done.stderr


def test_a_new_plugin_for_a_contract_is_checked_tested_and_called(weft, host, weft_server, tmp_path):
    made = weft("new", "small-pictures", "--contract", host)
    assert made.returncode == 0, made.stderr
    assert weft("check", "small-pictures").stdout == "small-pictures 0.1.0: good; provides thumbnailer@1\n"
    command = [sys.executable, "-m", "unittest", "discover", "-s", "small-pictures"]
    tested = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert tested.returncode == 0, tested.stderr
    assert "Ran 3 tests" in tested.stderr

    server = weft_server(tmp_path / "small-pictures", state=tmp_path / "state")
    assert "small-pictures 0.1.0  thumbnailer@1\n" in server.text
    listed = weft("list").stdout.splitlines()[1]
    assert listed.endswith("thumbnailer@1")
    shown = weft("contract", "show", "small-pictures").stdout
    assert "    async def thumbnail(self, picture: Picture, width: int = 200) -> Picture:\n" in shown
    called = weft("call", "small-pictures", "thumbnailer.thumbnail", json.dumps({"picture": {"data": b64(b"abc")}}))
    assert json.loads(called.stdout) == {"data": "", "title": "none"}


def test_calls_streams_and_errors(weft, weft_server, tmp_path):
    source = tmp_path / "thumbs.py"
    source.write_text(PLUGIN)
    weft_server(state=tmp_path / "state")
    assert weft("deploy", source).stdout == "thumbs#1 serves thumbnailer@1\n"
    assert "provides   thumbnailer@1" in weft("status", "thumbs").stdout

    arguments = json.dumps([{"data": b64(b"abc"), "title": "me"}, 2])
    called = weft("call", "thumbs", "thumbnailer.thumbnail", arguments)
    assert json.loads(called.stdout) == {"data": b64(b"ab"), "title": "ME"}
    assert weft("call", "thumbs", "thumbnailer.thumbnail", "-", stdin=arguments).stdout == called.stdout
    assert weft("call", "thumbs", "thumbnailer.thumbnail", arguments, "--json").stdout == called.stdout
    assert weft("call", "thumbs", "thumbnailer@1.frames", '{"count": 3}').stdout == '"AA=="\n"AQ=="\n"Ag=="\n'

    torn = weft("call", "thumbs", "thumbnailer.frames", "[2]")
    assert (torn.returncode, torn.stdout) == (1, '"AA=="\n"AQ=="\n')
    assert torn.stderr == "error: plugin thumbs 0.0.0: LookupError: the film is torn\n"
    failed = weft("call", "thumbs", "thumbnailer.find", '["lost"]')
    assert (failed.returncode, failed.stderr) == (1, "error: plugin thumbs 0.0.0: LookupError: lost\n")
    assert 'thumbs.py", line' in weft("call", "thumbs", "thumbnailer.find", '["lost"]', "--debug").stderr
    wrong = weft("call", "thumbs", "thumbnailer.find", "[5]")
    assert (wrong.returncode, wrong.stderr) == (1, "error: thumbnailer.find: title: expected str, found int\n")
    told = json.loads(weft("call", "thumbs", "thumbnailer.gone", "--json").stdout)
    assert told["error"]["type"] == "UsageError"

    source.write_text("raise LookupError")
    failed = weft("deploy", source)
    assert failed.stderr.endswith("thumbs#1 goes on serving\n")
    source.write_text(PLUGIN.replace("width: int = 200", "width: str = ''"))
    changed = weft("deploy", source)
    assert "note: thumbnailer@1 is not what it was: thumbnail: the contract says" in changed.stderr
    assert "width is int, not str" in weft("events").stdout


@pytest.mark.parametrize(
    "arguments",
    [
        ["call", "thumbs", "frames"],
        ["call", "thumbs", "thumbnailer.frames", "5"],
        ["call", "thumbs", "thumbnailer.frames", "{"],
        ["call", "thumbs", "thumbnailer.frames", "--timeout", "0"],
        ["run", "thumbs", "--values", "[]"],
        ["new", "thumbs", "--task", "--contract", "a:b"],
    ],
)
def test_wrong_usage_exits_with_2(weft, arguments):
    done = weft(*arguments)
    assert done.returncode == 2
    assert "Usage: weft" in done.stderr


def test_a_task_is_run_with_values(weft, weft_server, tmp_path):
    (tmp_path / "work.py").write_text(TASK)
    weft_server(tmp_path / "work.py", state=tmp_path / "state")
    values = {"data": {"$bytes": b64(b"x")}, "when": {"$date": "2026-11-21"}}
    done = weft("run", "work", "--values", json.dumps(values))
    assert json.loads(done.stdout) == {"result": {"$set": [1, 2]}, "values": {"seen": list(values.values())}}
    late = weft("run", "work", "--values", '{"sleep": true}', "--timeout", "0.2")
    assert late.returncode == 1
    assert "deadline" in late.stderr
    wrong = weft("run", "work", "--values", '{"data": {"$bytes": "!"}}')
    assert wrong.stderr == "error: values: data: expected bytes as base64 text, found '!'\n"


def test_names_of_plugins_are_completed(weft, weft_server, tmp_path):
    def completed(*words):
        line = " ".join(["weft", *words])
        environment = {"_WEFT_COMPLETE": "bash_complete", "COMP_WORDS": line, "COMP_CWORD": str(len(words))}
        return weft(**environment).stdout.split()

    assert completed("status", "w") == []
    (tmp_path / "work.py").write_text(TASK)
    weft_server(tmp_path / "work.py", state=tmp_path / "state")
    assert completed("status", "w") == ["plain,work"]
    assert completed("call", "x") == []
    assert "plain,contract" in completed("contr")
