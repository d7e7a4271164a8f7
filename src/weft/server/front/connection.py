"""One client connection: bytes to requests, in order, one at a time, each with its deadline.

Requests are parsed as they arrive and wait in a queue while one is answered; reading stops as long as one waits, so
that a connection holds at most one read of them.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from enum import IntEnum
from typing import TYPE_CHECKING, cast

from weft.calls.channel import Channel
from weft.server.front.exchange import Exchange
from weft.server.front.pages import page
from weft.server.front.peer import Peer, peer_of
from weft.server.front.request import Refusal, Request
from weft.server.front.requests import SLICE, RequestStream
from weft.server.front.response import status_line
from weft.server.front.routes import Origin
from weft.server.front.websocket import Websocket

if TYPE_CHECKING:
    from weft.server.front.front import Front
    from weft.server.front.traffic import Traffic

HIGH_WATER = 64 * 1024
"""Bytes of answers that may wait in the process for the client, beside one window of the call."""
LINGER = 2.0
"""Seconds for which a client may go on sending after its last answer."""
_RESET = struct.pack("ii", 1, 0)


class Phase(IntEnum):
    """What the deadline means."""

    OPEN = 0
    """Idle, or a request is being answered."""
    HEAD = 1
    """A request's head has begun to arrive."""
    LINGERING = 2
    """The last answer is written; what still arrives is dropped."""
    CLOSING = 3
    """The transport is closed and flushes."""


class Connection(asyncio.Protocol):
    """Made by the front for each accepted connection. ``control``: it came by the control socket."""

    __slots__ = (
        "_peer", "_reading_paused", "_requests", "control", "deadline", "exchange", "front", "origin", "phase", "plain",
        "proxied", "transport", "unsent", "write_paused",
    )  # fmt: skip

    transport: asyncio.Transport
    origin: Origin

    def __init__(self, front: Front, *, control: bool = False) -> None:
        self.front = front
        self.control = control
        self.proxied = False
        """The peer is a trusted proxy."""
        self.plain = not control
        """Requests for a known host need no further look."""
        self.deadline = float("inf")
        self.phase = Phase.OPEN
        self.exchange: Exchange | None = None
        self.write_paused = False
        self.unsent = 0
        """Bytes that waited for the client when the deadline was last set."""
        self._reading_paused = False
        self._peer: Peer | None = None
        self._requests = RequestStream(front.settings)

    @property
    def peer(self) -> Peer:
        """The kernel's facts, the same object for the connection's life."""
        assert self._peer is not None
        return self._peer

    # The transport: see asyncio.Protocol.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See asyncio.Protocol."""
        self.transport = transport = cast("asyncio.Transport", transport)
        transport.set_write_buffer_limits(high=HIGH_WATER)
        front = self.front
        peer = peer_of(transport, unix=self.control)
        if peer.remote is not None and peer.remote[0] in front.trusted:
            self.proxied, self.plain = True, False
            peer = peer_of(transport, unix=False, trusted_proxy=True)
        self._peer = peer
        self.origin = Origin("https" if peer.tls else "http", peer.remote, peer.local)
        front.connections.add(self)
        if len(front.connections) > front.settings.max_connections and not self.control:
            self._say(Refusal(503, "This server has as many connections as it may.", extra=b"retry-after: 1\r\n"))
        else:
            self.rearm()

    def connection_lost(self, _exc: Exception | None) -> None:
        """See asyncio.Protocol."""
        self.front.forget(self)
        self._requests.end()
        exchange, self.exchange = self.exchange, None
        if exchange is not None:
            exchange.abandon()

    def pause_writing(self) -> None:
        """See asyncio.Protocol."""
        self.write_paused = True
        self.rearm()

    def resume_writing(self) -> None:
        """See asyncio.Protocol."""
        self.write_paused = False
        if self.phase >= Phase.LINGERING:
            return
        self.rearm()
        if self.exchange is not None:
            self.exchange.on_writable()
        else:
            self._go_on()

    def data_received(self, data: bytes) -> None:
        """See asyncio.Protocol."""
        requests = self._requests
        if requests.last:
            return
        if requests.backlog or (len(data) > SLICE and requests.reading is None):
            requests.backlog += data
            self._go_on()
            return
        requests.parse(data)
        if self.exchange is not None:
            self.exchange.feed()
        if requests.queue and self.exchange is None and not self.write_paused:
            self._next()
        if requests.queue or self._reading_paused:
            self.update_reading()
        if requests.fed and requests.reading is None:
            self._await_head()

    # One request after the other.

    def _next(self) -> None:
        entry = self._requests.queue.popleft()
        if type(entry) is Refusal:
            return self._say(entry)
        assert type(entry) is Request
        if self.phase:
            self.phase = Phase.OPEN
        exchange = self.exchange = Exchange(self, entry)
        exchange.begin()
        return None

    def done(self, *, keep: bool) -> None:
        """The exchange is over: serve the next request, wait for one, or close."""
        self.exchange = None
        if not keep:
            self._close(linger=self._requests.reading is not None)
        elif self._requests.pending:
            self.rearm()
            self.front.loop.call_soon(self._go_on)
        elif self.front.draining:
            self._shut()
        else:
            self.deadline = self.front.clock.now + self.front.settings.keep_alive_timeout

    def _go_on(self) -> None:
        """Do what can be done with the requests that wait and the bytes behind them."""
        if self.phase >= Phase.LINGERING or self.transport.is_closing():
            return
        requests = self._requests
        requests.parse_backlog(room=self.exchange is None)
        if self.exchange is not None:
            self.exchange.feed()
        if requests.queue and self.exchange is None and not self.write_paused:
            self._next()
            requests.parse_backlog(room=self.exchange is None)
            if self.exchange is not None:
                self.exchange.feed()
        if requests.fed and requests.reading is None:
            self._await_head()
        self.update_reading()

    def _await_head(self) -> None:
        """A head has begun: it has its time and its size."""
        if self._requests.fed > self.front.settings.max_header_bytes:
            self._requests.refuse_head()
            self._go_on()
        elif self.phase is Phase.OPEN and self.exchange is None:
            self.phase = Phase.HEAD
            self.deadline = self.front.clock.now + self.front.settings.header_timeout

    def update_reading(self) -> None:
        """Read from the client exactly while there is room for what it sends."""
        if self.phase >= Phase.LINGERING or self.transport.is_closing():
            return
        blocked = self.exchange is not None and self.exchange.blocked
        pause = blocked or self._requests.waiting
        if pause is not self._reading_paused:
            self._reading_paused = pause
            if pause:
                self.transport.pause_reading()
            else:
                self.transport.resume_reading()

    def upgrade(self, channel: Channel, traffic: Traffic, origin: Origin, timeout: float) -> None:
        """Hand the connection over to a websocket."""
        exchange, self.exchange = self.exchange, None
        assert exchange is not None
        rest, self._requests.backlog = self._requests.backlog, b""
        self.front.connections.discard(self)
        websocket = Websocket(self.front, self.transport, exchange.request, traffic)
        if self._reading_paused:
            self.transport.resume_reading()
        self.transport.set_protocol(websocket)
        websocket.begin(channel, origin, timeout, rest)

    # Deadlines and the end.

    def rearm(self) -> None:
        """Set the deadline anew, from what the connection waits for."""
        settings = self.front.settings
        if self.phase >= Phase.LINGERING or (self.phase is Phase.HEAD and not self.write_paused):
            return
        if self.write_paused:
            self.unsent = self.transport.get_write_buffer_size()
            seconds = settings.send_timeout
        else:
            seconds = settings.keep_alive_timeout if self.exchange is None else self.exchange.patience()
        self.deadline = self.front.clock.now + seconds

    def expire(self) -> None:
        """The deadline has passed."""
        if self.phase >= Phase.LINGERING:
            self.transport.abort()
        elif self.write_paused:
            if self.transport.get_write_buffer_size() < self.unsent:
                self.rearm()
            else:
                self.cut()
        elif self.exchange is not None:
            self.exchange.late()
        elif self.phase is Phase.HEAD:
            self._say(Refusal(408, "The request did not arrive in time."))
        else:
            self.cut()

    def drain(self) -> None:
        """End the connection now if no request is under way on it."""
        if self.exchange is None and not self._requests.queue and self.phase is Phase.OPEN:
            self._shut()

    def _say(self, refusal: Refusal) -> None:
        """The last answer: to a request that nobody else sees."""
        lines, body = page(refusal.status, refusal.detail, b"", refusal.extra)
        ending = b"connection: close\r\ncontent-length: %d\r\n\r\n" % len(body)
        self.transport.write(status_line(refusal.status) + lines + self.front.clock.date + ending + body)
        self.front.refusals[refusal.status] = self.front.refusals.get(refusal.status, 0) + 1
        self._close(linger=True)

    def _close(self, *, linger: bool) -> None:
        """Close after the last answer. A client that still sends would lose it to a reset: ``linger``, hear it out."""
        self._requests.end()
        if self.transport.is_closing():
            return
        if not linger:
            self._shut()
            return
        self.phase = Phase.LINGERING
        self.deadline = self.front.clock.now + max(LINGER, self.front.settings.send_timeout * self.write_paused)
        if self._reading_paused:
            self._reading_paused = False
            self.transport.resume_reading()
        if self.transport.can_write_eof():
            self.transport.write_eof()

    def _shut(self) -> None:
        self._requests.end()
        self.phase = Phase.CLOSING
        self.deadline = self.front.clock.now + self.front.settings.send_timeout
        self.transport.close()

    def cut(self, *, reset: bool = False) -> None:
        """Close without the rest of an answer. ``reset``: where the end of the connection would look like its end."""
        exchange, self.exchange = self.exchange, None
        if exchange is not None:
            exchange.abandon()
        connection = self.transport.get_extra_info("socket") if reset else None
        if connection is not None:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        if reset or self.write_paused:
            self.transport.abort()
        self._shut()

    def abort(self) -> None:
        """End the connection at once, whatever waits for the client."""
        self.transport.abort()
