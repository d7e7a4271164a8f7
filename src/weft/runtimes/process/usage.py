"""What a process uses, its descendants too, as the kernel tells it (Linux; elsewhere nothing is known)."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress

MOST_PROCESSES = 1024
"""Descendants that are looked at; what a plugin starts beyond that is not seen."""


def process_usage(pid: int) -> dict[str, float]:
    """``memory``: resident bytes; ``cpu``: seconds so far, of ended children too; ``processes``.

    Empty when the process is gone, or nobody tells. Shared pages count in each process: see ``proportional_memory``.
    """
    found = [each for each in map(_one, family(pid)) if each is not None]
    if not found:
        return {}
    memory, cpu = (sum(each) for each in zip(*found, strict=True))
    return {"memory": memory, "cpu": cpu, "processes": float(len(found))}


def proportional_memory(pid: int) -> float | None:
    """Bytes, of which each page counts by its share: a process's proportional set size. None when nobody tells.

    The kernel walks through all of a process's memory for it, about a millisecond for 100 MiB: ask seldom.
    """
    sizes = [each for each in map(_proportional, family(pid)) if each is not None]
    return float(sum(sizes)) if sizes else None


def family(pid: int) -> list[int]:
    """The process and its descendants, as far as their parents live; parents first."""
    found = [pid]
    for each in found:  # it grows meanwhile
        if len(found) > MOST_PROCESSES:
            break
        found.extend(_children(each))
    return found[:MOST_PROCESSES]


def _children(pid: int) -> Iterator[int]:
    with suppress(OSError, ValueError), os.scandir(f"/proc/{pid}/task") as threads:  # it may end meanwhile
        for thread in threads:
            yield from map(int, _read(f"{thread.path}/children").split())


def _one(pid: int) -> tuple[float, float] | None:
    """Resident bytes, and seconds of CPU."""
    try:
        pages = int(_read(f"/proc/{pid}/statm").split()[1])
        fields = _read(f"/proc/{pid}/stat").rpartition(b")")[2].split()
        ticks = sum(map(int, fields[11:15]))  # utime, stime, and those of children that were waited for
    except (OSError, IndexError, ValueError):
        return None
    return float(pages * os.sysconf("SC_PAGE_SIZE")), ticks / os.sysconf("SC_CLK_TCK")


def _proportional(pid: int) -> int | None:
    try:
        lines = _read(f"/proc/{pid}/smaps_rollup").splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(b"Pss:"))
    except (OSError, IndexError, ValueError, StopIteration):
        return None


def _read(path: str) -> bytes:
    """A file of the kernel's, at once: pathlib takes twice as long."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        return os.read(descriptor, 65536)
    finally:
        os.close(descriptor)
