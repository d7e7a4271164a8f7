"""What a zygote and a keeper wait for besides their sockets: the end of the host, and of processes below."""

from __future__ import annotations

import os
import select
import signal
from typing import Any, Iterator, Optional, Set


class Signs:
    """``host``: a descriptor that is readable once the host has ended; None where the system has no such thing."""

    def __init__(self) -> None:
        self.host = _watch(os.getppid())
        signal.signal(signal.SIGCHLD, _note)
        self.renew()

    def renew(self) -> None:
        """To be called in each process of its own: the ends of its children are nobody else's business."""
        self._readable, self._written = os.pipe()
        os.set_blocking(self._readable, False)
        os.set_blocking(self._written, False)
        signal.set_wakeup_fd(self._written, warn_on_full_buffer=False)

    def poll(self) -> Any:
        """A ``select.poll`` that waits for both."""
        waiting = select.poll()
        waiting.register(self._readable, select.POLLIN)
        if self.host is not None:
            waiting.register(self.host, select.POLLIN)
        return waiting

    def clear(self) -> None:
        """Forget that children ended; they are about to be collected."""
        try:
            os.read(self._readable, 4096)
        except BlockingIOError:
            return  # cleared before


def _note(_signal: int, _frame: Any) -> None:
    """A handler must be there for the descriptor to be written to."""


def _watch(pid: int) -> Optional[int]:
    try:
        return os.pidfd_open(pid)
    except (AttributeError, OSError):
        return None


def children() -> Set[int]:
    """The process ids of the children of this single-threaded process; Linux's /proc tells."""
    try:
        with open("/proc/thread-self/children", "rb", buffering=0) as file:
            return set(map(int, file.read().split()))
    except OSError:
        return set(_children_by_search())


def _children_by_search() -> Iterator[int]:
    own = os.getpid()
    for name in os.listdir("/proc") if os.path.isdir("/proc") else ():
        try:
            with open(f"/proc/{int(name)}/stat", encoding="utf-8", errors="replace") as file:
                if int(file.read().rpartition(")")[2].split()[1]) == own:
                    yield int(name)
        except (ValueError, OSError):
            continue  # no process, or it has ended
