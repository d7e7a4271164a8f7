"""What people see on a terminal."""

from __future__ import annotations

import os
import subprocess
import sys

from weft.cli.output import Output
from weft.errors import WeftError

TABLE = """
from weft.cli.output import Output
Output(json=False, debug=False).table([], ("plugin", "served at"), [("shop#1", "http://" + "x" * 200)])
"""
LOG = """
import structlog
from weft.server.logging import configure_logging
configure_logging("info")
structlog.get_logger("weft.events").info("shop#1 answers", plugin="shop", kind="running", more=3)
"""
HOSTILE_TABLE = """
from weft.cli.output import Output
title = "\\x1b]0;x\\x07\\x1b[8m\\nforged#1  fine\\t"
Output(json=False, debug=False).table([], ("plugin", "title"), [("shop#1", title)])
"""
HOSTILE_LOG = """
import logging
import structlog
from weft.server.logging import configure_logging
configure_logging("info")
TEXT = "\\x1b]0;x\\x07\\x1b[2J"
structlog.get_logger("weft.events").info("shop says " + TEXT, plugin="shop", reason=TEXT, tail=[TEXT])
try:
    raise ValueError(TEXT)
except ValueError:
    structlog.get_logger("weft").exception("of the server")
    logging.getLogger("weft.engine").exception("of a library, %s", TEXT)
"""


def on_a_terminal(code):
    """What a program writes to a terminal that is 80 columns wide."""
    controller, terminal = os.openpty()
    try:
        env = {**os.environ, "COLUMNS": "80", "TERM": "xterm"}
        subprocess.run([sys.executable, "-c", code], stdout=terminal, stderr=terminal, env=env, check=True, timeout=30)
        return os.read(controller, 100_000).decode()
    finally:
        os.close(terminal)
        os.close(controller)


def test_a_table_keeps_its_cells_whole():
    header, row = on_a_terminal(TABLE).splitlines()
    assert header == "\x1b[1mPLUGIN  SERVED AT\x1b[0m"
    assert row == f"shop#1  http://{'x' * 200}"


def test_the_servers_log_is_short():
    said = on_a_terminal(LOG)
    assert "shop#1 answers" in said
    assert "more" in said
    assert not {"weft.events", "kind", "plugin"} & set(said.replace("=", " ").split())
    assert len(said.splitlines()) == 1


def test_what_a_plugin_says_cannot_move_the_terminal(capsys):
    output = Output(json=False, debug=False)
    output.line({}, "\x1b[31mred\x1b[0m\t\x1b]0;title\x07\x1b[2J\r\x9b1A")
    output.error(WeftError("\x1b[2Jgone\nnext"))
    shown = capsys.readouterr()
    assert shown.out == "\x1b[31mred\x1b[0m\t\\x1b]0;title\\x07\\x1b[2J\\r\\x9b1A\n"
    assert shown.err == "error: \\x1b[2Jgone\nnext\n"


def test_a_cell_stays_one_cell_whatever_a_plugin_calls_itself():
    _, row = on_a_terminal(HOSTILE_TABLE).splitlines()
    assert row == r"shop#1  \x1b]0;x\x07\x1b[8m\nforged#1  fine\t"


def test_what_plugins_say_in_the_servers_log_cannot_move_the_terminal():
    said = on_a_terminal(HOSTILE_LOG)
    assert "ValueError" in said
    assert said.count("]0;x") == 6
    assert not {"\x07", "\x1b]", "\x1b[2J"} & {said[at : at + size] for at in range(len(said)) for size in (1, 2, 4)}
