"""One HTTP request and its response, between a call of ``web.request`` and an ASGI application."""

from __future__ import annotations

import logging
from typing import Any, Dict, Optional, Sequence

from weft.calls.channel import Reply
from weft.contracts.web import CHUNK
from weft.sdk.scope import ClientLeft, Message, Waiters, build_scope, format_head

logger = logging.getLogger("weft.web")


class RequestCycle:
    """One request and its response. See calls.channel.Consumer for what arrives, ASGI for what the application does."""

    # Defaults on the class: a common request sets few of them.
    _waiters: Optional[Waiters] = None
    _given = False
    _ended = True
    _expects = False
    _size = 0
    _status = 0
    _head = b""
    _streaming = False
    _credit = True
    _complete = False
    _disconnected = False

    def __init__(self, args: Sequence[Any], reply: Reply, state: Dict[str, Any]) -> None:
        method, target, headers, scheme, http_version, client, server, body, *root = args
        self.scope = build_scope("http", target, headers, scheme, http_version, client, server, state, *root)
        self.scope["method"] = method
        self._reply = reply
        if body is not None:
            self._parts = [body]
        else:
            self._parts = []
            self._ended = False
            self._expects = any(name == b"expect" for name, _ in headers)

    # What the application calls.

    async def receive(self) -> Message:
        """ASGI ``receive``."""
        if self._expects:
            self._expects = False
            self._reply.grant(1)
        while not (self._disconnected or self._complete):
            if self._parts or (self._ended and not self._given):
                return self._next_body()
            await self._change()
        return {"type": "http.disconnect"}

    def _next_body(self) -> Message:
        body = self._parts[0] if len(self._parts) == 1 else b"".join(self._parts)
        self._parts.clear()
        self._given = self._ended
        size, self._size = self._size, 0
        if size:
            self._reply.grant(size)
        return {"type": "http.request", "body": body, "more_body": not self._ended}

    async def send(self, message: Message) -> None:
        """ASGI ``send``. Waits while the client takes nothing."""
        kind = message["type"]
        if kind == "http.response.start" and not self._status:
            self._status = message["status"]
            self._head = format_head(message.get("headers", ()))
        elif kind == "http.response.body" and self._status:
            body, more = message.get("body", b""), message.get("more_body", False)
            if more or self._streaming or len(body) > CHUNK:
                await self._stream(body, more)
            elif not self._complete:
                self._reply.result((self._status, self._head, body))
                self._complete = True
                self._notify()
        else:
            expected = "http.response.body" if self._status else "http.response.start"
            raise RuntimeError(f"ASGI: expected {expected}, found {kind}")

    async def _stream(self, body: bytes, more: bool) -> None:
        if self._complete:
            return
        if self._disconnected:
            raise ClientLeft("the client left")
        if not self._streaming:
            self._credit = self._reply.send((self._status, self._head))
            self._streaming = True
        for start in range(0, len(body), CHUNK):
            await self._send_item(bytes(body[start : start + CHUNK]))
        if not more and not self._disconnected:
            self._complete = True
            self._reply.result(None)
            self._notify()

    async def _send_item(self, item: bytes) -> None:
        await self._credited()  # a send that was cancelled, or another task's, may have used it up
        if not self._disconnected:
            self._credit = self._reply.send(item)
            await self._credited()

    async def _credited(self) -> None:
        while not (self._credit or self._disconnected):
            await self._change()

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
        self._parts.append(item)
        self._size += size
        self._notify()

    def on_end(self) -> None:
        """The body is whole."""
        self._ended = True
        self._notify()

    def on_credit(self) -> None:
        """The client takes more."""
        self._credit = True
        self._notify()

    def on_cancel(self) -> None:
        """The client left."""
        self._disconnected = True
        self._notify()

    async def _change(self) -> None:
        if self._waiters is None:
            self._waiters = Waiters()
        await self._waiters.change()

    def _notify(self) -> None:
        if self._waiters is not None:
            self._waiters.notify()
