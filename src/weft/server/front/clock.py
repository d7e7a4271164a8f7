"""The front's coarse clock: read by every request, set by the sweep, so that no request asks the system."""

from __future__ import annotations

from email.utils import formatdate


class Clock:
    """``now``: seconds of the loop's clock; ``date``: the ready ``date`` header line."""

    __slots__ = ("_second", "date", "now")

    def __init__(self, now: float, wall: float) -> None:
        self._second = -1
        self.date = b""
        self.tick(now, wall)

    def tick(self, now: float, wall: float) -> None:
        """Set it. ``now``: the loop's time; ``wall``: seconds since the epoch."""
        self.now = now
        if int(wall) != self._second:
            self._second = int(wall)
            self.date = b"date: " + formatdate(wall, usegmt=True).encode("ascii") + b"\r\n"
