"""Cgroups where the machine has them, and processes that wait to be told to begin."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from weft.sandbox.cgroups import Cgroup, Cgroups

MEMORY = 64 * 1024 * 1024
Make = Callable[..., Cgroup]
Start = Callable[[str], "subprocess.Popen[str]"]


def must_have_cgroups() -> bool:
    """Whether this is continuous integration, as root, with hierarchies of version 1: there nothing is in the way."""
    writable = os.access("/sys/fs/cgroup/memory/cgroup.procs", os.W_OK)
    return os.environ.get("CI") == "true" and os.geteuid() == 0 and writable


@pytest.fixture
def cgroups() -> Iterator[Cgroups]:
    """What this machine offers, all three limits; skipped with the reason where it lacks one."""
    found = Cgroups.find()
    if found.missing:
        assert not must_have_cgroups(), found.missing
        pytest.skip(f"no cgroups for this user here: {'; '.join(found.missing.values())}")
    yield found
    found.close()


@pytest.fixture
def make(cgroups: Cgroups, request: pytest.FixtureRequest) -> Iterator[Make]:
    """``make(memory=…, cpu=…, processes=…)``: a cgroup, which is emptied and removed in the end."""
    made: list[Cgroup] = []

    def cgroup(memory: int = MEMORY, cpu: float | None = None, processes: int = 4) -> Cgroup:
        found = cgroups.make(f"plugin-{len(made)}", memory=memory, cpu=cpu, processes=processes)
        assert found is not None
        made.append(found)
        return found

    yield cgroup
    for each in made:
        each.kill()
        each.remove()


@pytest.fixture
def enter() -> Callable[[Cgroup, int], None]:
    """``enter(cgroup, pid)``: what a newborn process does by itself."""

    def put(cgroup: Cgroup, pid: int) -> None:
        with cgroup.ways() as ways:
            for each in ways.entrances:
                os.write(each, str(pid).encode())

    return put


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """``start(code)``: a process that runs ``code`` once it reads a line; ended in the end."""
    started: list[subprocess.Popen[str]] = []

    def begin(code: str) -> subprocess.Popen[str]:
        pipe = subprocess.PIPE
        argv = [sys.executable, "-c", f"input()\n{code}"]
        started.append(subprocess.Popen(argv, stdin=pipe, stdout=pipe, stderr=pipe, text=True, cwd=tmp_path))
        return started[-1]

    yield begin
    for process in started:
        process.kill()
        process.communicate(timeout=10)
