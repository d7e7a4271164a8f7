"""Version 2 (the kernel's admin-guide/cgroup-v2): one hierarchy, and its names of files."""

from __future__ import annotations

from weft.sandbox.cgroups.figures import PERIOD, THREADS_EACH, Setting
from weft.sandbox.cgroups.files import Reader, keyed, number

ENTRANCE = "cgroup.procs"
"""Who writes 0 to this file is in the cgroup."""
UNBOUND = Setting("cpu", "cpu.max", "max")
"""Takes the bound of CPU time away."""


def settings(memory: int, cpu: float | None, processes: int) -> list[Setting]:
    """What is written for these limits."""
    share = [] if cpu is None else [Setting("cpu", "cpu.max", f"{max(round(cpu * PERIOD), 1000)} {PERIOD}")]
    return [
        Setting("memory", "memory.max", str(memory)),
        Setting("memory", "memory.swap.max", "0", required=False),
        Setting("memory", "memory.oom.group", "1", required=False),
        *share,
        Setting("processes", "pids.max", str(processes * THREADS_EACH)),
    ]


def shared() -> list[Setting]:
    """For the folder of all plugins: nothing. Its weight stays that of one process, see v1.shared."""
    return []


def memory(read: Reader) -> tuple[int, int] | None:
    """Bytes now and at most (kernels before 5.19 do not keep the latter: now, then)."""
    if not (now := read("memory.current")):
        return None
    idle = keyed(read("memory.stat"), "inactive_file")
    return max(number(now) - idle, 0), number(read("memory.peak") or now)


def cpu(read: Reader) -> float | None:
    """Seconds."""
    used = read("cpu.stat")
    return keyed(used, "usage_usec") / 1e6 if used else None


def memory_hits(read: Reader) -> tuple[int, int]:
    """Times that the limit was reached, processes killed for it."""
    events = read("memory.events")
    return keyed(events, "max"), keyed(events, "oom_kill")


def throttled(read: Reader) -> float:
    """Seconds."""
    return keyed(read("cpu.stat"), "throttled_usec") / 1e6
