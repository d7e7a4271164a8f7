"""An engine's web plugins within another ASGI application: ``app.mount("/", weft.asgi.mount(engine))``.

A request goes to the plugin of whose domains its Host is one, else to the first plugin, in the order of loading, that
has a route for it (``http_services``). Websockets are refused: ``weft serve`` has them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from functools import lru_cache
from typing import Any, Literal, NamedTuple
from urllib.parse import quote

from msgspec import to_builtins

from weft.calls.channel import Call
from weft.contracts.web import CHUNK, REQUEST
from weft.engine import Engine, Plugin
from weft.errors import DeadlineExceeded, Overloaded, Unavailable, WeftError
from weft.manifest.model import HttpServices
from weft.sdk.lifespan import live
from weft.sdk.routes import Endpoints

__all__ = ["mount"]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Message, Receive, Send], Awaitable[None]]
Head = list[tuple[bytes, bytes]]

WEB = "web@1"
OF_CONNECTIONS = frozenset(
    {b"connection", b"keep-alive", b"proxy-connection", b"te", b"trailer", b"transfer-encoding", b"upgrade"}
)
"""Headers that are between a client and its server alone."""


def mount(engine: Engine) -> Application:
    """The ASGI application. ``engine`` runs on the event loop that serves it, and is its owner's to close."""

    async def serve(scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await live(receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close"})
        elif (plugin := _asked(engine.plugins.values(), scope)) is None:
            await _say(send, 404, "Not Found")
        else:
            await _forward(plugin, scope, receive, send)

    return serve


def _asked(plugins: Iterable[Plugin], scope: Message) -> Plugin | None:
    """The plugin that the request is for; one that has the path and not the method, where none has both."""
    there = [each for each in plugins if WEB in map(str, each.manifest.provides) or WEB in each.provides]
    host = next((value for name, value in scope["headers"] if name == b"host"), b"").decode("latin-1")
    name = host.rpartition(":")[0].lower() if ":" in host else host.lower()
    second = None
    for plugin in there:
        if name in plugin.manifest.domains:
            return plugin
    for plugin in there:
        if plugin.manifest.http_services is None:
            continue
        found, _, others = _endpoints(plugin.manifest.http_services).find(scope["method"], _path(scope))
        if found is not None:
            return plugin
        second = second or (plugin if others else None)
    return second


@lru_cache(maxsize=256)
def _endpoints(services: HttpServices) -> Endpoints:
    return Endpoints(to_builtins(services.routes))


def _path(scope: Message) -> str:
    """The path below the place where this application is mounted."""
    path: str = scope["path"]
    return path.removeprefix(scope.get("root_path", "")) or "/"


async def _forward(plugin: Plugin, scope: Message, receive: Receive, send: Send) -> None:
    first = await receive()
    if first["type"] == "http.disconnect":
        return None
    body = first.get("body", b"")
    streaming = first.get("more_body", False) or len(body) > CHUNK
    exchange = _Exchange()
    try:
        args = _arguments(scope, None if streaming else body)
        call = plugin.pick().open(REQUEST, args, exchange, streaming=streaming, timeout=plugin.call_timeout)
    except WeftError as error:
        return await _say(send, *_failure(error))
    exchange.call = call
    feeding = asyncio.create_task(exchange.feed(receive, first if streaming else None))
    try:
        await exchange.answer(send)
    finally:
        feeding.cancel()
        await asyncio.gather(feeding, return_exceptions=True)
        call.cancel()


def _arguments(scope: Message, body: bytes | None) -> list[Any]:
    """See contracts.web."""
    target = quote(_path(scope)).encode() + (b"?" + scope["query_string"] if scope["query_string"] else b"")
    headers = [[name, value] for name, value in scope["headers"] if name not in OF_CONNECTIONS]
    client, server = scope.get("client"), scope.get("server")
    version = "1.0" if scope.get("http_version") == "1.0" else "1.1"
    return [
        scope["method"], target, headers, scope.get("scheme", "http"), version,
        client and list(client), server and list(server), body,
    ]  # fmt: skip


class _Came(NamedTuple):
    kind: Literal["item", "result", "error", "left"]
    value: Any = None
    size: int = 0


class _Exchange:
    """One request and its response. See calls.channel.Receiver for what arrives; credit bounds how much waits here."""

    call: Call

    def __init__(self) -> None:
        self._came: asyncio.Queue[_Came] = asyncio.Queue()
        self._credit = asyncio.Event()

    async def feed(self, receive: Receive, message: Message | None) -> None:
        """Send the body, as fast as it is taken, beginning with ``message``; then wait for the client to leave."""
        while message is not None and message["type"] == "http.request":
            body = message.get("body", b"")
            for start in range(0, len(body), CHUNK):
                self._credit.clear()
                if not self.call.send(body[start : start + CHUNK]):
                    await self._credit.wait()
            message = await receive() if message.get("more_body", False) else None
            if message is None:
                self.call.end()
        while message is None or message["type"] != "http.disconnect":
            message = await receive()
        self._came.put_nowait(_Came("left"))

    async def answer(self, send: Send) -> None:
        """Send the response, as it comes. Raises what broke it off."""
        came = await self._came.get()
        if came.kind == "error":
            await _say(send, *_failure(came.value))
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
        while (came := await self._came.get()).kind == "item":
            await send({"type": "http.response.body", "body": came.value, "more_body": True})
            self.call.grant(came.size)
        if came.kind == "error":
            raise came.value
        if came.kind == "result":
            await send({"type": "http.response.body", "body": b""})

    def on_item(self, item: Any, size: int) -> None:
        """See channel.Receiver."""
        self._came.put_nowait(_Came("item", item, size))

    def on_result(self, value: Any) -> None:
        """See channel.Receiver."""
        self._came.put_nowait(_Came("result", value))

    def on_error(self, error: WeftError) -> None:
        """See channel.Receiver."""
        self._came.put_nowait(_Came("error", error))

    def on_credit(self) -> None:
        """See channel.Receiver."""
        self._credit.set()


async def _start(send: Send, status: int, head: bytes) -> None:
    lines = [line.partition(b": ") for line in head.split(b"\r\n") if line]
    headers: Head = [(name, value) for name, _, value in lines]
    await send({"type": "http.response.start", "status": status, "headers": headers})


async def _say(send: Send, status: int, text: str) -> None:
    await _start(send, status, b"content-type: text/plain; charset=utf-8\r\ncontent-length: %d" % len(text))
    await send({"type": "http.response.body", "body": text.encode()})


def _failure(error: WeftError) -> tuple[int, str]:
    """What a client may know of it."""
    if isinstance(error, Unavailable | Overloaded):
        return 503, "Service Unavailable"
    return (504, "Gateway Timeout") if isinstance(error, DeadlineExceeded) else (502, "Bad Gateway")
