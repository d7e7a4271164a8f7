"""When a lost instance is started again: pure policy."""

from __future__ import annotations

from weft.settings import SupervisionSettings

_DOUBLINGS = 32
"""Past them every delay is the longest."""


class Backoff:
    """Delays that double with each failure in a row; after so many of them there is no more."""

    def __init__(self, policy: SupervisionSettings) -> None:
        self._policy = policy
        self._row = 0

    def failed(self, lived: float) -> float | None:
        """An instance that lived that many seconds is lost, or (0) was not ready. Returns the seconds to wait; None:
        there is no other try.
        """
        policy = self._policy
        self._row = 1 if lived >= policy.healthy_after else self._row + 1
        if self._row >= policy.failures:
            return None
        return min(policy.longest_delay, policy.first_delay * 2.0 ** min(self._row - 1, _DOUBLINGS))
