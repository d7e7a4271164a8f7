"""What an instance may use, and what is said when it goes past it. No input or output in here."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from weft.sandbox.cgroups.figures import THREADS_EACH, Hits

_LEAST_WAIT = 1.0
"""Seconds of waiting for CPU time that are worth telling."""


@dataclass(frozen=True)
class Allowed:
    """The most that an instance may use: bytes, processes, bytes in its data folder, cores (None: all)."""

    memory: int
    processes: int
    disk: int
    cpu: float | None = None


@dataclass(frozen=True)
class Sample:
    """What the processes of an instance use at one time: bytes, number of processes."""

    memory: int
    processes: int


@dataclass(frozen=True)
class LimitHit:
    """One limit that an instance went past or was held to. ``str(hit)`` is the sentence for its event.

    ``limit``: ``memory``, ``cpu``, ``processes`` or ``disk``. ``figure`` and ``allowed``: bytes, processes, or cores;
    what was held is counted: seconds of waiting, processes that were not started.
    ``ends``: the instance is to be ended, since nothing holds it, or since what it lost is not known.
    """

    limit: str
    figure: float
    allowed: float
    ends: bool

    @property
    def setting(self) -> str:
        """The key of the manifest to change."""
        return f"limits.{self.limit}"

    def __str__(self) -> str:
        sentence = _SENTENCES[self.limit, self.ends] if math.isfinite(self.figure) else _UNCOUNTED
        return sentence.format(
            setting=self.setting,
            figure=self.figure,
            allowed=self.allowed,
            size=write_size(self.figure),
            most=write_size(self.allowed),
            threads=THREADS_EACH,
        )


_SENTENCES = {
    ("memory", True): "used {size} of memory ({setting} is {most}): raise {setting}, or look for what it keeps",
    ("disk", True): "keeps {size} in its data folder ({setting} is {most}): raise {setting}, or delete some of it",
    ("processes", True): "had {figure:g} processes ({setting} is {allowed:g}): "
    "raise {setting}, or look for what starts them",
    ("processes", False): "was refused {figure:g} processes or threads ({setting} is {allowed:g}, of {threads} threads "
    "each): raise {setting}, or look for what starts them",
    (
        "cpu",
        False,
    ): "waited {figure:.1f} s for CPU time ({setting} is {allowed:g}): raise {setting}, or give it less to do",
}
_UNCOUNTED = "keeps folders that cannot be counted ({setting}): make all readable, and at most 100 within each other"


def write_size(size: float) -> str:
    """``530 MiB``, ``1.2 GiB``: three figures of the largest unit that fits."""
    units = ["B", "KiB", "MiB", "GiB", "TiB"]
    while size >= 1023.5 and len(units) > 1:
        size /= 1024
        del units[0]
    return f"{size:.3g} {units[0]}" if size < 999.5 else f"{size:.0f} {units[0]}"


def exceeded(sample: Sample, allowed: Allowed) -> Iterator[LimitHit]:
    """The limits that a sample is past."""
    if sample.memory > allowed.memory:
        yield LimitHit("memory", sample.memory, allowed.memory, ends=True)
    if sample.processes > allowed.processes:
        yield LimitHit("processes", sample.processes, allowed.processes, ends=True)


def disk_exceeded(used: float, allowed: Allowed) -> Iterator[LimitHit]:
    """The same of the bytes in its data folder."""
    if used > allowed.disk:
        yield LimitHit("disk", used, allowed.disk, ends=True)


def held(before: Hits, now: Hits, allowed: Allowed) -> Iterator[LimitHit]:
    """The limits that the kernel held an instance to in between; ``Hits()`` is how a cgroup begins."""
    if now.killed > before.killed:
        yield LimitHit("memory", allowed.memory, allowed.memory, ends=True)
    if now.refused > before.refused:
        yield LimitHit("processes", now.refused - before.refused, allowed.processes, ends=False)
    waited = now.throttled - before.throttled
    if allowed.cpu is not None and waited >= _LEAST_WAIT:
        yield LimitHit("cpu", waited, allowed.cpu, ends=False)
