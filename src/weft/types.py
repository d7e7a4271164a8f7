"""Names and small values that several layers share.

This module is imported inside plugins too: standard library only, Python 3.9 and later.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Callable, Dict

LEVELS = ("trace", "debug", "info", "warning", "error")
"""Log levels, the least first."""


@dataclass(frozen=True)
class OutputLine:
    """One line that a plugin printed or logged. ``time`` is seconds since the epoch; ``stream`` is stdout or stderr."""

    time: float
    level: str
    text: str
    stream: str


@dataclass(frozen=True)
class Event:
    """Something that happened to a plugin. ``time`` is seconds since the epoch; ``kind`` is a word (``started``)."""

    time: float
    plugin: str
    kind: str
    message: str
    data: Dict[str, Any] = field(default_factory=dict)


Progress = Callable[[str], None]
"""Told, line by line, how something long goes on."""
