"""What the kernel says of the whole machine."""

from __future__ import annotations

import os

from weft.sandbox.cadence import Machine
from weft.sandbox.processes import read


def look_at_machine() -> Machine:
    """See cadence.Machine (proc_meminfo(5), proc_loadavg(5)). Raises OSError where there is no /proc."""
    _, _, tail = read("/proc/meminfo").partition(b"MemAvailable:")
    available = int(tail.split(None, 1)[0]) * 1024 if tail else 0
    tasks = read("/proc/loadavg").split()[3].partition(b"/")[2]
    return Machine(available, int(tasks))


def unwatched() -> str:
    """Why nobody can watch processes on this machine, in words; '' where it can be done."""
    try:
        look_at_machine()
    except (OSError, ValueError, IndexError) as error:
        return f"this system does not tell of its processes ({error})"
    return ""


def occupied(folder: str) -> int:
    """Bytes in use in the file system of ``folder``. Raises OSError."""
    found = os.statvfs(folder)
    return (found.f_blocks - found.f_bfree) * found.f_frsize
