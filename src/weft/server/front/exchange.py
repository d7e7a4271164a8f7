"""One request and its answer: the receiver of the call, from the opened channel to the last byte written."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic
from typing import TYPE_CHECKING, Any

from weft.calls.channel import Call, Channel
from weft.contracts.web import CHUNK, REQUEST
from weft.errors import Overloaded, ProtocolError, WeftError
from weft.server.front.failures import failure
from weft.server.front.pages import page, retry_after
from weft.server.front.request import Refusal, Request
from weft.server.front.response import Head, status_line
from weft.server.front.routes import Named, Origin, route

if TYPE_CHECKING:
    from weft.server.front.connection import Connection
    from weft.server.front.traffic import Traffic

_UNCOPIED = 16 * 1024
"""Bodies from this size on are written beside their head, not copied behind it."""
_FOREVER = float("inf")


class Exchange:
    """Made per request by its connection, which calls ``begin`` once, then ``feed`` whenever it has read."""

    __slots__ = (
        "asked", "began", "blocked", "call", "chunked", "client", "connection", "ended", "head", "keep", "left", "over",
        "request", "sent", "since", "timeout", "traffic", "ungranted",
    )  # fmt: skip

    def __init__(self, connection: Connection, request: Request) -> None:
        self.connection = connection
        self.request = request
        self.over = False
        self.ended = True
        """The application has the whole body."""
        self.traffic: Traffic | None = None
        self.call: Call | None = None
        self.head: Head | None = None
        """None: the answer has not begun."""
        self.client = connection.origin.client
        self.timeout = _FOREVER
        self.since = monotonic()
        self.asked = 0.0
        """When the application had the whole request, of which it was asked; 0.0: it was not asked."""
        self.began = 0.0
        """When a streamed answer began."""
        self.sent = 0
        self.blocked = False
        """The application has not taken the body sent so far."""
        self.ungranted = 0

    # From the request to the call.

    def begin(self) -> None:
        """Route the request and open its call; an answer of the front's own where that fails."""
        connection, request = self.connection, self.request
        service = connection.front.router.lookup(request.host)
        try:
            if service is None or request.forwarded or not connection.plain:
                target, pick, origin = route(connection, request)
                self._open(target, pick, origin)
            else:
                self._open(service, service.pick, connection.origin)
        except Refusal as refusal:
            request.keep_alive = request.keep_alive and refusal.status != 400
            self.refuse(refusal.status, refusal.detail, refusal.extra)
        except WeftError as error:
            self.on_error(error)

    def _open(self, service: Named, pick: Callable[[], Channel], origin: Origin) -> None:
        connection, request = self.connection, self.request
        front = connection.front
        traffic = front.traffic.get(service.name) or front.count(service.name)
        traffic.in_flight += 1
        self.traffic = traffic
        self.client = origin.client
        channel = pick()
        if request.websocket:
            traffic.in_flight -= 1
            return connection.upgrade(channel, traffic, origin, service.call_timeout)
        if traffic.in_flight > front.settings.max_in_flight:
            raise Overloaded(f"The plugin {service.name} has as many requests in flight as it may.")
        self.asked = self.since
        self.timeout = timeout = service.call_timeout
        pieces = request.pieces
        if request.complete and request.received <= CHUNK:
            connection.deadline = front.clock.now + timeout
            body = b"".join(pieces) if pieces else b""
            args = [
                request.method, request.target, request.headers, origin.scheme, request.version,
                origin.client, connection.origin.server, body,
            ]  # fmt: skip
            call = channel.open(REQUEST, args, self)
            if not self.over:
                self.call = call
            return None
        return self._open_streaming(channel, origin)

    def _open_streaming(self, channel: Channel, origin: Origin) -> None:
        request = self.request
        args = [
            request.method, request.target, request.headers, origin.scheme, request.version,
            origin.client, self.connection.origin.server, None,
        ]  # fmt: skip
        call = channel.open(REQUEST, args, self, streaming=True)
        if self.over:
            return
        self.call = call
        request.exchange = self
        self.ended = False
        self._send_body()
        self.connection.rearm()

    def feed(self) -> None:
        """More of the request's body may have come."""
        request = self.request
        if self.ended or self.call is None:
            request.pieces.clear()
            return
        if request.pieces:
            request.expects = False
        if not self.blocked:
            self._send_body()
        self.connection.rearm()

    def _send_body(self) -> None:
        """Send what there is of the body, as long as there is credit."""
        request, call = self.request, self.call
        if call is None:
            return
        body = b"".join(request.pieces)
        request.pieces.clear()
        for start in range(0, len(body), CHUNK):
            if not call.send(body if len(body) <= CHUNK else body[start : start + CHUNK]):
                request.pieces.append(body[start + CHUNK :])
                self.blocked = True
                self.connection.update_reading()
                return
        if request.complete:
            self.ended = True
            self.asked = monotonic()
            call.end()

    def patience(self) -> float:
        """Seconds until somebody is too late: the client with its body, or the application with its answer."""
        if self._client_owes():
            return self.connection.front.settings.body_timeout
        return self.timeout if self.head is None else _FOREVER

    def _client_owes(self) -> bool:
        request = self.request
        return not request.complete and not request.expects and not self.blocked

    # The receiver: see weft.calls.channel.

    def on_credit(self) -> None:
        """The application took some of the body, or asks for it the first time."""
        connection = self.connection
        if self.request.expects and self.head is None:
            connection.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        self.request.expects = False
        if self.blocked:
            self.blocked = False
            self._send_body()
        connection.update_reading()
        connection.rearm()

    def on_result(self, value: Any) -> None:
        """The answer in one piece, or the end of a streamed one."""
        self.call = None
        if self.head is not None:
            return self._end_stream()
        try:
            status, lines, body = value
            head = self.connection.front.heads.get(status, lines)
        except (TypeError, ValueError, ProtocolError) as error:
            return self._reject(error)
        if type(body) is not bytes:
            return self._reject(ProtocolError("the response's body must be bytes"))
        self._write_whole(head, body)
        return None

    def on_item(self, item: Any, size: int) -> None:
        """The head of a streamed answer, or a piece of its body."""
        if self.head is None:
            try:
                status, lines = item
                self._begin_stream(self.connection.front.heads.get(status, lines))
            except (TypeError, ValueError, ProtocolError) as error:
                return self._reject(error)
        elif type(item) is bytes:
            self._write_piece(item)
        else:
            return self._reject(ProtocolError("a piece of the response's body must be bytes"))
        if self.connection.write_paused:
            self.ungranted += size
            self.connection.unsent += size
        elif self.call is not None:
            self.call.grant(size)
        return None

    def on_error(self, error: WeftError) -> None:
        """The call failed: an error page, or the connection cut where the answer had begun."""
        self.call = None
        status, reason = failure(error)
        if status == 503:
            self.asked = 0.0  # nobody took it: how soon that is said is no latency of the plugin's
        extra = retry_after(getattr(error, "retry_after", 1.0)) if status == 503 else b""
        return self._fail(status, reason, extra)

    def on_writable(self) -> None:
        """The client takes more: what was held back is consumed now."""
        if self.ungranted and self.call is not None:
            size, self.ungranted = self.ungranted, 0
            self.call.grant(size)

    # The answer.

    def _fail(self, status: int, reason: str, extra: bytes = b"") -> None:
        """Answer in the plugin's place, or break off what it began; counted as its error. See failures.REASONS."""
        if self.traffic is not None:
            self.traffic.failed(reason if self.head is None else "cut")
        self.refuse(status, _DETAILS[status], extra)

    def refuse(self, status: int, detail: str, extra: bytes = b"") -> None:
        """Answer by a page of the front's own; the call is no longer wanted."""
        if self.head is not None:
            return self.cut()
        self._cancel()
        lines, body = page(status, detail, self.request.header(b"accept"), extra)
        return self._write_whole(Head(status, status_line(status) + lines, None, dated=False), body)

    def late(self) -> None:
        """``patience`` ran out."""
        if self._client_owes():
            return self.refuse(408, "The request's body did not arrive in time.")
        return self._fail(504, "late")

    def _reject(self, error: Exception) -> None:
        name = self.traffic.name if self.traffic is not None else ""
        self.connection.front.report(name, f"sent an invalid response: {error}")
        self._fail(502, "invalid")

    def _write_whole(self, head: Head, body: bytes) -> None:
        connection, request = self.connection, self.request
        self.head = head
        size = len(body)
        keep = request.keep_alive and request.complete and not connection.front.draining
        if size == head.ready and keep and size < _UNCOPIED and request.plain:
            connection.transport.write(b"".join((head.start, connection.front.clock.date, head.tail, body)))
            self.sent = size
        else:
            keep = self._write_with_care(head, body, keep=keep)
        self._account()
        connection.done(keep=keep)

    def _write_with_care(self, head: Head, body: bytes, *, keep: bool) -> bool:
        """Write an answer that is not of the most common kind; returns whether the connection can be kept."""
        length = head.length
        if self.request.method == "HEAD" or head.bodyless:
            length, body = _unsent_length(head, body), b""
        elif length is None:
            length = len(body)
        elif length != len(body):
            keep = False
            body = body[:length]
        start = self._start(head, length, keep=keep)
        if len(body) < _UNCOPIED:
            self.connection.transport.write(start + body)
        else:
            self.connection.transport.writelines((start, body))
        self.sent = len(body)
        return keep

    def _start(self, head: Head, length: int | None, *, keep: bool, extra: bytes = b"") -> bytes:
        """The head's bytes, to the empty line."""
        if not keep:
            extra += b"connection: close\r\n"
        elif self.request.version == "1.0":
            extra += b"connection: keep-alive\r\n"
        if not head.dated:
            extra = self.connection.front.clock.date + extra
        if length is None:
            return head.start + extra + b"\r\n"
        return b"%b%bcontent-length: %d\r\n\r\n" % (head.start, extra, length)

    def _begin_stream(self, head: Head) -> None:
        connection, request = self.connection, self.request
        keep = request.keep_alive and not connection.front.draining
        length, extra = head.length, b""
        self.chunked = False
        self.left = length or 0
        if request.method == "HEAD" or head.bodyless:
            self.left = 0
        elif length is None and request.version == "1.1":
            self.chunked = True
            extra = b"transfer-encoding: chunked\r\n"
        elif length is None:
            self.left = -1
            keep = False
        self.head = head
        self.keep = keep
        self.began = monotonic()
        connection.transport.write(self._start(head, length, keep=keep, extra=extra))
        connection.rearm()

    def _write_piece(self, piece: bytes) -> None:
        transport = self.connection.transport
        if self.chunked:
            if piece:
                transport.writelines((b"%x\r\n" % len(piece), piece, b"\r\n"))
        elif self.left < 0:
            transport.write(piece)
        elif len(piece) <= self.left:
            self.left -= len(piece)
            transport.write(piece)
        else:
            return self._write_too_much(piece)
        self.sent += len(piece)
        return None

    def _write_too_much(self, piece: bytes) -> None:
        """More than the declared length: the client gets what was declared, and the rest of it nowhere."""
        assert self.head is not None
        if self.head.bodyless or self.request.method == "HEAD":
            return
        self.connection.transport.write(piece[: self.left])
        self.sent += self.left
        self._cancel()
        self._finish(keep=False)

    def _end_stream(self) -> None:
        if self.chunked:
            self.connection.transport.write(b"0\r\n\r\n")
        elif self.left > 0 and not self._is_head():
            return self._fail(502, "cut")
        return self._finish(keep=self.keep and self.request.complete)

    def _is_head(self) -> bool:
        return self.request.method == "HEAD"

    def cut(self) -> None:
        """End an answer that cannot be completed, so that the client can tell."""
        self._cancel()
        connection = self.connection
        unframed = self.head is not None and self.head.length is None and not self.chunked
        self._account()
        connection.cut(reset=unframed)

    def abandon(self) -> None:
        """The client left."""
        self._cancel()
        self._account()

    def _cancel(self) -> None:
        call, self.call = self.call, None
        if call is not None:
            call.cancel()

    def _finish(self, *, keep: bool) -> None:
        self._account()
        self.connection.done(keep=keep)

    def _account(self) -> None:
        """Count the exchange, once."""
        if self.over:
            return
        self.over = True
        now = monotonic()
        traffic, access = self.traffic, self.connection.front.access
        status = self.head.status if self.head is not None else 0
        if traffic is not None:
            traffic.in_flight -= 1
            traffic.answered[status // 100] += 1
            traffic.bytes_in += self.request.received
            traffic.bytes_out += self.sent
            if status and self.asked:
                traffic.took((self.began or now) - self.asked)
        if access is not None:
            access.add(self.client, self.request, traffic, status=status, sent=self.sent, seconds=now - self.since)


def _unsent_length(head: Head, body: bytes) -> int | None:
    """The content-length of an answer whose body is not sent: as declared, else of the body that was given."""
    return head.length if head.bodyless or head.length is not None or not body else len(body)


_DETAILS = {
    502: "The application behind this address failed before it answered.",
    503: "The application behind this address is not available right now. Try again in a moment.",
    504: "The application behind this address did not answer in time.",
}
