"""Processes as Linux's /proc has them, and their kinship. Any pid may be gone, or given out again."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from pathlib import Path

_MOST_ANCESTORS = 1024


@dataclass(frozen=True)
class Process:
    """One process at one moment. ``started`` is in seconds since boot, ``uid`` the effective one.

    ``ended``: nobody has collected it yet.
    """

    pid: int
    parent: int
    started: float
    uid: int
    ended: bool = field(default=False, compare=False)


def read_process(pid: int) -> Process | None:
    """The process ``pid``; None when there is none, or the kernel does not tell."""
    folder = Path(f"/proc/{pid}")
    try:
        stat = (folder / "stat").read_text("utf-8", "replace").rpartition(")")[2].split()
        status = (folder / "status").read_text("utf-8", "replace")
        uids = next(line for line in status.splitlines() if line.startswith("Uid:")).split()
        started = int(stat[19]) / os.sysconf("SC_CLK_TCK")
        return Process(pid, parent=int(stat[1]), started=started, uid=int(uids[2]), ended=stat[0] == "Z")
    except (OSError, StopIteration, IndexError, ValueError):
        return None


def is_stranger(
    pid: int, *, server: int, managers: Collection[int], lookup: Callable[[int], Process | None] = read_process
) -> bool:
    """Whether ``pid`` is a plugin's or a build's process: one that descends from the server, and from no manager.

    Orphans of plugins descend from the server too, as it adopts them (see orphans.py). A chain of parents that
    cannot be followed to its end makes a stranger.
    """
    if pid == server:
        return False
    newest: float | None = None
    for _ in range(_MOST_ANCESTORS):
        process = lookup(pid)
        # A parent that is younger than its child is another process under a number that was given out again.
        if process is None or (newest is not None and process.started > newest):
            return True
        if pid in managers:
            return False
        if pid == server:
            return True
        if process.parent <= 0:
            return False
        pid, newest = process.parent, process.started
    return True
