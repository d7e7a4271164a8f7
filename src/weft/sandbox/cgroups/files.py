"""The files of a cgroup, and how they are read and written."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path

from weft.sandbox.processes import read as _read

_ABSENT = (errno.ENOENT, errno.ENODEV, errno.EOPNOTSUPP)
"""No such file, a cgroup that was removed while it was read, and a file that this cgroup has no use for."""
Reader = Callable[[str], str]
"""File name → content; '' where the kernel has no such file, or the cgroup is gone."""


def read(path: Path | str) -> str:
    """The content of one file; '' where the kernel has no such file, or the cgroup is gone. Raises OSError."""
    try:
        return _read(str(path)).decode()
    except OSError as error:
        if error.errno not in _ABSENT:
            raise
        return ""


def write(path: Path, text: str) -> None:
    """Write one file in one piece. Raises OSError."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(descriptor, text.encode())
    finally:
        os.close(descriptor)


def number(text: str) -> int:
    """The number that a file holds; 0 where it holds none."""
    return int(text) if text.strip().isdecimal() else 0


def keyed(text: str, key: str) -> int:
    """The number beside ``key`` in a file of such lines; 0 where there is none."""
    for line in text.splitlines():
        name, _, value = line.partition(" ")
        if name == key:
            return number(value)
    return 0


def members(folder: Path) -> set[int]:
    """The processes of a cgroup and of those below it; 0 stands for one of another PID namespace."""
    return {int(pid) for root, _folders, _files in os.walk(folder) for pid in read(f"{root}/cgroup.procs").split()}
