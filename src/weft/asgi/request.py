"""One HTTP request of an ASGI host as a call of a plugin's ``web.request``, and its response."""

from __future__ import annotations

import asyncio

from weft.asgi.inbox import Came, Inbox, Message, Receive, Send, failure, parsed_head
from weft.asgi.place import headers_of, origin_of, root_of, target_of
from weft.contracts.web import CHUNK, REQUEST
from weft.engine import Plugin
from weft.errors import WeftError


async def forward(plugin: Plugin, scope: Message, receive: Receive, send: Send) -> None:
    """Let the plugin answer. Raises what breaks its response off."""
    first = await receive()
    if first["type"] == "http.disconnect":
        return None
    body = first.get("body", b"")
    streaming = first.get("more_body", False) or len(body) > CHUNK
    exchange = _Exchange()
    args = [
        scope["method"], target_of(scope), headers_of(scope), *origin_of(scope, "http"),
        None if streaming else body, root_of(scope),
    ]  # fmt: skip
    try:
        call = plugin.pick().open(REQUEST, args, exchange, streaming=streaming, timeout=plugin.call_timeout)
    except WeftError as error:
        return await say(send, *failure(error))
    exchange.call = call
    feeding = asyncio.create_task(exchange.feed(receive, first if streaming else None))
    try:
        await exchange.answer(send)
    finally:
        feeding.cancel()
        await asyncio.gather(feeding, return_exceptions=True)
        call.cancel()


class _Exchange(Inbox):
    """One request and its response."""

    async def feed(self, receive: Receive, message: Message | None) -> None:
        """Send the body, as fast as it is taken, beginning with ``message``; then wait for the client to leave."""
        while message is not None and message["type"] == "http.request":
            body = message.get("body", b"")
            for start in range(0, len(body), CHUNK):
                await self.pass_on(body[start : start + CHUNK])
            message = await receive() if message.get("more_body", False) else None
            if message is None:
                self.call.end()
        while message is None or message["type"] != "http.disconnect":
            message = await receive()
        self.came.put_nowait(Came("left"))

    async def answer(self, send: Send) -> None:
        """Send the response, as it comes. Raises what broke it off."""
        came = await self.came.get()
        if came.kind == "error":
            await say(send, *failure(came.value))
        elif came.kind == "result":
            status, head, body = came.value
            await _start(send, status, head)
            await send({"type": "http.response.body", "body": body})
        elif came.kind == "item":
            self.call.began()
            await _start(send, *came.value)
            self.call.grant(came.size)
            await self._stream(send)

    async def _stream(self, send: Send) -> None:
        while (came := await self.came.get()).kind == "item":
            await send({"type": "http.response.body", "body": came.value, "more_body": True})
            self.call.grant(came.size)
        if came.kind == "error":
            raise came.value
        if came.kind == "result":
            await send({"type": "http.response.body", "body": b""})


async def _start(send: Send, status: int, head: bytes) -> None:
    await send({"type": "http.response.start", "status": status, "headers": parsed_head(head)})


async def say(send: Send, status: int, text: str) -> None:
    """Answer in the plugin's place."""
    await _start(send, status, b"content-type: text/plain; charset=utf-8\r\ncontent-length: %d" % len(text))
    await send({"type": "http.response.body", "body": text.encode()})
