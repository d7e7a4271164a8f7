"""Quantities as people read them; '' for what is not there."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any


def moment(seconds: float) -> str:
    """Seconds since the epoch, here."""
    return datetime.fromtimestamp(seconds).astimezone().strftime("%Y-%m-%d %H:%M:%S") if seconds else ""


def size(size: float) -> str:
    """Bytes."""
    return f"{size / 1024 / 1024:.1f} MiB" if size else ""


def duration(seconds: float | None) -> str:
    """Seconds, three digits of them: ``0.42 ms``, ``31 ms``, ``2.5 s``."""
    if seconds is None:
        return ""
    return f"{seconds * 1000:.3g} ms" if seconds < 0.9995 else f"{seconds:.3g} s"


def share(cores: float) -> str:
    """Cores, in percent of one."""
    return f"{cores * 100:.1f}"


def rate(per_second: float) -> str:
    """A number per second."""
    return f"{per_second:.0f}" if per_second >= 100 else f"{per_second:.1f}"


def counts(counted: Mapping[str, Any]) -> str:
    """What was counted by a word: ``late 2, lost 1``."""
    return ", ".join(f"{word} {count}" for word, count in sorted(counted.items()))
