"""Version 1 (the kernel's admin-guide/cgroup-v1): a hierarchy for each controller or two, and its names of files."""

from __future__ import annotations

from weft.sandbox.cgroups.figures import PERIOD, THREADS_EACH, Setting
from weft.sandbox.cgroups.files import Reader, keyed, number

ENTRANCE = "tasks"
"""Who writes 0 to this file is in the cgroup, without the wait (an RCU grace period, 7 to 15 ms) that it takes to move
a whole process, or another one; a process of one thread is whole (Linux 5.5, cgroup_procs_write_start)."""
UNBOUND = Setting("cpu", "cpu.cfs_quota_us", "-1")
"""Takes the bound of CPU time away."""


def settings(memory: int, cpu: float | None, processes: int) -> list[Setting]:
    """What is written for these limits, in this order. Memory with swap cannot be below memory, so it comes second."""
    share = (
        []
        if cpu is None
        else [
            Setting("cpu", "cpu.cfs_period_us", str(PERIOD)),
            Setting("cpu", "cpu.cfs_quota_us", str(max(round(cpu * PERIOD), 1000))),
        ]
    )
    return [
        Setting("memory", "memory.limit_in_bytes", str(memory)),
        Setting("memory", "memory.memsw.limit_in_bytes", str(memory), required=False),
        *share,
        Setting("processes", "pids.max", str(processes * THREADS_EACH)),
    ]


def shared() -> list[Setting]:
    """For the folder of all plugins.

    Its weight stays that of one process, as the kernel gives it: where it is more, a plugin that wakes takes the core
    from its host more often, which costs each request 10 % more of CPU time.
    """
    return [Setting("memory", "memory.use_hierarchy", "1", required=False)]


def memory(read: Reader) -> tuple[int, int] | None:
    """Bytes now and at most."""
    if not (now := read("memory.usage_in_bytes")):
        return None
    idle = keyed(read("memory.stat"), "total_inactive_file")
    return max(number(now) - idle, 0), number(read("memory.max_usage_in_bytes"))


def cpu(read: Reader) -> float | None:
    """Seconds."""
    used = read("cpuacct.usage")
    return number(used) / 1e9 if used else None


def memory_hits(read: Reader) -> tuple[int, int]:
    """Times that the limit was reached, processes killed for it (kernels before 4.13 do not count these)."""
    return number(read("memory.failcnt")), keyed(read("memory.oom_control"), "oom_kill")


def throttled(read: Reader) -> float:
    """Seconds."""
    return keyed(read("cpu.stat"), "throttled_time") / 1e9
