"""A connection: frames over one stream socket, a few in each write."""

from __future__ import annotations

import asyncio
from typing import Any, Callable, List, Optional, cast

from weft.wire.codec import encode_apart
from weft.wire.frames import HEADER, MAX_PAYLOAD, PART, Deliver, FrameError, FrameReader, Payload
from weft.wire.pieces import Cutting, Joining

_TOGETHER = 8
"""Pieces (two a frame) that are gathered for one write: the other side works on them while the next ones are made."""
_HIGH_WATER = 1024 * 1024
"""Bytes written but not yet taken by the other side, from which on the connection is congested."""

pack = HEADER.pack


class Connection(asyncio.BufferedProtocol):
    """The protocol of one wire socket.

    ``deliver(kind, call_id, payload)`` gets each frame; an exception from it, or bytes that are no frames, closes the
    connection. ``lost(error)`` comes exactly once, when it is over: None for an end in good order. While the other
    side does not read, ``congested`` is true: what can wait should; ``relieved()`` says that it may go on.
    """

    def __init__(
        self,
        deliver: Deliver,
        lost: Callable[[Optional[Exception]], None],
        relieved: Callable[[], None],
    ) -> None:
        self._reader = FrameReader(deliver, Joining())
        self._cutting = Cutting()
        self._cut = self._cutting.calls
        self._pumping = False
        self._lost = lost
        self._relieved = relieved
        self.congested = False
        self._transport: Optional[asyncio.Transport] = None
        self._loop: Optional[asyncio.AbstractEventLoop] = None
        self._out: List[Payload] = []
        self._large = False
        self._silent = False
        self._gathering = False
        self._fault: Optional[Exception] = None

    @property
    def waiting(self) -> int:
        """Bytes that are handed over for writing and not yet taken by the other side."""
        return self._transport.get_write_buffer_size() if self._transport is not None else 0

    @property
    def cut(self) -> int:
        """Bytes of values in pieces that wait for the other side to read."""
        return self._cutting.size

    def send(self, kind: int, call_id: int, value: Any) -> int:
        """Queue one frame; returns the size of its payload in bytes. Raises FrameError when that is too large."""
        payload, apart = encode_apart(value)
        size = len(payload) + len(apart)
        if size > MAX_PAYLOAD or call_id in self._cut:
            self._cutting.add(kind, call_id, payload, apart)
            self._pump_later()
            return size
        out = self._out
        out += (pack(size, kind, call_id), payload)
        if apart:
            out.append(apart)
            self._large = True
        if not self._gathering:
            self._gather()
        elif len(out) >= _TOGETHER:
            self._flush()
        return size

    def drop(self, call_id: int) -> None:
        """Nothing that still waits to be sent of that call is wanted any longer."""
        if call_id in self._cut and self._cutting.drop(call_id):
            self._put_piece(PART, call_id, memoryview(b""))

    def _pump_later(self) -> None:
        if self._loop is not None and not self._pumping:
            self._pumping = True
            self._loop.call_soon(self._pump)

    def _pump(self) -> None:
        """Send one piece a turn, so that other calls' frames go between."""
        self._pumping = False
        if self._cut and not self.congested and self._transport is not None:
            kind, call_id, piece = self._cutting.next()
            self._put_piece(PART if kind is None else kind, call_id, piece)
            if self._cut:
                self._pump_later()

    def _put_piece(self, kind: int, call_id: int, piece: memoryview) -> None:
        self._out += (pack(len(piece), kind, call_id), piece)
        self._large = True
        if not self._gathering:
            self._gather()

    def _gather(self) -> None:
        """Write a turn's first frame at once, since the other side may be waiting for it; the next ones together."""
        if self._loop is not None:
            self._gathering = True
            self._loop.call_soon(self._end_turn)
            self._flush()

    def _end_turn(self) -> None:
        self._gathering = False
        self._flush()

    def _flush(self) -> None:
        out, self._out = self._out, []
        large, self._large = self._large, False
        if not out or self._transport is None or self._transport.is_closing():
            return
        if not large:
            self._transport.write(b"".join(out))
        elif self._silent:
            self._transport.writelines(out[:-1])
            self._transport.write(out[-1])
        else:
            self._transport.writelines(out)

    def close(self) -> None:
        """Write what is queued, then end the connection."""
        self._flush()
        if self._transport is not None:
            self._transport.close()

    def abort(self, fault: Optional[Exception] = None) -> None:
        """End the connection at once; ``lost`` gets ``fault``."""
        self._fault = self._fault or fault
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See asyncio.BufferedProtocol."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is none by class
        self._loop = asyncio.get_running_loop()
        # Up to CPython 3.13.0 asyncio does not say that writelines() made a transport congested; write() does.
        self._silent = isinstance(transport, asyncio.Transport)
        self._transport.set_write_buffer_limits(high=_HIGH_WATER)
        if self._out:
            self._gather()
        if self._cut:
            self._pump_later()

    def get_buffer(self, _sizehint: int) -> memoryview:
        """See asyncio.BufferedProtocol."""
        return self._reader.space()

    def buffer_updated(self, nbytes: int) -> None:
        """See asyncio.BufferedProtocol."""
        if self._fault is not None:
            return
        try:
            self._reader.filled(nbytes)
        except (FrameError, ValueError, TypeError, RecursionError) as error:
            self.abort(error)

    def pause_writing(self) -> None:
        """See asyncio.BufferedProtocol."""
        self.congested = True

    def resume_writing(self) -> None:
        """See asyncio.BufferedProtocol. It may come from within a write, which nothing may overtake: tell later."""
        self.congested = False
        if self._loop is not None:
            self._loop.call_soon(self._relieved)
            if self._cut:
                self._pump_later()

    def connection_lost(self, exc: Optional[Exception]) -> None:
        """See asyncio.BufferedProtocol."""
        self._transport = None  # asyncio's own fail when they are aborted after their end
        self._out.clear()
        self._lost(self._fault or exc)
