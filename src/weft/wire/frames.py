"""Frames: the wire protocol itself, without I/O.

A frame is a header of nine bytes, network order, and a payload::

    payload length  u32      kind  u8      call id  u32      payload

The payload is one msgpack value, whose shape depends on the kind:

========  ==================================================  =========================
kind      payload                                             call id
========  ==================================================  =========================
HELLO     map: ``wire`` (version), ``python``, ``pid``        0; once, first, each side
CALL      [method, args, streaming, timeout s or nil, trace]  new, of the caller
RESULT    the value                                           of the call; ends it
ERROR     map: ``kind type message traceback``                of the call; ends it
CANCEL    nil                                                 of the call; ends it
ITEM      the item                                            of the call
END       nil: no more items from the caller                  of the call
CREDIT    int: bytes of items that were consumed              of the call
PING      any; answered by a PONG with the same               0
PONG      see PING                                            0
========  ==================================================  =========================

Call ids of the side that made the socket pair are odd, the other side's even, so both may call at once. Frames of a
call that has ended are ignored: they were under way when it did.
"""

from __future__ import annotations

from struct import Struct
from typing import Callable

VERSION = 1

HELLO, CALL, RESULT, ERROR, CANCEL, ITEM, END, CREDIT, PING, PONG = range(10)

HEADER = Struct(">IBI")
MAX_PAYLOAD = 1024 * 1024 + 64 * 1024
"""Bytes. What is larger travels as items."""
LAST_ID = 0xFFFFFFFF

Deliver = Callable[[int, int, bytes], None]


class FrameError(Exception):
    """The bytes are no frames of this protocol; the connection cannot go on."""


def pack_header(kind: int, call_id: int, length: int) -> bytes:
    """The nine bytes before a payload of ``length`` bytes. Raises FrameError when it is too long to be sent."""
    if length > MAX_PAYLOAD:
        raise FrameError(f"a payload of {length} bytes is over the limit of {MAX_PAYLOAD}: send it in pieces")
    return HEADER.pack(length, kind, call_id)


def next_id(call_id: int) -> int:
    """The call id after ``call_id`` on the same side; after the last they begin anew."""
    return call_id + 2 if call_id <= LAST_ID - 2 else 2 - call_id % 2


class FrameReader:
    """Cuts a byte stream into frames and hands each to ``deliver(kind, call_id, payload)``, in order."""

    __slots__ = ("_deliver", "_needed", "_rest")

    def __init__(self, deliver: Deliver) -> None:
        self._deliver = deliver
        self._rest = bytearray()
        self._needed = 0

    def feed(self, data: bytes) -> None:
        """Take the next bytes. Raises FrameError on a frame that cannot be: too long, or of an unknown kind."""
        buffer = data
        if self._rest:
            self._rest += data
            if len(self._rest) < self._needed:  # a frame that trickles in is not copied at every piece
                return
            buffer = bytes(self._rest)
            self._rest = bytearray()
        end = len(buffer)
        position = 0
        unpack, deliver = HEADER.unpack_from, self._deliver
        while end - position >= 9:
            length, kind, call_id = unpack(buffer, position)
            if length > MAX_PAYLOAD or kind > PONG:
                raise FrameError(
                    f"a frame of kind {kind} with {length} bytes (at most kind {PONG}, {MAX_PAYLOAD} bytes)"
                )
            stop = position + 9 + length
            if stop > end:
                self._needed = stop - position
                break
            deliver(kind, call_id, buffer[position + 9 : stop])
            position = stop
        else:
            self._needed = 9
        if position < end:
            self._rest += buffer[position:]
