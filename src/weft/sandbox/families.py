"""The processes of an instance: the first one, and whatever it started, also if its parent ended since."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress

from weft.sandbox.limits import Sample
from weft.sandbox.processes import PAGE, Stat, children, every_stat, private_memory, proportional_memory, read_stat

_NEAR = 0.9
"""The part of a limit from which memory is worth measuring: what is shared counts once for each process till then."""


class Family:
    """Remembers who belonged to an instance: a process whose parent ended is found by having been seen before.

    ``keeper``: the process that adopts those whose parents ended, so that none is lost; it does not count itself.
    """

    def __init__(self, pid: int, keeper: int | None = None) -> None:
        first = [read_stat(each) for each in (pid, keeper) if each is not None]
        self.known = {stat.pid: stat.started for stat in first if stat is not None}
        self._keeper = keeper

    def look(self, stat: Callable[[int], Stat | None], below: Callable[[int], Iterable[int]]) -> list[Stat]:
        """Who belongs to it now, by these two ways of asking; when one raises, nobody is forgotten."""
        found: dict[int, Stat] = {}
        queue = list(self.known)
        while queue:
            pid = queue.pop()
            if pid in found or (now := stat(pid)) is None:
                continue
            if self.known.get(pid, now.started) == now.started:
                found[pid] = now
                queue.extend(below(pid))
        self.known = {pid: each.started for pid, each in found.items()}
        return [each for pid, each in found.items() if pid != self._keeper]


def look_at(families: Iterable[Family]) -> list[list[Stat]]:
    """The processes of each of them.

    The kernel is asked for the children of each process, 20 µs; where it does not tell, for all processes there are.
    Raises OSError where it can be asked nothing, since no descriptors are left.
    """
    families = list(families)
    with suppress(OSError):
        return [family.look(read_stat, children) for family in families]
    table = {stat.pid: stat for stat in every_stat()}
    below: dict[int, list[int]] = {}
    for stat in table.values():
        below.setdefault(stat.parent, []).append(stat.pid)
    return [family.look(table.get, lambda pid: below.get(pid, ())) for family in families]


def measure(stats: Iterable[Stat], limit: int) -> Sample:
    """What they use; near ``limit`` (bytes) the memory that they share is counted once."""
    stats = list(stats)
    memory = sum(stat.pages for stat in stats) * PAGE
    if memory > _NEAR * limit:
        memory = sum(_exactly(stat.pid) for stat in stats if not stat.ended)
    return Sample(memory, len(stats))


def _exactly(pid: int) -> int:
    exact = proportional_memory(pid)
    return private_memory(pid) if exact is None else exact
