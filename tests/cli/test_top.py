"""``weft top`` and ``weft status``, on a terminal and off it."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import time
import urllib.request
from contextlib import contextmanager
from fcntl import ioctl
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weft.cli.quantities import duration
from weft.cli.screen import fitting
from weft.cli.top import COLUMNS

WEFT = str(Path(sys.executable).parent / "weft")
SHOP = """
async def app(scope, receive, send):
    if scope["type"] != "http":
        raise RuntimeError("no lifespan")
    await send({"type": "http.response.start", "status": 500 if scope["path"] == "/fails" else 200, "headers": []})
    await send({"type": "http.response.body", "body": b"one"})
"""
OWN_TERMINAL = """
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.argv[1], sys.argv[1:])
"""
"""Runs a command with its stdin as the terminal whose Ctrl-C it gets."""


@pytest.fixture(scope="module")
def server(shared_weft_server, tmp_path_factory):
    """A server with one plugin, which was asked four times; once it failed."""
    source = tmp_path_factory.mktemp("plugins") / "shop.py"
    source.write_text(SHOP)
    server = shared_weft_server(source)
    for path in ("/", "/", "/", "/fails"):
        request = urllib.request.Request(server.url + path, headers={"host": "shop.localhost"})
        try:
            urllib.request.urlopen(request, timeout=20).close()
        except urllib.error.HTTPError as error:
            error.close()
    return server


class Terminal:
    """``weft top`` on a terminal of its own."""

    def __init__(self, state, columns, rows):
        self._side, theirs = pty.openpty()
        ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self.before = termios.tcgetattr(theirs)
        environment = {key: value for key, value in os.environ.items() if key not in ("COLUMNS", "LINES")}
        environment |= {"WEFT_STATE": str(state), "TERM": "xterm"}
        command = [sys.executable, "-c", OWN_TERMINAL, WEFT, "top", "--interval", "0.5"]
        self.process = subprocess.Popen(
            command, stdin=theirs, stdout=theirs, stderr=theirs, env=environment, start_new_session=True
        )
        self._theirs = theirs
        self.text = ""

    def read_until(self, pattern, within=30):
        deadline = time.monotonic() + within
        while not (found := re.findall(pattern, self.text)):
            assert time.monotonic() < deadline, self.text
            if select.select([self._side], [], [], 0.1)[0]:
                self.text += os.read(self._side, 65536).decode(errors="replace")
        return found

    def type(self, keys):
        os.write(self._side, keys)

    def ended(self):
        """Its exit code, the terminal as it was left, and the rest of what it said."""
        deadline = time.monotonic() + 20
        while self.process.poll() is None and time.monotonic() < deadline:
            if select.select([self._side], [], [], 0.05)[0]:
                self.text += os.read(self._side, 65536).decode(errors="replace")
        return self.process.poll(), termios.tcgetattr(self._theirs)

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(20)
        os.close(self._side)
        os.close(self._theirs)


@contextmanager
def terminal(state, columns=160, rows=24):
    made = Terminal(state, columns, rows)
    try:
        yield made
    finally:
        made.close()


@pytest.mark.parametrize("keys", [b"q", b"xQ", b"\x03", b"\x04"])
def test_on_a_terminal_it_draws_again_and_again_until_a_key_ends_it(server, keys):
    with terminal(server.state) as top:
        header, *_ = top.read_until(r"NAME .*SANDBOX")
        assert header.split() == " ".join(COLUMNS).upper().split()
        top.read_until(r"shop +#1 +running +1 .* (?:none|partial|full)")
        drawn = len(re.findall("NAME ", top.text))
        top.read_until(f"(?s)(?:NAME .*){{{drawn + 2}}}")
        top.type(keys)
        code, after = top.ended()
        assert (code, after) == (0, top.before), top.text
        assert "\x1b[?1049l" in top.text  # what was on the screen before is there again
        assert "Traceback" not in top.text


def test_on_a_narrow_terminal_it_shows_what_matters_most(server):
    with terminal(server.state, columns=40) as top:
        top.read_until(r"shop +running")
        assert "NAME" in top.text
        assert "CPU %" in top.text
        assert "SANDBOX" not in top.text
        top.type(b"q")
        assert top.ended()[0] == 0


def test_a_server_that_ends_ends_it_with_its_error(weft_server, tmp_path):
    (tmp_path / "shop.py").write_text(SHOP)
    server = weft_server(tmp_path / "shop.py")
    with terminal(server.state) as top:
        top.read_until(r"shop +#1")
        server.stop()
        code, after = top.ended()
        assert (code, after) == (1, top.before)
        assert "no server runs at" in top.text


def test_once_is_a_table(weft, server):
    done = weft("top", "--once", "--state", server.state)
    assert (done.returncode, done.stderr) == (0, "")
    header, row = done.stdout.splitlines()
    assert header.split() == " ".join(COLUMNS).upper().split()
    assert row.split()[:4] == ["shop", "#1", "running", "1"]


def test_json_is_one_line_for_each_look(server):
    command = [WEFT, "top", "--json", "--interval", "0.5"]
    environment = {**os.environ, "WEFT_STATE": str(server.state)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as top:
        looks = [json.loads(top.stdout.readline()) for _ in range(2)]
        top.terminate()
    for (row,) in looks:
        assert (row["name"], row["release"], row["state"]) == ("shop", 1, "running")
        assert (row["stats"]["requests"], row["stats"]["errors"]) == (4, {"answered": 1})


def test_status_says_all_of_each_instance(weft, server):
    text = weft("status", "shop", "--state", server.state).stdout
    facts = dict(re.findall(r"^(\w[\w ]*?) {2,}(.+)$", text, re.MULTILINE))
    assert facts["requests"] == "4, errors: answered 1"
    assert (facts["restarts"], facts["calls"]) == ("0", "0")
    assert facts["sandbox"] in {"none", "partial", "full"}
    assert re.fullmatch(r"\S+ ms \(p50\), \S+ ms \(p90\), \S+ ms \(p99\)", facts["latency"])
    assert re.match(r"#1, pid \d+, 0 in flight, ", facts["instances"])
    if sys.platform == "linux":
        assert re.search(r"[1-9]\S* MiB \(peak \S+ MiB\), \d+\.\d s CPU", facts["instances"])
        assert re.fullmatch(r"[1-9]\S* MiB", facts["memory"])
    stats = json.loads(weft("status", "shop", "--json", "--state", server.state).stdout)["stats"]
    assert (stats["requests"], len(stats["instances"])) == (4, 1)


@given(st.integers(1, 200), st.lists(st.lists(st.text(max_size=12), min_size=4, max_size=4), max_size=5))
def test_columns_go_one_by_one_until_the_rest_fits(width, rows):
    columns, order = ("name", "a", "b", "c"), ("c", "a", "b")
    left, shown = fitting(columns, rows, order, width)
    gone = [each for each in order if each not in left]
    assert left == [each for each in columns if each not in gone]
    assert gone == list(order[: len(gone)])
    assert [dict(zip(left, row, strict=True)) for row in shown] == [
        {name: cell for name, cell in zip(columns, row, strict=True) if name in left} for row in rows
    ]
    widths = [max(map(len, column)) for column in zip(left, *shown, strict=True)]
    assert left == ["name"] or sum(widths) + 2 * (len(left) - 1) <= width


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(None, ""), (0.00042, "0.42 ms"), (0.0314, "31.4 ms"), (0.9994, "999 ms"), (0.9996, "1 s"), (2.5, "2.5 s")],
)
def test_durations_have_three_digits(seconds, text):
    assert duration(seconds) == text
