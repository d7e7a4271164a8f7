"""Who descends from a program, also after it was killed, however it tried to get away (Linux)."""

from __future__ import annotations

import ctypes
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from weft.sandbox.processes import every_stat, read_stat

PR_SET_CHILD_SUBREAPER = 36
Identity = tuple[int, int]
"""Process number and start time, which no other process has."""


@contextmanager
def adopting() -> Iterator[None]:
    """Meanwhile whatever loses its parent below this process becomes its child."""
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    try:
        yield
    finally:
        prctl(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)


@dataclass(frozen=True)
class Family:
    """A program, itself a child of this process, that is to take all it started with it. Made before it starts any."""

    pid: int
    started: int
    before: frozenset[Identity]

    @classmethod
    def of(cls, pid: int) -> Family:
        stat = read_stat(pid)
        assert stat is not None, f"process {pid} is not there"
        return cls(pid, stat.started, frozenset(_below(os.getpid())) - {stat.identity})

    @property
    def mark(self) -> str:
        """What the names of its cgroups have in them."""
        return f"-{self.pid}-{self.started}-"

    def living(self) -> set[Identity]:
        """What there is of it: below this process, or in cgroups of its."""
        return _below(os.getpid()) - self.before | set(self._in_cgroups())

    def _in_cgroups(self) -> Iterator[Identity]:
        for stat in every_stat():
            with suppress(OSError):
                if not stat.ended and self.mark in Path(f"/proc/{stat.pid}/cgroup").read_text():
                    yield stat.identity

    def left(self, seconds: float) -> list[str]:
        """What of it is there still after so many seconds; that is ended then."""
        deadline = time.monotonic() + seconds
        while (living := self.living()) and time.monotonic() < deadline:
            time.sleep(0.01)
        said = [f"{pid} {_command(pid)}" for pid, _ in living]
        for pid, _ in living:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._reap()
        return said

    def _reap(self) -> None:
        """Ask how those ended that were adopted."""
        for stat in every_stat():
            if stat.ended and stat.parent == os.getpid() and stat.identity not in self.before and stat.pid != self.pid:
                with suppress(ChildProcessError):
                    os.waitpid(stat.pid, os.WNOHANG)


def _below(pid: int) -> set[Identity]:
    """Every living process below ``pid``."""
    every = list(every_stat())
    found = {pid}
    while more := {stat.pid for stat in every if stat.parent in found} - found:
        found |= more
    return {stat.identity for stat in every if stat.pid in found - {pid} and not stat.ended}


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
    except OSError:
        return ""
