"""Where cgroups are mounted and which a process is in, as ``/proc/self/mountinfo`` and ``/proc/self/cgroup`` say."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

UNIFIED = ""
"""The name of the hierarchy of version 2 in ``/proc/self/cgroup``."""


@dataclass(frozen=True)
class Mount:
    """One mounted hierarchy."""

    version: int
    point: Path
    root: str
    """The cgroup that is seen at ``point``."""
    controllers: frozenset[str]
    """Of version 1; those of version 2 differ from cgroup to cgroup."""


def parse_mounts(mountinfo: str) -> list[Mount]:
    """Every mount of a cgroup hierarchy (proc_pid_mountinfo(5))."""
    found = []
    for line in mountinfo.splitlines():
        head, _, tail = line.partition(" - ")
        kind, _source, options = tail.split(" ", 2)
        if kind in ("cgroup", "cgroup2"):
            root, point = map(_unescaped, head.split(" ")[3:5])
            controllers = frozenset(options.split(",")) if kind == "cgroup" else frozenset()
            found.append(Mount(1 if kind == "cgroup" else 2, Path(point), root, controllers))
    return found


def parse_membership(cgroup: str) -> dict[str, str]:
    """Controller → path of the cgroup that the process is in (cgroups(7)); ``UNIFIED`` → the one of version 2."""
    paths = {}
    for line in cgroup.splitlines():
        _number, controllers, path = line.split(":", 2)
        paths.update(dict.fromkeys(controllers.split(","), path))
    return paths


def seen_at(mount: Mount, path: str) -> Path | None:
    """The folder of the cgroup ``path``; None where it lies outside of what is mounted, or is deleted."""
    inside = path == mount.root or path.startswith(mount.root.rstrip("/") + "/")
    if not inside or "/.." in path or path.endswith(" (deleted)"):
        return None
    return mount.point / path[len(mount.root) :].lstrip("/")


def _unescaped(name: str) -> str:
    return re.sub(r"\\(\d{3})", lambda octal: chr(int(octal[1], 8)), name)
