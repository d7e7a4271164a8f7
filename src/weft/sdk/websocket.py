"""One websocket, between a call of ``web.websocket`` and an ASGI application."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any, Deque, Dict, List, Optional, Sequence, Tuple, Union

from weft.calls.channel import Reply
from weft.contracts.web import CHUNK
from weft.sdk.scope import ClientLeft, Message, Waiters, build_scope, format_head

_LEFT = 1006
"""Close code for a client that is gone without saying so (RFC 6455 section 7.1.5)."""


class WebsocketCycle:
    """See calls.channel.Consumer for what arrives, ASGI for what the application does."""

    __slots__ = (
        "_accepted", "_arrived", "_closed", "_connected", "_credit", "_denial", "_disconnect", "_parts", "_reply",
        "_sending", "_unfinished", "_waiters", "scope",
    )  # fmt: skip

    def __init__(self, args: Sequence[Any], reply: Reply, state: Dict[str, Any]) -> None:
        target, headers, scheme, http_version, client, server, subprotocols, *root = args
        self.scope = build_scope("websocket", target, headers, scheme, http_version, client, server, state, *root)
        self.scope["subprotocols"] = subprotocols
        self.scope["extensions"] = {"websocket.http.response": {}}
        self._reply = reply
        self._arrived: Deque[Tuple[Union[str, bytes], int]] = deque()
        self._parts: List[Any] = []
        self._connected = False
        self._accepted = False
        self._closed = False
        self._credit = True
        self._disconnect: Optional[Tuple[int, str]] = None
        self._denial: Optional[List[Any]] = None
        self._waiters = Waiters()
        self._sending = asyncio.Lock()
        self._unfinished = False

    # What the application calls.

    async def receive(self) -> Message:
        """ASGI ``receive``."""
        if not self._connected:
            self._connected = True
            return {"type": "websocket.connect"}
        while not self._arrived and self._disconnect is None:
            await self._waiters.change()
        if not self._arrived:
            assert self._disconnect is not None
            code, reason = self._disconnect
            return {"type": "websocket.disconnect", "code": code, "reason": reason}
        message, size = self._arrived.popleft()
        self._reply.grant(size)
        if isinstance(message, str):
            return {"type": "websocket.receive", "text": message}
        return {"type": "websocket.receive", "bytes": message}

    async def send(self, message: Message) -> None:
        """ASGI ``send``. Waits while the client takes nothing."""
        kind = message["type"]
        if self._disconnect is not None and kind == "websocket.send" and not self._closed:
            raise ClientLeft("the client left")
        if self._closed or self._disconnect is not None:
            return
        if kind == "websocket.send" and self._accepted:
            text = message.get("text")
            await self._send_message(text if text is not None else bytes(message["bytes"]))
        elif kind == "websocket.accept" and not self._accepted:
            self._accepted = True
            head = format_head(message.get("headers", ()))
            await self._send_item(["accept", message.get("subprotocol"), head])
        elif kind == "websocket.close":
            self._closed = True
            code, reason = message.get("code", 1000), message.get("reason") or ""
            async with self._sending:
                await self._send_item(["close", code, reason] if self._accepted else ["deny", 403, b"", b""])
            self._end(code, reason)
        elif kind.startswith("websocket.http.response.") and not self._accepted:
            await self._deny(message)
        else:
            raise RuntimeError(f"ASGI: {kind!r} is not allowed {'after' if self._accepted else 'before'} accept")

    async def _deny(self, message: Message) -> None:
        if message["type"] == "websocket.http.response.start":
            self._denial = ["deny", message["status"], format_head(message.get("headers", ())), b""]
            return
        if self._denial is None:
            raise RuntimeError("ASGI: websocket.http.response.body was sent before websocket.http.response.start")
        self._denial[3] += message.get("body", b"")
        if len(self._denial[3]) > CHUNK:
            raise RuntimeError(f"a denial response is limited to {CHUNK} bytes")
        if not message.get("more_body", False):
            self._closed = True
            await self._send_item(self._denial)
            self._end(_LEFT, "")

    async def _send_message(self, data: Union[str, bytes]) -> None:
        async with self._sending:  # the pieces of one message stay together, whoever else sends
            try:
                while len(data) > CHUNK:
                    await self._send_item(["part", data[:CHUNK]])
                    data = data[CHUNK:]
                await self._send_item(["send", data])
            finally:
                self._break_off()

    def _break_off(self) -> None:
        """A message that was cancelled half-way ends the websocket: its pieces would become part of the next one."""
        if self._unfinished and self._disconnect is None:
            self._reply.send(["close", 1011, ""])
            self._end(1011, "")

    async def _send_item(self, item: List[Any]) -> None:
        await self._credited()  # a send that was cancelled may have used it up
        if self._disconnect is None:
            self._credit = self._reply.send(item)
            self._unfinished = item[0] == "part"
            await self._credited()

    async def _credited(self) -> None:
        while not self._credit and self._disconnect is None:
            await self._waiters.change()

    def failed(self) -> None:
        """The application raised: 1011 after accept, 500 before."""
        if not self._closed and self._disconnect is None:
            deny = ["deny", 500, b"content-type: text/plain; charset=utf-8\r\n", b"Internal Server Error"]
            self._reply.send(["close", 1011, ""] if self._accepted else deny)
            self._closed = True
        self.returned()

    def returned(self) -> None:
        """The application returned: the websocket ends with it."""
        if not self._closed and self._disconnect is None and self._accepted:
            self._reply.send(["close", 1000, ""])
        elif not self._closed and self._disconnect is None:
            self._reply.send(["deny", 500, b"", b""])
        self._closed = True
        self._reply.result(None)

    # What arrives: see calls.channel.Consumer.

    def on_item(self, item: Any, size: int) -> None:
        """A message, ["part", piece of one], or ["close", code, reason]."""
        if isinstance(item, (str, bytes)):
            self._arrived.append((self._whole(item), size))
            self._waiters.notify()
        elif item[0] == "part":
            self._parts.append(item[1])
            self._reply.grant(size)
        else:
            self._end(item[1], item[2])

    def _whole(self, last: Union[str, bytes]) -> Union[str, bytes]:
        if not self._parts:
            return last
        parts, self._parts = [*self._parts, last], []
        return "".join(parts) if isinstance(last, str) else b"".join(parts)

    def on_end(self) -> None:
        """Nothing more comes after the close."""

    def on_credit(self) -> None:
        """The client takes more."""
        self._credit = True
        self._waiters.notify()

    def on_cancel(self) -> None:
        """The client left without a close."""
        self._end(_LEFT, "")

    def _end(self, code: int, reason: str) -> None:
        if self._disconnect is None:
            self._disconnect = (code, reason)
        self._waiters.notify()
