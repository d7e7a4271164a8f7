"""The bytes of one connection, parsed once: a queue of requests, or of the refusal that ends it."""

from __future__ import annotations

from collections import deque

import httptools

from weft.server.front.framing import BodyGauge, refusal_of
from weft.server.front.request import Headers, Refusal, Request, examine
from weft.settings import HttpSettings

SLICE = 16 * 1024
"""Between requests at most this much is parsed at once: pipelined requests past it wait unparsed."""


class RequestStream:
    """Its ``on_`` methods are httptools' callbacks.

    A request is in the queue from its head on. What comes of its body lies in ``Request.pieces`` until the exchange
    that took the request over fetches it.
    """

    __slots__ = (
        "_gauge", "_headers", "_parser", "_settings", "_url", "backlog", "fed", "last", "queue", "reading",
    )  # fmt: skip

    def __init__(self, settings: HttpSettings) -> None:
        self._settings = settings
        self._gauge: BodyGauge | None = None
        self._url = b""
        self._headers: Headers = []
        self._parser = httptools.HttpRequestParser(self)
        self.queue: deque[Request | Refusal] = deque()
        self.reading: Request | None = None
        """The request whose body is being parsed."""
        self.last = False
        """Nothing behind the queue is served: what arrives is dropped."""
        self.backlog = b""
        """Not parsed yet; behind a websocket's handshake, what belongs to the websocket."""
        self.fed = 0
        """Bytes parsed since the last whole request."""

    @property
    def waiting(self) -> bool:
        """Whether something is here that has to wait for its turn."""
        return bool(self.queue or (self.backlog and not self.last))

    @property
    def pending(self) -> bool:
        """Whether anything came behind the last whole request."""
        return bool(self.queue or self.backlog or self.fed)

    def end(self) -> None:
        """Forget everything; what still arrives is dropped."""
        self.last = True
        self.queue.clear()
        self.backlog = b""

    def parse(self, data: bytes) -> None:
        """Take ``data``, which follows what was parsed before."""
        self.fed += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._leave_http(data[upgrade.args[0] :])
        except httptools.HttpParserError as error:
            if not self.last:
                self._refuse(refusal_of(error, data))
        else:
            gauge = self._gauge
            if gauge is not None and gauge.take(len(data)) and not self.last:
                self._refuse(Refusal(400, "The chunks of the request's body are mostly overhead."))

    def parse_backlog(self, *, room: bool) -> None:
        """Parse until a request waits (two, with ``room`` for the first); a body under way as it lies."""
        while self.backlog and not self.last and len(self.queue) <= room:
            size = SLICE if self.reading is None else len(self.backlog)
            data, self.backlog = self.backlog[:size], self.backlog[size:]
            self.parse(data)

    def refuse_head(self) -> None:
        """The head that is arriving is too large."""
        self._refuse(self._too_large(self._url))

    def on_url(self, url: bytes) -> None:
        """A piece of the target."""
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """One field. Trailers come here too, after the head, and are dropped."""
        self._headers.append([name.lower(), value.rstrip()])

    def on_headers_complete(self) -> None:
        """The head is whole; the request waits for its turn."""
        headers, self._headers = self._headers, []
        url, self._url = self._url, b""
        settings = self._settings
        if self.fed > settings.max_header_bytes:
            self._check_size(url, headers)
        if len(headers) > settings.max_headers:
            raise Refusal(431, f"The request has more than {settings.max_headers} headers.")
        parser = self._parser
        request = examine(
            parser.get_method(), url, headers, parser.get_http_version(), keep_alive=parser.should_keep_alive()
        )
        self.reading = request
        if request.length:
            self._expect_body(request)
        self.queue.append(request)

    def _expect_body(self, request: Request) -> None:
        if self._parser.should_upgrade():  # the parser would take the body for the next request
            raise Refusal(501, "An upgrade of a request with a body is not known here: send it without Upgrade.")
        if request.length > self._settings.max_body_bytes:
            raise self._body_too_large()
        if request.length < 0:
            self._gauge = BodyGauge(self._settings.max_header_bytes + SLICE)

    def on_chunk_header(self) -> None:
        """A chunk begins."""
        if self._gauge is not None:
            self._gauge.chunks += 1

    def on_body(self, piece: bytes) -> None:
        """A piece of the body."""
        request = self.reading
        assert request is not None
        request.received += len(piece)
        if self._gauge is not None:
            self._gauge.body += len(piece)
            if request.received > self._settings.max_body_bytes:
                raise self._body_too_large()
        request.pieces.append(piece)

    def on_message_complete(self) -> None:
        """The request is whole."""
        request, self.reading = self.reading, None
        assert request is not None
        self.fed = 0
        self._gauge = None
        if self._headers:
            self._headers = []
        request.complete = True
        if not request.keep_alive:
            self.last = True

    def _body_too_large(self) -> Refusal:
        return Refusal(413, f"The request's body is larger than {self._settings.max_body_bytes} bytes.")

    def _check_size(self, url: bytes, headers: Headers) -> None:
        size = len(url) + sum(len(name) + len(value) + 4 for name, value in headers)
        if size > self._settings.max_header_bytes:
            raise self._too_large(url)

    def _too_large(self, url: bytes) -> Refusal:
        limit = self._settings.max_header_bytes
        if len(url) > limit:
            return Refusal(414, f"The request target is longer than {limit} bytes.")
        return Refusal(431, f"The request's headers are larger than {limit} bytes.")

    def _refuse(self, refusal: Refusal) -> None:
        """End parsing; what came whole before is still answered."""
        self.last = True
        request, self.reading = self.reading, None
        if request is not None and self.queue and self.queue[-1] is request:
            self.queue.pop()
        if request is not None and request.exchange is not None:
            request.exchange.refuse(refusal.status, refusal.detail, refusal.extra)
        else:
            self.queue.append(refusal)

    def _leave_http(self, rest: bytes) -> None:
        """The parser met an upgrade: the rest is a websocket's, or HTTP as before."""
        newest = self.queue[-1] if self.queue else None
        if isinstance(newest, Request) and newest.websocket:
            self.last = True
            self.backlog = rest
        elif not self.last:
            self._parser = httptools.HttpRequestParser(self)
            if rest:
                self.parse(rest)
