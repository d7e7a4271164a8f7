"""When it is worth looking again: a figure of the whole machine, read in microseconds, tells that nobody has grown."""

from __future__ import annotations

from dataclasses import dataclass, replace

_LEAST_MEMORY = 4 << 20
_LEAST_DISK = 1 << 20
"""Bytes: a machine moves by as much without anybody's doing."""


@dataclass(frozen=True)
class Machine:
    """``available``: bytes of memory that can still be had; ``tasks``: processes and threads."""

    available: int
    tasks: int


@dataclass(frozen=True)
class Look:
    """One look at all processes: when it ended, how long it took (seconds), what the machine was like before.

    ``memory`` and ``processes``: how much the instance that was nearest to its limit had left.
    """

    at: float
    took: float
    machine: Machine
    memory: int
    processes: int


@dataclass(frozen=True)
class Walk:
    """One walk through a folder: when it ended, how long it took (seconds), bytes in it.

    ``occupied``: bytes in use in its file system, as seen last. ``grown``: by how much that grew since the walk, all
    growth added up: what others free in between hides none of it.
    """

    at: float
    took: float
    used: float
    occupied: int
    grown: int = 0

    def seen(self, occupied: int) -> Walk:
        """The same, with what the file system holds by now."""
        return replace(self, occupied=occupied, grown=self.grown + max(occupied - self.occupied, 0))


def look_due(last: Look | None, now: float, machine: Machine, *, least: float = 0.1, most: float = 2.0) -> bool:
    """Whether somebody may have used half of what was left to him; every ``most`` seconds in any case.

    At most a tenth of the time is spent looking.
    """
    if last is None:
        return True
    age = now - last.at
    if age < max(least, 9 * last.took):
        return False
    taken = last.machine.available - machine.available
    started = machine.tasks - last.machine.tasks
    return age >= most or taken >= max(last.memory // 2, _LEAST_MEMORY) or started > last.processes // 2


def walk_due(last: Walk | None, now: float, allowed: int, *, most: float = 30.0) -> bool:
    """The same of a folder that may hold ``allowed`` bytes.

    At most a twentieth of the time is spent walking, however long a walk takes.
    """
    if last is None:
        return True
    age = now - last.at
    if age < 19 * last.took:
        return False
    return age >= most or last.grown >= max((allowed - last.used) // 2, _LEAST_DISK)
