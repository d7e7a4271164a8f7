"""One websocket of an ASGI host as a call of a plugin's ``web.websocket``."""

from __future__ import annotations

import asyncio
from typing import Any

from weft.asgi.inbox import Came, Inbox, Message, Receive, Send, failure, parsed_head
from weft.asgi.place import headers_of, origin_of, root_of, target_of
from weft.contracts.web import CHUNK, WEBSOCKET
from weft.engine import Plugin
from weft.errors import DrainEnded, WeftError

MOST = 16 * 1024 * 1024
"""Bytes, or characters, of one message of a plugin's, since ASGI has no parts of one."""
DENIAL = "websocket.http.response"
"""ASGI's extension by which a websocket is answered as a request is, instead of being accepted."""
NORMAL, TOO_LARGE, INTERNAL_ERROR, AGAIN = 1000, 1009, 1011, 1012
"""Close codes (RFC 6455 section 7.4.1; 1012: connect again)."""


async def forward(plugin: Plugin | None, scope: Message, receive: Receive, send: Send) -> None:
    """Let the plugin have it; None: nobody does, and it is closed, which a client sees as 403."""
    if (await receive())["type"] != "websocket.connect":
        return None
    socket = _Socket(scope, send)
    if plugin is None:
        return await socket.deny(404, b"content-type: text/plain; charset=utf-8", b"Not Found")
    args = [
        target_of(scope), headers_of(scope), *origin_of(scope, "ws"), list(scope.get("subprotocols", ())),
        root_of(scope),
    ]  # fmt: skip
    try:
        call = plugin.pick().open(WEBSOCKET, args, socket, streaming=True, timeout=plugin.call_timeout)
    except WeftError as error:
        return await socket.fail(error)
    socket.call = call
    feeding = asyncio.create_task(socket.feed(receive))
    try:
        await socket.answer()
    finally:
        feeding.cancel()
        await asyncio.gather(feeding, return_exceptions=True)
        call.cancel()


class _Socket(Inbox):
    """See contracts.web for the items of both sides."""

    def __init__(self, scope: Message, send: Send) -> None:
        super().__init__()
        self._send = send
        self._denies = DENIAL in (scope.get("extensions") or {})
        self._accepted = False
        self._parts: list[Any] = []

    async def feed(self, receive: Receive) -> None:
        """Pass on what the client says, as fast as it is taken, until it leaves."""
        while (message := await receive())["type"] == "websocket.receive":
            text = message.get("text")
            data = text if text is not None else message["bytes"]
            while len(data) > CHUNK:
                await self.pass_on(["part", data[:CHUNK]])
                data = data[CHUNK:]
            await self.pass_on(data)
        self.call.send(["close", message.get("code", NORMAL), message.get("reason") or ""])
        self.call.end()
        self.came.put_nowait(Came("left"))

    async def answer(self) -> None:
        """Do what the plugin says, until one of the three sides ends it."""
        while (came := await self.came.get()).kind == "item":
            if await self._obey(*came.value):
                return
            self.call.grant(came.size)
        if came.kind == "error":
            await self.fail(came.value)
        elif came.kind == "result":
            await self._close(NORMAL, "")

    async def _obey(self, kind: str, *rest: Any) -> bool:
        """One item; returns whether it was the last."""
        if kind == "accept":
            subprotocol, head = rest
            self.call.began()
            self._accepted = True
            await self._send({"type": "websocket.accept", "subprotocol": subprotocol, "headers": parsed_head(head)})
        elif kind in ("part", "send"):
            self._parts.append(rest[0])
            if sum(map(len, self._parts)) > MOST:
                await self._close(TOO_LARGE, "message too large")
                return True
            if kind == "send":
                await self._say()
        elif kind == "deny":
            await self.deny(*rest)
        else:
            await self._close(*rest)
        return kind in ("deny", "close")

    async def _say(self) -> None:
        parts, self._parts = self._parts, []
        if isinstance(parts[0], str):
            await self._send({"type": "websocket.send", "text": "".join(parts)})
        else:
            await self._send({"type": "websocket.send", "bytes": b"".join(parts)})

    async def deny(self, status: int, head: bytes, body: bytes) -> None:
        """Answer as a request is, where the host can; else it can only be closed."""
        if not self._denies:
            return await self._close(NORMAL, "")
        await self._send({"type": f"{DENIAL}.start", "status": status, "headers": parsed_head(head)})
        return await self._send({"type": f"{DENIAL}.body", "body": body})

    async def fail(self, error: WeftError) -> None:
        """End it in the plugin's place."""
        if self._accepted:
            return await self._close(AGAIN if isinstance(error, DrainEnded) else INTERNAL_ERROR, "")
        status, text = failure(error)
        return await self.deny(status, b"content-type: text/plain; charset=utf-8", text.encode())

    async def _close(self, code: int, reason: str | None) -> None:
        await self._send({"type": "websocket.close", "code": code, "reason": reason or ""})
