"""Frames: the wire protocol itself, without I/O.

A frame is a header of nine bytes, network order, and a payload::

    payload length  u32      kind  u8      call id  u32      payload

The payload is one msgpack value, whose shape depends on the kind:

========  ==================================================  =========================
kind      payload                                             call id
========  ==================================================  =========================
HELLO     map: ``wire`` (version), ``python``, ``pid``        0; once, first, each side
CALL      [method, streaming, timeout s or nil, trace, args]  new, of the caller
RESULT    the value                                           of the call; ends it
ERROR     map: ``kind type message traceback``                of the call; ends it
CANCEL    nil                                                 of the call; ends it
ITEM      the item                                            of the call
END       nil: no more items from the caller                  of the call
CREDIT    int: bytes of items that were consumed              of the call
PING      any; answered by a PONG with the same               0
PONG      see PING                                            0
PART      bytes of a payload that the next frames complete    of the call
========  ==================================================  =========================

Call ids of the side that made the socket pair are odd, the other side's even, so both may call at once. Frames of a
call that has ended are ignored: they were under way when it did. A payload that is too large for a frame comes in
PART frames before the frame of its own, which has its end: see ``wire.pieces``.
"""

from __future__ import annotations

from struct import Struct
from typing import Callable, Dict, Protocol, Union

VERSION = 1

HELLO, CALL, RESULT, ERROR, CANCEL, ITEM, END, CREDIT, PING, PONG, PART = range(11)

HEADER = Struct(">IBI")
"""Length of the payload, kind, call id."""
MAX_PAYLOAD = 1024 * 1024 + 64 * 1024
"""Bytes of one frame's. A larger one is sent in pieces (wire.pieces)."""
LAST_ID = 0xFFFFFFFF

_VIEWED = 4 * 1024
"""Bytes of a payload from which on it is handed over as a view: cheaper than a copy, dearer than a small one."""
_LEAST, _MOST = 16 * 1024, 256 * 1024
"""Bytes that a reader has for the stream: at first, and from the first read that fills it; a large frame gets more."""
_ROOM = 8 * 1024
"""Bytes that one read should be able to take."""

Payload = Union[bytes, bytearray, memoryview]
Deliver = Callable[[int, int, Payload], None]


class Joins(Protocol):
    """Puts payloads that come in pieces together: see ``pieces.Joining``. ``calls`` is empty while there are none."""

    calls: Dict[int, bytearray]

    def add(self, call_id: int, piece: Payload) -> None:
        """A PART came."""

    def whole(self, call_id: int, last: Payload) -> Payload:
        """The payload whose own frame came."""


class FrameError(Exception):
    """The bytes are no frames of this protocol; the connection cannot go on."""


def next_id(call_id: int) -> int:
    """The call id after ``call_id`` on the same side; after the last they begin anew."""
    return call_id + 2 if call_id <= LAST_ID - 2 else 2 - call_id % 2


class FrameReader:
    """Cuts a byte stream into frames and hands each to ``deliver(kind, call_id, payload)``, in order.

    The stream is read into the reader's own memory: ``space()`` is where the next bytes go, ``filled(size)`` says how
    many came. A payload may lie in that memory and is the receiver's only until ``deliver`` returns.
    """

    __slots__ = ("_begin", "_deliver", "_end", "_joining", "_memory", "_view")

    def __init__(self, deliver: Deliver, joining: Joins) -> None:
        self._deliver = deliver
        self._joining = joining
        self._begin = 0
        self._end = 0
        self._allocate(_LEAST)

    def _allocate(self, size: int) -> None:
        self._memory = bytearray(size)
        self._view = memoryview(self._memory)

    def space(self) -> memoryview:
        """Where the next bytes of the stream go; never empty."""
        return self._view[self._end :]

    def feed(self, data: bytes) -> None:
        """Take bytes that were read elsewhere. See ``filled``."""
        rest = memoryview(data)
        while rest:
            size = min(len(rest), len(self._memory) - self._end)
            self._view[self._end : self._end + size] = rest[:size]
            rest = rest[size:]
            self.filled(size)

    def filled(self, size: int) -> None:
        """``size`` bytes came. Raises FrameError on a frame that cannot be: too long, or of an unknown kind."""
        memory, position = self._memory, self._begin
        self._end = end = self._end + size
        unpack, deliver, joined = HEADER.unpack_from, self._deliver, self._joining.calls
        needed = 9
        while end - position >= 9:
            length, kind, call_id = unpack(memory, position)
            if length > MAX_PAYLOAD or kind > PART:
                raise FrameError(
                    f"a frame of kind {kind} with {length} bytes (at most kind {PART}, {MAX_PAYLOAD} bytes)"
                )
            stop = position + 9 + length
            if stop > end:
                needed = 9 + length
                break
            payload: Payload = memory[position + 9 : stop] if length < _VIEWED else self._view[position + 9 : stop]
            if kind == PART:
                self._joining.add(call_id, payload)
            elif joined:
                deliver(kind, call_id, self._joining.whole(call_id, payload))
            else:
                deliver(kind, call_id, payload)
            position = stop
        self._keep(position, needed)

    def _keep(self, position: int, needed: int) -> None:
        """Keep what lies behind ``position``, the beginning of a frame of ``needed`` bytes, with room for the rest."""
        left = self._end - position
        size = len(self._memory)
        if self._end == size and size < _MOST:  # a read that filled it: more is waiting
            self._move(position, left, _MOST)
        elif not left:
            self._begin = self._end = 0
        elif size - position >= max(needed, left + _ROOM):
            self._begin = position
        else:
            self._move(position, left, max(size, needed + _ROOM))

    def _move(self, position: int, left: int, size: int) -> None:
        """Move what is left to the front of a memory of ``size`` bytes, or more where a frame was larger."""
        view = self._view
        if size > len(self._memory):
            self._allocate(size)
        self._view[:left] = view[position : position + left]
        self._begin, self._end = 0, left
