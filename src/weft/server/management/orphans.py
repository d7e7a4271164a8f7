"""Keeps the processes that plugins leave behind in the server's family: known as plugins', and ended with the server.

Linux alone has child subreapers; elsewhere nobody is told apart by kinship, and management needs the token.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

from weft.server.management.processes import read_process

_PR_SET_CHILD_SUBREAPER = 36
_ROUNDS = 100
"""Looks for what is left at the end, 0.02 s apart: those that are ended may have children of their own."""


def adopt_orphans() -> bool:
    """From now on orphans below this process become its children. False where the system has no such thing."""
    if sys.platform != "linux":
        return False
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    return bool(prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0)


@contextlib.asynccontextmanager
async def adopting(*, every: float = 10.0) -> AsyncIterator[None]:
    """Adopt orphans meanwhile, and end whatever is left of them. For a program whose only children are the server's."""
    if not adopt_orphans():
        yield
        return
    reaper = asyncio.create_task(_reap(every))
    try:
        yield
    finally:
        reaper.cancel()
        await asyncio.gather(reaper, return_exceptions=True)
        await _end_children()


async def _reap(every: float) -> None:
    """Collect adopted processes that have ended.

    A process that ended is left to whoever started it for one round, as its owner collects it at once.
    """
    waiting: set[tuple[int, float]] = set()
    while True:
        await asyncio.sleep(every)
        ended = await asyncio.to_thread(_ended_children)
        for pid, _ in ended & waiting:
            _collect(pid)
        waiting = ended - waiting


async def _end_children() -> None:
    for _ in range(_ROUNDS):
        left = await asyncio.to_thread(_children)
        if not left:
            return
        for pid in left:
            with contextlib.suppress(ProcessLookupError):  # it ended by itself
                os.kill(pid, signal.SIGKILL)
            _collect(pid)
        await asyncio.sleep(0.02)


def _collect(pid: int) -> None:
    with contextlib.suppress(ChildProcessError):  # its owner was quicker
        os.waitpid(pid, os.WNOHANG)


def _children() -> set[int]:
    found: set[int] = set()
    for task in Path("/proc/self/task").glob("*/children"):
        with contextlib.suppress(OSError):  # a thread that ends meanwhile has no children
            found |= {int(pid) for pid in task.read_text().split()}
    return found


def _ended_children() -> set[tuple[int, float]]:
    """(pid, start) of children that nobody has collected."""
    processes = map(read_process, _children())
    return {(process.pid, process.started) for process in processes if process is not None and process.ended}
