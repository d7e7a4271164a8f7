"""What processes use, as the kernel tells it: of real ones, with children."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from weft.runtimes.process.usage import family, family_memory, process_usage

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="Linux alone tells what a process uses")

FORKS = """
import os, sys, time
held = bytearray(os.urandom(1)) * (32 * 1024 * 1024)
for _ in range(2):
    if os.fork() == 0:
        if os.fork() == 0:
            os.setsid()
        break
os.write(1, b"there\\n")
sys.stdin.read()
"""
BURNS = """
import os, sys, time
if os.fork() == 0:
    ends = time.process_time() + 0.3
    while time.process_time() < ends:
        pass
    os._exit(0)
os.wait()
os.write(1, b"there\\n")
sys.stdin.read()
"""


@pytest.fixture
def start():
    """``start(code, lines=1)``: a process that has said so many lines, and ends with the test."""
    started = []

    def run(code, lines=1):
        process = subprocess.Popen([sys.executable, "-c", code], stdin=-1, stdout=-1, text=True)
        started.append(process)
        for _ in range(lines):
            assert process.stdout.readline() == "there\n"
        return process.pid

    yield run
    for process in started:
        process.communicate(timeout=20)


def test_a_family_is_all_descendants(start):
    pid = start(FORKS, lines=5)
    found = family(pid)
    assert (found[0], len(found), len(set(found))) == (pid, 5, 5)
    assert process_usage(pid)["processes"] == 5


def test_pages_that_are_shared_count_once(start):
    pid = start(FORKS, lines=5)
    held = 32 * 1024 * 1024
    assert process_usage(pid)["memory"] > 4 * held
    assert held < family_memory(pid) < 2.5 * held


def test_the_time_of_children_that_have_ended_counts(start):
    assert process_usage(start(BURNS))["cpu"] >= 0.25


def test_of_a_process_that_is_gone_nothing_is_known():
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait(20)
    assert process_usage(gone.pid) == {}
    assert family_memory(gone.pid) is None


def test_a_process_knows_its_own():
    usage = process_usage(os.getpid())
    assert usage["cpu"] == pytest.approx(sum(os.times()[:4]), abs=1.0)  # with its children that have ended
    assert usage["memory"] > 1024 * 1024
