"""Ends calls that take too long: one timer looks over all that are in flight, so that a call costs none of its own."""

from __future__ import annotations

import asyncio
from time import monotonic
from typing import Callable, Iterable, Optional, Protocol

NEVER = float("inf")
_SHARE = 16
"""A timeout is overstepped by at most this part of itself, within the two bounds below."""
_LEAST, _MOST = 0.002, 0.25
"""Seconds between two looks."""


class Expiring(Protocol):
    """A call in flight. ``expires`` is a time of ``time.monotonic()``; NEVER once it has begun to answer."""

    expires: float

    def expire(self) -> None:
        """Its time is over."""


class Expiry:
    """Watches what ``in_flight()`` gives, for as long as anything of it may expire."""

    __slots__ = ("_every", "_in_flight", "_timer")

    def __init__(self, in_flight: Callable[[], Iterable[Expiring]]) -> None:
        self._in_flight = in_flight
        self._timer: Optional[asyncio.TimerHandle] = None
        self._every = _MOST

    def after(self, timeout: float) -> float:
        """The time at which a call that begins now expires, with ``timeout`` seconds to answer; it is watched."""
        if self._timer is None or timeout < self._every * _SHARE:
            self._look_within(min(max(timeout / _SHARE, _LEAST), _MOST))
        return monotonic() + timeout  # a loop's own clock may stand still while its thread computes

    def _look_within(self, every: float) -> None:
        if self._timer is None or every < self._every:
            self.stop()
            self._every = every
            self._timer = asyncio.get_running_loop().call_later(every, self._look)

    def _look(self) -> None:
        now = monotonic()
        left = False
        for call in tuple(self._in_flight()):
            if call.expires <= now:
                call.expire()
            elif call.expires != NEVER:
                left = True
        self._timer = asyncio.get_running_loop().call_later(self._every, self._look) if left else None

    def stop(self) -> None:
        """Nothing is watched any more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
