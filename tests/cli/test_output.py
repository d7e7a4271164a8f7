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
