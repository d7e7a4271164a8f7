"""Flow control of one direction of one call, counted in bytes of items."""

from __future__ import annotations

from weft.calls.channel import WINDOW

_REPORT = WINDOW // 2


class Credit:
    """What may still be sent in one direction, and what was consumed but not yet reported in the other."""

    __slots__ = ("_arrived", "_consumed", "_left")

    def __init__(self) -> None:
        self._left = WINDOW
        self._arrived = 0
        self._consumed = 0

    def spend(self, size: int) -> bool:
        """``size`` bytes were sent. False: no credit is left, stop until some arrives."""
        self._left -= size
        return self._left > 0

    @property
    def left(self) -> bool:
        """Whether anything may be sent now."""
        return self._left > 0

    def arrive(self, size: int) -> bool:
        """``size`` bytes of credit came in. True: sending may go on."""
        self._left = min(self._left + size, WINDOW)
        return self._left > 0

    def receive(self, size: int) -> bool:
        """An item of ``size`` bytes came in. False: the other side sent it without credit.

        A sender learns that credit is used up by sending, and may pass on what it has read already: one window more.
        """
        allowed = self._arrived < 2 * WINDOW
        self._arrived += size
        return allowed

    def consume(self, size: int) -> int:
        """``size`` bytes were consumed. Returns the bytes to report now; 0: not yet worth a frame.

        Consuming what never arrived is reported at once: that is how a callee asks for the first item.
        """
        self._consumed += size
        if self._consumed < _REPORT and self._consumed <= self._arrived:
            return 0
        report, self._consumed = self._consumed, 0
        self._arrived = max(0, self._arrived - report)
        return report
