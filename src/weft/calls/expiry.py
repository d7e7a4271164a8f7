"""Ends calls that take too long: one timer looks over all that are in flight, so that a call costs none of its own."""

from __future__ import annotations

import asyncio
from typing import Callable, Iterable, Optional, Protocol

NEVER = float("inf")
_SHARE = 16
"""A timeout is overstepped by at most this part of itself, within the two bounds below."""
_LEAST, _MOST = 0.002, 0.25
"""Seconds between two looks."""
_LONG = 5.0
"""Seconds of a timeout from which on the time of the last look is good enough, and the clock is not read."""


class Expiring(Protocol):
    """A call in flight. ``expires`` is a time of the loop's clock, in seconds; NEVER once it has begun to answer."""

    expires: float

    def expire(self) -> None:
        """Its time is over."""


class Expiry:
    """Watches what ``in_flight()`` gives, for as long as anything of it may expire."""

    __slots__ = ("_every", "_in_flight", "_looked", "_timer")

    def __init__(self, in_flight: Callable[[], Iterable[Expiring]]) -> None:
        self._in_flight = in_flight
        self._timer: Optional[asyncio.TimerHandle] = None
        self._every = _MOST
        self._looked = 0.0

    def after(self, timeout: float) -> float:
        """The time at which a call that begins now expires, with ``timeout`` seconds to answer; it is watched."""
        if self._timer is not None and timeout >= _LONG:
            return self._looked + self._every + timeout  # not earlier than it should, and not much later
        loop = asyncio.get_running_loop()
        if self._timer is None or timeout < self._every * _SHARE:
            self._look_within(loop, min(max(timeout / _SHARE, _LEAST), _MOST))
        return loop.time() + timeout

    def _look_within(self, loop: asyncio.AbstractEventLoop, every: float) -> None:
        if self._timer is None or every < self._every:
            self.stop()
            self._every = every
            self._looked = loop.time()
            self._timer = loop.call_later(every, self._look, loop)

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        self._looked = now = loop.time()
        left = False
        for call in tuple(self._in_flight()):
            if call.expires <= now:
                call.expire()
            elif call.expires != NEVER:
                left = True
        if left:
            self._timer = loop.call_later(self._every, self._look, loop)
        else:
            self._timer = None

    def stop(self) -> None:
        """Nothing is watched any more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
