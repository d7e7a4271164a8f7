"""What a host asks of its engine fails at each of its steps: what ran goes on, and nothing is left."""

import json
import os
import subprocess
import sys
import time
from contextlib import contextmanager
from itertools import chain
from pathlib import Path

import pytest

HOST = Path(__file__).parent / "driver" / "engine_host.py"
EXPECTED = {"StorageFailed", "StartFailed", "EnvironmentFailed", "PackageError", "ManifestError"}
HALF = (".partial-", ".unpack-", ".new-")
"""How the names begin of what is being written or removed."""
APP = """
# /// script
# dependencies = []
# [tool.weft]
# ///
import os
COPY = os.urandom(8).hex()
async def app(scope, receive, send):
    if scope["type"] == "http":
        await send({{"type": "http.response.start", "status": 200, "headers": []}})
        await send({{"type": "http.response.body", "body": f"{word} {{COPY}}".encode()}})
"""


class Host:
    """A program with an engine, and the plugins on its disk."""

    def __init__(self, faults, folder):
        self.faults = faults
        self.state = folder / "state"
        self._folder = folder
        command = [sys.executable, HOST, self.state]
        self.process = faults.popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def do(self, *command):
        self.process.stdin.write(json.dumps(command) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def source(self, name, word):
        file = self._folder / f"{name}.py"
        file.write_text(APP.format(word=word))
        return str(file)

    def left(self):
        """The releases on the disk, the data folders, and what is half written."""
        copies = [each for each in self.state.glob("loaded/*/*") if each.is_dir()]
        half = [each for _, *names in os.walk(self.state) for each in chain(*names) if each.startswith(HALF)]
        data = {each.name for each in self.state.glob("data/*")} - {"extra"}
        return len(copies), data, half

    def at_rest(self, copies):
        """``left()`` once so many copies are there: what a release leaves is removed after its drain."""
        deadline = time.monotonic() + 5
        while ((left := self.left())[0], left[2]) != (copies, []):
            assert time.monotonic() < deadline, left
            time.sleep(0.01)
        return left

    def check_left(self, expected):
        """What could not be removed goes with the next change."""
        if self.left() != expected:
            succeed(self, ("load", self.source("extra", "extra")))
            succeed(self, ("unload", "extra"))
        assert self.at_rest(expected[0]) == expected

    def close(self):
        with self.process as process:  # its end is that of what it reads
            process.stdin.close()
            return process.wait(30)


@pytest.fixture
def host(faults, tmp_path):
    host = Host(faults, tmp_path)
    yield host
    assert host.close() == 0
    assert not [each for each in (host.state / "loaded").iterdir() if each.is_dir()]


@contextmanager
def naming(step):
    try:
        yield
    except BaseException as error:
        error.add_note(f"at the step {step}")
        raise


def commands(host, what):
    """What brings about where it begins, and the operation itself, which changes something each time."""
    if what == "load":
        return [], ("load", host.source("shop", "one"))
    before = [("load", host.source("shop", "one"))]
    if what == "upgrade":
        return before, ("upgrade", "shop", host.source("next", "two"))
    return before, (what, "shop")


def succeed(host, command):
    seen = host.do(*command)
    assert not seen["error"]
    return seen


@pytest.mark.timeout(7200)
@pytest.mark.parametrize("lasting", [False, True])
@pytest.mark.parametrize("what", ["load", "upgrade", "restart", "unload"])
def test_what_fails_at_a_step_has_changed_nothing(host, some, what, lasting):
    succeed(host, ("load", host.source("other", "other")))
    prepare, command = commands(host, what)
    for _ in range(2):  # what is made once is there, then
        for each in prepare:
            succeed(host, each)
        with host.faults.recording() as steps:
            goal = succeed(host, command)
        left = host.at_rest(len(goal["releases"]))
        if "shop" in goal["answers"]:
            succeed(host, ("unload", "shop"))
    for step in some(steps, 3):
        with naming(step):
            for each in prepare:
                succeed(host, each)
            before = host.do()
            with host.faults.failing(step, lasting=lasting):
                seen = host.do(*command)
            if seen["error"]:
                assert seen["error"] in EXPECTED
                assert {**seen, "error": ""} == before
                seen = succeed(host, command)
            assert seen["releases"] == goal["releases"]
            assert [each[0] for each in seen["answers"].values()] == [each[0] for each in goal["answers"].values()]
            host.check_left(left)
            if "shop" in seen["answers"]:
                succeed(host, ("unload", "shop"))
