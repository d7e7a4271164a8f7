"""One websocket: frames of the client to items of a call ``web.websocket``, and back.

The connection hands its transport over once the request is parsed; from then on this is the transport's protocol.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Any

from wsproto import events
from wsproto.connection import Connection as Frames
from wsproto.connection import ConnectionState, ConnectionType
from wsproto.utilities import LocalProtocolError, generate_accept_token

from weft.calls.channel import Call, Channel
from weft.contracts.web import CHUNK, WEBSOCKET
from weft.errors import DrainEnded, ProtocolError, WeftError
from weft.server.front.failures import failure
from weft.server.front.pages import page, retry_after
from weft.server.front.request import Request
from weft.server.front.response import Head, check_lines, prepare, status_line
from weft.server.front.routes import Address, Origin

if TYPE_CHECKING:
    from weft.server.front.front import Front
    from weft.server.front.traffic import Traffic

_CLOSE_TIMEOUT = 2.0
"""Seconds for which the client may take to answer a close."""
_EARLY = 64 * 1024
"""Bytes kept of a client that sends before it is accepted."""
_INTERNAL_ERROR = 1011
"""Close code of a websocket whose application failed."""
_FOREVER = float("inf")


class Websocket(asyncio.Protocol):
    """Also the receiver of its call: see weft.calls.channel."""

    def __init__(self, front: Front, transport: asyncio.Transport, request: Request, traffic: Traffic) -> None:
        self.front = front
        self.transport = transport
        self.request = request
        self.traffic = traffic
        self.deadline = _FOREVER
        self._call: Call | None = None
        self._frames: Frames | None = None
        """None until the application accepted."""
        self._offered: list[str] = []
        self._early = b""
        self._gathered: Any = None
        """What came of a message and was not passed on: str or bytes; None between messages."""
        self._message_size = 0
        self._outgoing: deque[Any] = deque()
        """Items that wait for credit: of one read at most."""
        self._ended = False
        """The client said its last."""
        self._blocked = False
        self._write_paused = False
        self._reading_paused = False
        self._ungranted = 0
        self._unsent = 0
        self._silence = 0
        self._closing = False
        self._counted = True
        self._client: Address = None
        self._since = front.clock.now
        self._sent = 0
        self._status = 0
        front.connections.add(self)
        traffic.websockets += 1

    def begin(self, channel: Channel, origin: Origin, timeout: float, early: bytes) -> None:
        """Ask the application, within ``timeout`` seconds. ``early``: what the client sent behind its request."""
        request = self.request
        offer = request.header(b"sec-websocket-protocol").decode("latin-1")
        self._offered = [name.strip() for name in offer.split(",") if name.strip()]
        self.deadline = self.front.clock.now + timeout
        self._client = origin.client
        args = [
            request.target, request.headers, origin.scheme, request.version, origin.client, origin.server,
            self._offered,
        ]  # fmt: skip
        try:
            self._call = channel.open(WEBSOCKET, args, self, streaming=True)
        except WeftError as error:
            return self.on_error(error)
        if early:
            self.data_received(early)
        return None

    # The client's side: see asyncio.Protocol.

    def data_received(self, data: bytes) -> None:
        """See asyncio.Protocol."""
        self._silence = 0
        if self._frames is None:
            self._early += data
            self._update_reading()
        elif self._frames.state is not ConnectionState.CLOSED:
            self._frames.receive_data(data)
            for event in self._frames.events():
                self._take(event)
                if self.transport.is_closing():
                    break

    def pause_writing(self) -> None:
        """See asyncio.Protocol."""
        self._write_paused = True
        self._rearm()
        self._update_reading()

    def resume_writing(self) -> None:
        """See asyncio.Protocol."""
        self._write_paused = False
        self._rearm()
        self._update_reading()
        if self._ungranted and self._call is not None:
            size, self._ungranted = self._ungranted, 0
            self._call.grant(size)

    def connection_lost(self, _exc: Exception | None) -> None:
        """See asyncio.Protocol."""
        self._account()
        self._cancel()

    def _take(self, event: events.Event) -> None:
        if isinstance(event, events.Message):
            self._take_message(event)
        elif isinstance(event, events.Ping):
            self._send(event.response())
        elif isinstance(event, events.CloseConnection):
            self._take_close(event)

    def _take_message(self, event: events.Message[Any]) -> None:
        """Pieces of a message are gathered up to CHUNK, and passed on in parts of that."""
        if self._closing:
            return None
        data = event.data if isinstance(event.data, str) else bytes(event.data)
        self._message_size += len(data) if isinstance(data, bytes) or data.isascii() else len(data.encode())
        if self._message_size > self.front.settings.max_message_bytes:
            self._pass_on(["close", 1009, "message too large"])
            return self._end(1009, "message too large")
        self._gathered = data if self._gathered is None else self._gathered + data
        while len(self._gathered) > CHUNK:
            self._pass_on(["part", self._gathered[:CHUNK]])
            self._gathered = self._gathered[CHUNK:]
        if event.message_finished:
            item, self._gathered = self._gathered, None
            self.traffic.bytes_in += self._message_size
            self._message_size = 0
            self._pass_on(item)
        return None

    def _pass_on(self, item: Any) -> None:
        self._outgoing.append(item)
        if not self._blocked:
            self._send_items()

    def _send_items(self) -> None:
        """Send what waits for the application, as long as there is credit."""
        while self._outgoing and self._call is not None:
            if not self._call.send(self._outgoing.popleft()):
                self._blocked = True
                self._update_reading()
                return
        if self._ended and self._call is not None:
            self._call.end()

    def _take_close(self, event: events.CloseConnection) -> None:
        """The client closes, answers our close, or broke the protocol."""
        if not self._closing:
            self._closing = self._ended = True
            self._pass_on(["close", int(event.code), event.reason or ""])
            self._send(event.response())
        self._shut()

    def _update_reading(self) -> None:
        pause = self._blocked or self._write_paused or len(self._early) > _EARLY
        if pause is not self._reading_paused and not self.transport.is_closing():
            self._reading_paused = pause
            if pause:
                self.transport.pause_reading()
            else:
                self.transport.resume_reading()

    # The application's side: see weft.calls.channel.Receiver.

    def on_credit(self) -> None:
        """See Receiver."""
        self._blocked = False
        self._send_items()
        self._update_reading()

    def on_item(self, item: Any, size: int) -> None:
        """One of the items that weft.contracts.web lists."""
        try:
            self._obey(item)
        except (TypeError, ValueError, ProtocolError, LocalProtocolError) as error:
            self.front.report(self.traffic.name, f"sent an invalid websocket item: {error}")
            return self._fail(502, _INTERNAL_ERROR, "invalid")
        if self._write_paused:
            self._ungranted += size
            self._unsent += size
        elif self._call is not None:
            self._call.grant(size)
        return None

    def _obey(self, item: Any) -> None:
        kind, *rest = item
        if kind == "send":
            self._send_message(*rest, last=True)
        elif kind == "part":
            self._send_message(*rest, last=False)
        elif kind == "accept" and self._frames is None:
            self._accept(*rest)
        elif kind == "deny" and self._frames is None:
            self._deny(*rest)
        elif kind == "close":
            self._close(*rest)
        else:
            raise ProtocolError(f"{kind!r} is not expected here")

    def on_result(self, _value: Any) -> None:
        """The application returned."""
        self._call = None
        self._fail(502, 1000, "invalid")

    def on_error(self, error: WeftError) -> None:
        """The call failed."""
        self._call = None
        status, reason = failure(error)
        extra = retry_after(getattr(error, "retry_after", 1.0)) if status == 503 else b""
        self._fail(status, 1012 if isinstance(error, DrainEnded) else _INTERNAL_ERROR, reason, extra)

    def _accept(self, subprotocol: str | None, lines: bytes) -> None:
        if subprotocol is not None and subprotocol not in self._offered:
            raise ProtocolError(f"the subprotocol {subprotocol!r} was not offered")
        token = generate_accept_token(self.request.header(b"sec-websocket-key"))
        chosen = f"sec-websocket-protocol: {subprotocol}\r\n".encode("latin-1") if subprotocol else b""
        head = (
            status_line(101) + b"upgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-accept: " + token + b"\r\n"
        )
        self.transport.write(head + chosen + check_lines(lines) + self.front.clock.date + b"\r\n")
        self._status = 101
        self._frames = Frames(ConnectionType.SERVER)
        self._rearm()
        early, self._early = self._early, b""
        self._update_reading()
        if early:
            self.data_received(early)

    def _deny(self, status: int, lines: bytes, body: bytes) -> None:
        if type(body) is not bytes:
            raise ProtocolError("the body of a denial must be bytes")
        self._respond(prepare(status, lines), body)

    def _send_message(self, data: str | bytes, *, last: bool) -> None:
        if self._frames is None or type(data) not in (str, bytes):
            raise ProtocolError("a message must be text or bytes, after the websocket was accepted")
        self._sent += len(data)
        self.traffic.bytes_out += len(data)
        if isinstance(data, str):
            self._send(events.TextMessage(data=data, message_finished=last))
        else:
            self._send(events.BytesMessage(data=data, message_finished=last))

    def _close(self, code: int, reason: str | None) -> None:
        if self._frames is None:
            self._fail(403, code, "")
        else:
            self._end(code, reason or "")

    def _send(self, event: events.Event) -> None:
        frames = self._frames
        if frames is None or self.transport.is_closing():
            return
        answers = frames.state is ConnectionState.REMOTE_CLOSING and isinstance(event, events.CloseConnection)
        if answers or frames.state is ConnectionState.OPEN:
            self.transport.write(frames.send(event))

    # The end.

    def _fail(self, status: int, code: int, reason: str, extra: bytes = b"") -> None:
        """End it: by an HTTP answer before it was accepted, by a close code after.

        ``reason``: see failures.REASONS; '' where it is no error.
        """
        if self._frames is not None:
            return self._end(code, "")
        if reason and not self.transport.is_closing():
            self.traffic.failed(reason)
        lines, body = page(status, _DETAILS[status], self.request.header(b"accept"), extra)
        return self._respond(Head(status, status_line(status) + lines, None, dated=False), body)

    def _respond(self, head: Head, body: bytes) -> None:
        if self.transport.is_closing():
            return
        body = b"" if head.bodyless else body
        date = b"" if head.dated else self.front.clock.date
        self.transport.write(head.start + date + b"connection: close\r\ncontent-length: %d\r\n\r\n" % len(body) + body)
        self._status, self._sent = head.status, len(body)
        self._cancel()
        self._shut()

    def _end(self, code: int, reason: str) -> None:
        """Send a close and give the client a moment to answer it."""
        if self._closing:
            return
        if code == _INTERNAL_ERROR:
            self.traffic.failed("cut")
        self._send(events.CloseConnection(code=code, reason=reason))
        self._closing = True
        self._cancel()
        self._gathered = None
        self.deadline = self.front.clock.now + _CLOSE_TIMEOUT

    def _cancel(self) -> None:
        call, self._call = self._call, None
        if call is not None:
            call.cancel()

    def _shut(self) -> None:
        self._closing = True
        self.deadline = self.front.clock.now + _CLOSE_TIMEOUT
        self.transport.close()

    def _account(self) -> None:
        if not self._counted:
            return
        self._counted = False
        self.front.forget(self)
        self.traffic.websockets -= 1
        self.traffic.answered[self._status // 100] += 1
        if self.front.access is not None:
            seconds = self.front.clock.now - self._since
            self.front.access.add(
                self._client, self.request, self.traffic, status=self._status, sent=self._sent, seconds=seconds
            )

    # Deadlines.

    def _rearm(self) -> None:
        if self._closing or self._frames is None:
            return
        settings = self.front.settings
        if self._write_paused:
            self._unsent = self.transport.get_write_buffer_size()
            self.deadline = self.front.clock.now + settings.send_timeout
        else:
            self.deadline = self.front.clock.now + (settings.websocket_ping or _FOREVER)

    def expire(self) -> None:
        """The deadline has passed."""
        if self._closing:
            self.transport.abort()
        elif self._frames is None:
            self._fail(504, _INTERNAL_ERROR, "late")
        elif self._write_paused:
            self._check_progress()
        else:
            self._ping()

    def _check_progress(self) -> None:
        if self.transport.get_write_buffer_size() < self._unsent:
            self._rearm()
        else:
            self.abort()

    def _ping(self) -> None:
        if self._silence >= 2:
            return self.abort()
        if not self._reading_paused:
            self._silence += 1
            self._send(events.Ping())
        return self._rearm()

    def drain(self) -> None:
        """Tell the client to connect again: the server is about to end."""
        self._fail(503, 1012, "unavailable")

    def abort(self) -> None:
        """End it at once."""
        self._closing = True
        self.transport.abort()


_DETAILS = {
    403: "The application refused the websocket.",
    502: "The application failed before it answered the websocket.",
    503: "The application is not available right now. Try again in a moment.",
    504: "The application did not answer the websocket in time.",
}
