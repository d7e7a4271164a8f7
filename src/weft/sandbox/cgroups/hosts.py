"""The names of hosts' cgroups: they say which process made them, and so whether it is still there."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass

from weft.sandbox.processes import read_stat

_NAME = re.compile(r"weft-(\d+)-(\d+)-(\d+)(-host|-\d+)?")


@dataclass(frozen=True)
class Host:
    """One process that makes cgroups. ``namespace``: of its process numbers."""

    namespace: int
    pid: int
    started: int

    @classmethod
    def this(cls) -> Host:
        """The process that asks. Raises OSError where there is no /proc."""
        stat = read_stat("self")
        if stat is None:
            raise FileNotFoundError("/proc does not tell of this process")
        return cls(_namespace(), stat.pid, stat.started)

    @classmethod
    def named(cls, name: str) -> Host | None:
        """The host that made a cgroup of that name; None where it was none."""
        found = _NAME.fullmatch(name)
        return cls(*map(int, found.groups()[:3])) if found else None

    def above(self, number: int) -> str:
        """The cgroup above those of its plugins; a process may hold several hosts, each with a number."""
        return f"{self._name}-{number}"

    @property
    def leaf(self) -> str:
        """The cgroup that it moves itself to, where it must."""
        return f"{self._name}-host"

    @property
    def _name(self) -> str:
        return f"weft-{self.namespace}-{self.pid}-{self.started}"

    @property
    def gone(self) -> bool:
        """Whether it has certainly ended: of another namespace's processes nothing is known."""
        if self.namespace != _namespace():
            return False
        stat = read_stat(self.pid)
        return stat is None or stat.ended or stat.started != self.started


def is_leaf(name: str) -> bool:
    """Whether a cgroup of that name holds a host itself."""
    found = _NAME.fullmatch(name)
    return found is not None and found[4] == "-host"


def _namespace() -> int:
    return os.stat("/proc/self/ns/pid").st_ino
