"""One client connection: bytes to requests, in order, one at a time, each with its deadline.

Requests are parsed as they arrive and wait in a queue while one is answered; reading stops as long as one waits, so
that a connection holds at most one read of them.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections import deque
from enum import IntEnum
from typing import TYPE_CHECKING, cast

import httptools

from weft.calls.channel import Channel
from weft.server.front.exchange import Exchange
from weft.server.front.framing import BodyGauge, refusal_of
from weft.server.front.pages import page
from weft.server.front.peer import Peer, peer_of
from weft.server.front.request import Headers, Refusal, Request, examine
from weft.server.front.response import status_line
from weft.server.front.routes import Origin
from weft.server.front.websocket import Websocket

if TYPE_CHECKING:
    from weft.server.front.front import Front
    from weft.server.front.traffic import Traffic

SLICE = 16 * 1024
"""Between requests at most this much is parsed at once: pipelined requests past it wait unparsed."""
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
        "_backlog", "_fed", "_gauge", "_headers", "_last", "_parser", "_peer", "_queue", "_reading", "_reading_paused",
        "_url", "control", "deadline", "exchange", "front", "origin", "phase", "plain", "proxied", "transport",
        "unsent", "write_paused",
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
        self._queue: deque[Request | Refusal] = deque()
        self._reading: Request | None = None
        """The request whose body is being parsed."""
        self._reading_paused = False
        self._last = False
        """Nothing after the queue is served: what arrives is dropped."""
        self._backlog = b""
        self._fed = 0
        self._gauge: BodyGauge | None = None
        self._url = b""
        self._headers: Headers = []
        self._peer: Peer | None = None
        self._parser = httptools.HttpRequestParser(self)

    @property
    def peer(self) -> Peer:
        """The kernel's facts, the same object for the connection's life."""
        assert self._peer is not None
        return self._peer

    # The transport: see asyncio.Protocol.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See asyncio.Protocol."""
        self.transport = transport = cast(asyncio.Transport, transport)
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
            self._last = True
            self._say(Refusal(503, "This server has as many connections as it may.", extra=b"retry-after: 1\r\n"))
        else:
            self.rearm()

    def connection_lost(self, exc: Exception | None) -> None:
        """See asyncio.Protocol."""
        self.front.connections.discard(self)
        self._last = True
        self._queue.clear()
        self._backlog = b""
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
        if self._last:
            return
        if self._backlog or (len(data) > SLICE and self._reading is None):
            self._backlog += data
            return self._go_on()
        self._parse(data)
        if self._queue and self.exchange is None and not self.write_paused:
            self._next()
        if self._queue or self._reading_paused:
            self.update_reading()
        if self._fed and self._reading is None:
            self._await_head()
        return None

    # Parsing: the callbacks are httptools'.

    def _parse(self, data: bytes) -> None:
        self._fed += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._leave_http(data[upgrade.args[0] :])
        except httptools.HttpParserError as error:
            if not self._last:
                self._refuse(refusal_of(error, data))
        else:
            gauge = self._gauge
            if gauge is not None and gauge.take(len(data)) and not self._last:
                self._refuse(Refusal(400, "The chunks of the request's body are mostly overhead."))

    def _parse_backlog(self) -> None:
        """Parse until a request waits; a body under way is parsed as it lies."""
        while self._backlog and not self._last and not self._waiting():
            size = SLICE if self._reading is None else len(self._backlog)
            data, self._backlog = self._backlog[:size], self._backlog[size:]
            self._parse(data)

    def _waiting(self) -> bool:
        return len(self._queue) > (self.exchange is None)

    def on_url(self, url: bytes) -> None:
        """See httptools: a piece of the target."""
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """See httptools. Trailers come here too, after the head, and are dropped."""
        self._headers.append([name.lower(), value.rstrip()])

    def on_headers_complete(self) -> None:
        """See httptools: the head is whole; the request waits for its turn."""
        headers, self._headers = self._headers, []
        url, self._url = self._url, b""
        settings = self.front.settings
        if self._fed > settings.max_header_bytes:
            self._check_size(url, headers)
        if len(headers) > settings.max_headers:
            raise Refusal(431, f"The request has more than {settings.max_headers} headers.")
        parser = self._parser
        request = examine(parser.get_method(), url, headers, parser.get_http_version(), parser.should_keep_alive())
        self._reading = request
        if request.length:
            self._expect_body(request)
        self._queue.append(request)

    def _expect_body(self, request: Request) -> None:
        limit = self.front.settings.max_body_bytes
        if request.length > limit:
            raise Refusal(413, f"The request's body is larger than {limit} bytes.")
        if request.length < 0:
            self._gauge = BodyGauge(self.front.settings.max_header_bytes + SLICE)

    def on_chunk_header(self) -> None:
        """See httptools: a chunk begins."""
        if self._gauge is not None:
            self._gauge.chunks += 1

    def on_body(self, piece: bytes) -> None:
        """See httptools: a piece of the body."""
        request = self._reading
        assert request is not None
        request.received += len(piece)
        if self._gauge is not None:
            self._gauge.body += len(piece)
            limit = self.front.settings.max_body_bytes
            if request.received > limit:
                raise Refusal(413, f"The request's body is larger than {limit} bytes.")
        if request.exchange is not None:
            request.exchange.feed(piece)
        else:
            request.pieces.append(piece)

    def on_message_complete(self) -> None:
        """See httptools: the request is whole."""
        request, self._reading = self._reading, None
        self._fed = 0
        self._gauge = None
        if self._headers:
            self._headers = []
        assert request is not None
        request.complete = True
        if not request.keep_alive:
            self._last = True
        if request.exchange is not None:
            request.exchange.end_of_body()

    def _check_size(self, url: bytes, headers: Headers) -> None:
        limit = self.front.settings.max_header_bytes
        if len(url) + sum(len(name) + len(value) + 4 for name, value in headers) > limit:
            raise self._too_large(url)

    def _too_large(self, url: bytes) -> Refusal:
        limit = self.front.settings.max_header_bytes
        if len(url) > limit:
            return Refusal(414, f"The request target is longer than {limit} bytes.")
        return Refusal(431, f"The request's headers are larger than {limit} bytes.")

    def _await_head(self) -> None:
        """A head has begun: it has its time and its size."""
        if self._fed > self.front.settings.max_header_bytes:
            self._refuse(self._too_large(self._url))
            self._go_on()
        elif self.phase is Phase.OPEN and self.exchange is None:
            self.phase = Phase.HEAD
            self.deadline = self.front.clock.now + self.front.settings.header_timeout

    def _refuse(self, refusal: Refusal) -> None:
        """End parsing; what came whole before is still answered."""
        self._last = True
        request, self._reading = self._reading, None
        if request is not None and self._queue and self._queue[-1] is request:
            self._queue.pop()
        if request is not None and request.exchange is not None and request.exchange is self.exchange:
            request.keep_alive = False
            self.exchange.refuse(refusal.status, refusal.detail, refusal.extra)
        else:
            self._queue.append(refusal)

    def _leave_http(self, rest: bytes) -> None:
        """The parser met an upgrade: the rest is a websocket's, or HTTP as before."""
        last = self._queue[-1] if self._queue else None
        if isinstance(last, Request) and last.websocket:
            self._last = True
            self._backlog = rest
        elif not self._last:
            self._parser = httptools.HttpRequestParser(self)
            if rest:
                self._parse(rest)

    # One request after the other.

    def _next(self) -> None:
        entry = self._queue.popleft()
        if type(entry) is Refusal:
            return self._say(entry)
        assert type(entry) is Request
        if self.phase:
            self.phase = Phase.OPEN
        exchange = self.exchange = Exchange(self, entry)
        exchange.begin()
        return None

    def done(self, keep: bool) -> None:
        """The exchange is over: serve the next request, wait for one, or close."""
        self.exchange = None
        if not keep:
            self._close(linger=self._reading is not None)
        elif self._queue or self._backlog or self._fed:
            self.rearm()
            self.front.loop.call_soon(self._go_on)
        else:
            self.deadline = self.front.clock.now + self.front.settings.keep_alive_timeout

    def _go_on(self) -> None:
        """Do what can be done with the queue and the backlog."""
        if self.phase >= Phase.LINGERING:
            return
        self._parse_backlog()
        if self._queue and self.exchange is None and not self.write_paused:
            self._next()
            self._parse_backlog()
        if self._fed and self._reading is None:
            self._await_head()
        self.update_reading()

    def update_reading(self) -> None:
        """Read from the client exactly while there is room for what it sends."""
        blocked = self.exchange is not None and self.exchange.blocked
        pause = bool(blocked or self._queue or (self._backlog and not self._last)) and self.phase < Phase.LINGERING
        if pause is not self._reading_paused and not self.transport.is_closing():
            self._reading_paused = pause
            if pause:
                self.transport.pause_reading()
            else:
                self.transport.resume_reading()

    def upgrade(self, channel: Channel, traffic: Traffic, origin: Origin, timeout: float) -> None:
        """Hand the connection over to a websocket."""
        exchange, self.exchange = self.exchange, None
        assert exchange is not None
        rest, self._backlog = self._backlog, b""
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
            self._last = True
            self._say(Refusal(408, "The request did not arrive in time."))
        else:
            self.cut()

    def drain(self) -> None:
        """End the connection now if no request is under way on it."""
        if self.exchange is None and not self._queue and self.phase is Phase.OPEN:
            self._shut()

    def _say(self, refusal: Refusal) -> None:
        """The last answer: to a request that nobody else sees."""
        self._last = True
        lines, body = page(refusal.status, refusal.detail, b"", refusal.extra)
        ending = b"connection: close\r\ncontent-length: %d\r\n\r\n" % len(body)
        self.transport.write(status_line(refusal.status) + lines + self.front.clock.date + ending + body)
        self.front.refusals[refusal.status] = self.front.refusals.get(refusal.status, 0) + 1
        self._close(linger=True)

    def _close(self, *, linger: bool) -> None:
        """Close after the last answer. A client that still sends would lose it to a reset: ``linger``, hear it out."""
        self._last = True
        self._queue.clear()
        self._backlog = b""
        if self.transport.is_closing():
            return
        if not linger:
            return self._shut()
        self.phase = Phase.LINGERING
        self.deadline = self.front.clock.now + max(LINGER, self.front.settings.send_timeout * self.write_paused)
        if self._reading_paused:
            self._reading_paused = False
            self.transport.resume_reading()
        if self.transport.can_write_eof():
            self.transport.write_eof()
        return None

    def _shut(self) -> None:
        self._last = True
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
