"""What a cgroup is given and what it tells: the same words over both versions."""

from __future__ import annotations

from dataclasses import dataclass

THREADS_EACH = 16
"""Threads for each process that is allowed: the kernel counts threads."""
PERIOD = 100_000
"""Microseconds within which a share of CPU time is kept."""
CONTROLLERS = {"memory": "memory", "cpu": "cpu", "processes": "pids"}
"""Limit → the controller that keeps it."""


@dataclass(frozen=True)
class Setting:
    """One file to write. ``required``: the limit is none without it."""

    limit: str
    file: str
    value: str
    required: bool = True


@dataclass(frozen=True)
class Usage:
    """What the processes of a cgroup use now, and did until now. None: nobody counts it."""

    memory: int | None = None
    """Bytes, without file contents that the kernel would drop first."""
    peak: int | None = None
    """The most bytes at one time, file contents included."""
    cpu: float | None = None
    """Seconds."""
    processes: int | None = None


@dataclass(frozen=True)
class Hits:
    """How often the kernel held a cgroup to its limits since it was made."""

    memory: int = 0
    """Times that the memory limit was reached; mostly, file contents were dropped and that was all."""
    killed: int = 0
    """Processes killed because no memory was left."""
    refused: int = 0
    """Processes and threads that were not started."""
    throttled: float = 0.0
    """Seconds of waiting for CPU time, of all cores together."""
