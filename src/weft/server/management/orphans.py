"""Keeps the processes that plugins leave behind in the server's family, so that they stay known as plugins'.

Linux alone has child subreapers; elsewhere nobody is told apart by kinship, and management needs the token.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import sys
from pathlib import Path

from weft.server.management.processes import read_process

_PR_SET_CHILD_SUBREAPER = 36


def adopt_orphans() -> bool:
    """From now on orphans below this process become its children. False where the system has no such thing."""
    if sys.platform != "linux":
        return False
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    return bool(prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0)


async def reap_orphans(*, every: float = 10.0) -> None:
    """Collect adopted processes that have ended, for ever. Run it in a task.

    A process that ended is left to whoever started it for one round, as its owner collects it at once.
    """
    waiting: set[tuple[int, float]] = set()
    while True:
        await asyncio.sleep(every)
        ended = await asyncio.to_thread(_ended_children)
        for pid, _ in ended & waiting:
            # Its owner may have been quicker.
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)  # noqa: ASYNC222 - WNOHANG does not wait
        waiting = ended - waiting


def _ended_children() -> set[tuple[int, float]]:
    """(pid, start) of this process's children that nobody has collected."""
    found = set()
    for task in Path("/proc/self/task").glob("*/children"):
        # A thread that ends meanwhile has no children.
        with contextlib.suppress(OSError):
            found |= {int(pid) for pid in task.read_text().split()}
    processes = (read_process(pid) for pid in found if _is_zombie(pid))
    return {(process.pid, process.started) for process in processes if process is not None}


def _is_zombie(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text("utf-8", "replace").rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return False
