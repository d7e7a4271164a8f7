"""Whether a connection reads: it does unless there is a reason not to."""

from __future__ import annotations

from asyncio import Transport
from collections.abc import Callable
from enum import Enum


class Reason(Enum):
    """Why a connection does not read."""

    JUDGED = "who asks is being found out"
    BUSY = "as many of its calls are under way as may be"
    UNREAD = "the client does not read its answers"
    LARGE = "other large calls arrive, or its own is being kept"
    TURN = "it is others' turn"


class Gate:
    """``on_open`` is called when the last reason is gone."""

    def __init__(self, transport: Transport, on_open: Callable[[], None]) -> None:
        self._transport = transport
        self._on_open = on_open
        self._reasons: set[Reason] = set()

    @property
    def open(self) -> bool:
        """Whether there is no reason."""
        return not self._reasons

    def __contains__(self, reason: Reason) -> bool:
        return reason in self._reasons

    def shut(self, reason: Reason) -> None:
        """Do not read for this reason."""
        if not self._reasons and not self._transport.is_closing():
            self._transport.pause_reading()
        self._reasons.add(reason)

    def release(self, reason: Reason) -> None:
        """The reason is gone."""
        if reason in self._reasons:
            self._reasons.discard(reason)
            if not self._reasons and not self._transport.is_closing():
                self._transport.resume_reading()
                self._on_open()
