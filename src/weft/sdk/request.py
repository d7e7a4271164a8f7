"""One HTTP request and its response, between a call of ``web.request`` and an ASGI application."""

from __future__ import annotations

import logging
from typing import Any, Dict, List

from weft.calls.channel import Reply, Request
from weft.contracts.web import CHUNK
from weft.sdk.scope import Message, Waiters, build_scope, format_head

logger = logging.getLogger("weft.web")


class RequestCycle:
    """One request and its response. See calls.channel.Consumer for what arrives, ASGI for what the application does."""

    __slots__ = (
        "_body", "_complete", "_credit", "_disconnected", "_ended", "_expects", "_given", "_head", "_reply", "_size",
        "_status", "_streaming", "_waiters", "scope",
    )  # fmt: skip

    def __init__(self, request: Request, reply: Reply, state: Dict[str, Any]) -> None:
        method, target, headers, scheme, http_version, client, server, body = request.args
        self.scope = build_scope("http", target, headers, [scheme, http_version, client, server], state)
        self.scope["method"] = method
        self._reply = reply
        self._body: List[bytes] = [] if body is None else [body]
        self._size = 0
        self._ended = body is not None
        self._given = False
        self._expects = body is None and any(name == b"expect" for name, _ in headers)
        self._disconnected = False
        self._complete = False
        self._status = 0
        self._head = b""
        self._streaming = False
        self._credit = True
        self._waiters = Waiters()

    # What the application calls.

    async def receive(self) -> Message:
        """ASGI ``receive``."""
        if self._expects:
            self._expects = False
            self._reply.grant(1)
        while not (self._disconnected or self._complete):
            if self._body or (self._ended and not self._given):
                return self._next_body()
            await self._waiters.change()
        return {"type": "http.disconnect"}

    def _next_body(self) -> Message:
        body = self._body[0] if len(self._body) == 1 else b"".join(self._body)
        self._body.clear()
        self._given = self._ended
        size, self._size = self._size, 0
        if size:
            self._reply.grant(size)
        return {"type": "http.request", "body": body, "more_body": not self._ended}

    async def send(self, message: Message) -> None:
        """ASGI ``send``. Waits while the client takes nothing."""
        kind = message["type"]
        if kind == "http.response.body":
            if not self._status:
                raise RuntimeError("ASGI: http.response.body was sent before http.response.start")
            await self._send_body(message.get("body", b""), message.get("more_body", False))
        elif kind == "http.response.start":
            if self._status:
                raise RuntimeError("ASGI: http.response.start was sent twice")
            self._status = message["status"]
            self._head = format_head(message.get("headers", ()))
        else:
            raise RuntimeError(f"ASGI: expected http.response.start or http.response.body, found {kind!r}")

    async def _send_body(self, body: bytes, more: bool) -> None:
        if self._complete or self._disconnected:
            return
        if not more and not self._streaming and len(body) <= CHUNK:
            self._complete = True
            self._reply.result([self._status, self._head, bytes(body)])
            return
        if not self._streaming:
            self._streaming = True
            self._reply.send([self._status, self._head])
        for start in range(0, len(body), CHUNK):
            await self._send_item(bytes(body[start : start + CHUNK]) if len(body) > CHUNK else bytes(body))
        if not more and not self._disconnected:
            self._complete = True
            self._reply.result(None)
            self._waiters.notify()

    async def _send_item(self, item: bytes) -> None:
        if self._disconnected:
            return
        self._credit = self._reply.send(item)
        while not (self._credit or self._disconnected):
            await self._waiters.change()

    def failed(self) -> None:
        """The application raised: 500 if nothing was sent yet, else the response is broken off."""
        if not self._streaming and not self._complete:
            self._complete = True
            self._reply.result([500, b"content-type: text/plain; charset=utf-8\r\n", b"Internal Server Error"])
        elif not self._complete:
            self._complete = True
            self._reply.error(RuntimeError("the application failed within its response"))

    def returned(self) -> None:
        """The application returned; a response that it did not finish is an error of its."""
        if not self._complete and not self._disconnected:
            logger.error("the application returned without finishing its response to %s", self.scope["path"])
            self.failed()

    # What arrives: see calls.channel.Consumer.

    def on_item(self, item: bytes, size: int) -> None:
        """A piece of the request's body."""
        self._body.append(item)
        self._size += size
        self._waiters.notify()

    def on_end(self) -> None:
        """The body is whole."""
        self._ended = True
        self._waiters.notify()

    def on_credit(self) -> None:
        """The client takes more."""
        self._credit = True
        self._waiters.notify()

    def on_cancel(self) -> None:
        """The client left."""
        self._disconnected = True
        self._waiters.notify()
