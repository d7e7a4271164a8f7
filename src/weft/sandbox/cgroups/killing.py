"""The end of every process in a cgroup, and of the cgroup."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from weft.sandbox.cgroups.files import members, write

_POLL = 0.002
"""Seconds between looks: the kernel takes about as long to end a process."""
_AT_ONCE = 64
"""Processes looked at together: each takes a descriptor."""


def kill_all(folder: Path, within: float) -> None:
    """End whatever is in ``folder`` and below, for certain. Raises TimeoutError after ``within`` seconds."""
    deadline = time.monotonic() + within
    _forbid_more(folder)
    while left := members(folder):
        if time.monotonic() > deadline:
            raise TimeoutError(f"{len(left)} processes in {folder} did not end within {within:g} s of SIGKILL")
        _kill_once(folder, sorted(left))
        time.sleep(_POLL)


def remove(folder: Path, within: float) -> None:
    """Remove ``folder`` and what is below. Raises OSError where processes are left in it after ``within`` seconds."""
    deadline = time.monotonic() + within
    for root, _folders, _files in os.walk(folder, topdown=False):
        while not _removed(root, final=time.monotonic() > deadline):
            time.sleep(_POLL)


def _forbid_more(folder: Path) -> None:
    """From now on none of them starts another: a fork bomb cannot outrun its end."""
    with suppress(OSError):  # the pids controller is elsewhere, or nowhere: the loop wins in the end
        write(folder / "pids.max", "0")


def _kill_once(folder: Path, left: Sequence[int]) -> None:
    with suppress(OSError):
        write(folder / "cgroup.kill", "1")  # version 2, Linux 5.14
        return
    for first in range(0, len(left), _AT_ONCE):
        _signal(folder, left[first : first + _AT_ONCE])


def _signal(folder: Path, pids: Sequence[int]) -> None:
    """A number may come to name another process: ours is what is held by a descriptor first, and is a member after."""
    held = {}
    try:
        for pid in pids:
            with suppress(OSError):
                held[pid] = os.pidfd_open(pid)
        for pid in members(folder) & held.keys():
            with suppress(OSError):
                signal.pidfd_send_signal(held[pid], signal.SIGKILL)
    finally:
        for descriptor in held.values():
            os.close(descriptor)


def _removed(folder: str, *, final: bool) -> bool:
    try:
        os.rmdir(folder)
    except FileNotFoundError:
        return True
    except OSError:  # EBUSY: its last process is on its way out
        if final:
            raise
        return False
    return True
