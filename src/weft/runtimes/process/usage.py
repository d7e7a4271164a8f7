"""What a process uses, its descendants too, as the kernel tells it (Linux; elsewhere nothing is known)."""

from __future__ import annotations

import os
from contextlib import suppress

from weft.sandbox.processes import PAGE, children, proportional_memory, read

MOST_PROCESSES = 1024
"""Descendants that are looked at; what a plugin starts beyond that is not seen."""


def process_usage(pid: int) -> dict[str, float]:
    """``memory``: resident bytes; ``cpu``: seconds so far, of ended children too; ``processes``.

    Empty when the process is gone, or nobody tells. Shared pages count in each process: see ``family_memory``.
    """
    found = [each for each in map(_one, family(pid)) if each is not None]
    if not found:
        return {}
    memory, cpu = (sum(each) for each in zip(*found, strict=True))
    return {"memory": memory, "cpu": cpu, "processes": float(len(found))}


def family_memory(pid: int) -> float | None:
    """Bytes of the process and its descendants, each page by its share. None when nobody tells. Ask seldom."""
    sizes = [each for each in map(proportional_memory, family(pid)) if each is not None]
    return float(sum(sizes)) if sizes else None


def family(pid: int) -> list[int]:
    """The process and its descendants, as far as their parents live; parents first."""
    found = [pid]
    for each in found:  # it grows meanwhile
        if len(found) > MOST_PROCESSES:
            break
        with suppress(OSError):
            found.extend(children(each))
    return found[:MOST_PROCESSES]


def _one(pid: int) -> tuple[float, float] | None:
    """Resident bytes, and seconds of CPU."""
    try:
        fields = read(f"/proc/{pid}/stat").rpartition(b")")[2].split()
        ticks = sum(map(int, fields[11:15]))  # utime, stime, and those of children that were waited for
        return float(int(fields[21]) * PAGE), ticks / os.sysconf("SC_CLK_TCK")
    except (OSError, IndexError, ValueError):
        return None
