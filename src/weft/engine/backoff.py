"""When a lost instance is started again: pure policy."""

from __future__ import annotations

FIRST, MOST = 1.0, 60.0
"""Seconds before the second try, and the longest wait."""
TRIES = 5
"""Losses in a row after which it is given up."""
STABLE = 60.0
"""Seconds that an instance has to live for its loss to be the first again."""


class Backoff:
    """Delays that double from 1 s to 60 s; after five losses in a row it gives up. The first restart is immediate."""

    def __init__(self) -> None:
        self._losses = 0

    def lost(self, lived: float) -> float | None:
        """An instance that lived that many seconds is lost. Returns the seconds to wait; None: give up."""
        if lived >= STABLE:
            self._losses = 0
        self._losses += 1
        if self._losses > TRIES:
            return None
        return 0.0 if self._losses == 1 else min(MOST, FIRST * 2 ** (self._losses - 2))
