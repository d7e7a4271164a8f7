"""Lifts what bounds the CPU time of processes that are to end: they need some for it, and would wait for each bit.

Source: the kernel's Documentation/admin-guide/cgroup-v2.rst and cgroup-v1/, proc_pid_mountinfo(5).
"""

from __future__ import annotations

import contextlib
from typing import Iterable, Iterator

_FILES = (("cpu.max", b"max"), ("cpu.cfs_quota_us", b"-1"))
"""Of version 2, and of version 1."""


def lift(pid: int) -> None:
    """Let the cgroup of ``pid`` use all the CPU time there is, as far as this process may say so."""
    with contextlib.suppress(OSError):
        with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as file:
            mounts = file.readlines()
        with open(f"/proc/{pid}/cgroup", encoding="utf-8", errors="surrogateescape") as file:
            folders = list(cpu_folders(file, mounts))
        for folder in folders:
            for name, value in _FILES:
                # It has the other version's, or it is not this user's.
                with contextlib.suppress(OSError), open(f"{folder}/{name}", "r+b", buffering=0) as quota:
                    quota.write(value)


def cpu_folders(membership: Iterable[str], mounts: Iterable[str]) -> Iterator[str]:
    """Where the cgroup is that bounds CPU time: from lines of /proc/PID/cgroup, and of /proc/PID/mountinfo."""
    mounts = list(mounts)
    for line in membership:
        _, controllers, path = line.rstrip("\n").split(":", 2)
        for mount in mounts:
            before, _, after = mount.partition(" - ")
            root, point = before.split(" ")[3:5]
            kind, _, options = after.rstrip("\n").split(" ", 2)
            second = kind == "cgroup2" and not controllers
            first = kind == "cgroup" and "cpu" in controllers.split(",") and "cpu" in options.split(",")
            if (first or second) and (path + "/").startswith(root.rstrip("/") + "/"):
                yield point + path[len(root.rstrip("/")) :]
