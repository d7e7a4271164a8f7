"""However a program ends, its exit waits for nothing, and no plugin outlives it."""

from __future__ import annotations

import time
from pathlib import Path

import pytest


def runs(pid):
    """Whether the process exists and is no zombie that its new parent has yet to collect."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False
    return stat.rpartition(")")[2].split()[0] not in "ZX"


def gone(pid, within=5):
    deadline = time.monotonic() + within
    while runs(pid) and time.monotonic() < deadline:
        time.sleep(0.01)
    return not runs(pid)


WAYS = ["forgotten", "calling", "exit", "at-once", "atexit", "atexit-temporary", "temporary"]


@pytest.mark.parametrize("way", WAYS)
def test_a_program_ends_though_it_did_not_close_its_engine(program, way):
    printed = program("leaves", way).split()
    assert gone(int(printed[0]))
    assert printed[1:] == (["closed", "None"] if way.startswith("atexit") else [])


def test_a_thread_may_use_the_engine_after_the_main_thread(program):
    pid, release, answered = program("leaves", "thread").split()
    assert (release, answered) == ("1", pid)
    assert gone(int(pid))
