"""When a lost instance is started again: pure policy."""

from __future__ import annotations

FIRST, MOST, TRIES, STABLE = 1.0, 60.0, 5, 60.0
"""Seconds before the second try, the longest wait, tries before giving up, seconds after which an instance counts as well."""


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
