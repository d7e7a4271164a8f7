"""Payloads that are too large for one frame: sent as PART frames before their own, and put together again. No I/O here.

The pieces of one payload come in order, those of different calls between each other. A payload that is given up
midway ends with an empty PART. At most ``AT_ONCE`` payloads of one side are under way at a time.
"""

from __future__ import annotations

from collections import deque
from typing import Deque, Dict, List, Optional, Tuple

from weft.wire.frames import FrameError, Payload
from weft.wire.values import check_values

PIECE = 256 * 1024
"""Bytes of a PART at most."""
MAX_VALUE = 128 * 1024 * 1024
"""Bytes of one payload at most, in however many pieces."""
AT_ONCE = 2

Piece = Tuple[Optional[int], int, memoryview]
"""The frame's kind (None: a PART), its call id, and its payload."""


class Cutting:
    """What waits to be sent in pieces, and whatever else of those calls has to wait behind it."""

    def __init__(self) -> None:
        self.calls: Dict[int, Deque[Tuple[int, Deque[memoryview]]]] = {}
        """What waits, by call: whatever is new of one of these has to wait behind it."""
        self._begun: List[int] = []
        self.size = 0
        """Bytes that wait."""

    def add(self, kind: int, call_id: int, *parts: bytes) -> None:
        """Queue one payload, given in parts; none but the first holds more than the end of its last value.

        Raises FrameError when it is too large however it is sent.
        """
        size = sum(map(len, parts))
        if size > MAX_VALUE:
            raise FrameError(f"a value of {size} bytes is over the limit of {MAX_VALUE}: stream it")
        check_values(parts[0])
        views = [memoryview(part) for part in parts]
        pieces = deque(view[at : at + PIECE] for view in views for at in range(0, len(view), PIECE))
        self.size += size
        self.calls.setdefault(call_id, deque()).append((kind, pieces or deque([memoryview(b"")])))

    def next(self) -> Piece:
        """The next piece to send; the calls take turns."""
        call_id = self._turn()
        messages = self.calls[call_id]
        kind, pieces = messages[0]
        piece = pieces.popleft()
        self.size -= len(piece)
        if pieces:
            return None, call_id, piece
        messages.popleft()
        self._begun.remove(call_id)
        if not messages:
            del self.calls[call_id]
        return kind, call_id, piece

    def _turn(self) -> int:
        if len(self._begun) < AT_ONCE:
            fresh = next((call_id for call_id in self.calls if call_id not in self._begun), None)
            if fresh is not None:
                self._begun.append(fresh)
                return fresh
        call_id = self._begun.pop(0)
        self._begun.append(call_id)
        return call_id

    def drop(self, call_id: int) -> bool:
        """Give up all that waits of a call. True: part of it has been sent, and an empty PART must follow."""
        for _, pieces in self.calls.pop(call_id, ()):
            self.size -= sum(map(len, pieces))
        begun = call_id in self._begun
        if begun:
            self._begun.remove(call_id)
        return begun


class Joining:
    """Pieces that came and wait for the rest of their payload."""

    def __init__(self) -> None:
        self.calls: Dict[int, bytearray] = {}
        """What came, by call."""

    def add(self, call_id: int, piece: Payload) -> None:
        """A PART came. Raises FrameError when there is too much of it."""
        if not piece:
            self.calls.pop(call_id, None)
            return
        if call_id not in self.calls and len(self.calls) >= AT_ONCE:
            raise FrameError(f"a value in pieces, with {len(self.calls)} others under way")
        came = self.calls.setdefault(call_id, bytearray())
        came += piece
        if len(came) > MAX_VALUE:
            raise FrameError(f"{len(came)} bytes in pieces: the limit is {MAX_VALUE}")

    def whole(self, call_id: int, last: Payload) -> Payload:
        """The payload whose own frame came, with ``last`` as its end. Raises FrameError when it is too much."""
        came = self.calls.pop(call_id, None)
        if came is None:
            return last
        came += last
        if len(came) > MAX_VALUE:
            raise FrameError(f"a value of {len(came)} bytes is over the limit of {MAX_VALUE}")
        check_values(came)
        return came
