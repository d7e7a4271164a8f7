"""A front with one plugin behind it, over a real wire in this process, and a client that sends raw bytes."""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
import uvloop

from weft.calls.channel import Channel
from weft.calls.faults import Faults
from weft.calls.wired import WiredChannel
from weft.errors import Unavailable
from weft.sdk.asgi import AsgiProvider
from weft.server.front import Access, Front, Management
from weft.server.router import Router
from weft.settings import HttpSettings

App = Callable[[Any, Any, Any], Awaitable[None]]
DOMAIN = "shop.localhost"


class Shop:
    """A service whose one instance is this process, at the other end of a socket pair."""

    name = "shop"

    def __init__(self, call_timeout: float) -> None:
        self.call_timeout = call_timeout
        self.channel: WiredChannel | None = None
        self.other: WiredChannel | None = None
        self.faults: list[BaseException] = []

    async def start(self, methods: Mapping[str, Any]) -> None:
        ours, theirs = socket.socketpair()
        loop = asyncio.get_running_loop()
        ends = []
        for number, wire in enumerate((ours, theirs), 1):
            wire.setblocking(False)
            channel = WiredChannel(
                methods if number == 2 else {}, Faults("shop", "1.0"), first_id=number, on_fault=self.faults.append,
                on_lost=_ignore,
            )  # fmt: skip
            await loop.create_connection(lambda channel=channel: channel.connection, sock=wire)  # type: ignore[misc]
            ends.append(channel)
        self.channel, self.other = ends

    def pick(self) -> Channel:
        if self.channel is None or self.channel.closed:
            raise Unavailable("plugin shop is stopped", retry_after=7)
        return self.channel

    async def stop(self) -> None:
        for channel in (self.channel, self.other):
            if channel is not None:
                await channel.close()
        await asyncio.sleep(0)


def _ignore(error: Exception | None) -> None:
    """The tests end channels themselves."""


@dataclass
class Site:
    """``reports`` and ``accesses``: what the front said of the plugin, and its access records."""

    front: Front
    shop: Shop
    port: int
    reports: list[str] = field(default_factory=list)
    accesses: list[Access] = field(default_factory=list)
    clients: list[Client] = field(default_factory=list)

    async def connect(self, **options: Any) -> Client:
        """A client, closed with the site."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port, **options)
        client = Client(reader, writer)
        self.clients.append(client)
        return client

    async def ask(self, raw: bytes) -> Answer:
        """Send ``raw`` on a connection of its own; the first answer."""
        client = await self.connect()
        client.send(raw)
        answer = await client.answer()
        await client.close()
        return answer

    async def get(self, target: str = "/", **headers: str) -> Answer:
        lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
        return await self.ask(f"GET {target} HTTP/1.1\r\nHost: {DOMAIN}\r\n{lines}\r\n".encode())


@dataclass
class Answer:
    """One parsed response. ``whole``: it ended as its framing says."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes
    whole: bool = True

    def header(self, name: str) -> str | None:
        found = [value for key, value in self.headers if key == name]
        assert len(found) < 2, f"{name} came twice: {found}"
        return found[0] if found else None


class Client:
    """Sends bytes, reads answers."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    def send(self, raw: bytes) -> None:
        self.writer.write(raw)

    async def head(self) -> tuple[int, list[tuple[str, str]]]:
        raw = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        line, *lines = raw[:-4].split("\r\n")
        match = re.fullmatch(r"HTTP/1\.1 (\d{3}) .+", line)
        assert match, line
        return int(match[1]), [(name.lower(), value.strip()) for name, _, value in (x.partition(":") for x in lines)]

    async def answer(self, *, bodyless: bool = False) -> Answer:
        status, headers = await self.head()
        answer = Answer(status, headers, b"")
        if bodyless or status in (204, 304) or status < 200:
            return answer
        pieces: list[bytes] = []
        try:
            await self._read_body(answer, pieces)
        except asyncio.IncompleteReadError as error:
            pieces.append(error.partial)
            answer.whole = False
        answer.body = b"".join(pieces)
        return answer

    async def _read_body(self, answer: Answer, pieces: list[bytes]) -> None:
        length = answer.header("content-length")
        if length is not None:
            pieces.append(await self.reader.readexactly(int(length)))
        elif answer.header("transfer-encoding") == "chunked":
            while size := int(await self.reader.readuntil(b"\r\n"), 16):
                pieces.append(await self.reader.readexactly(size))
                assert await self.reader.readexactly(2) == b"\r\n"
            assert await self.reader.readexactly(2) == b"\r\n"
        else:
            pieces.append(await self.reader.read())

    async def closed(self) -> bool:
        """Whether the server ends the connection, with nothing more said."""
        try:
            return await self.reader.read(1) == b""
        except ConnectionError:
            return True

    async def close(self) -> None:
        self.writer.close()
        try:
            await self.writer.wait_closed()
        except ConnectionError:
            pass  # a test may have had the server cut it


@asynccontextmanager
async def site(
    app: App | None = None,
    *,
    methods: Mapping[str, Any] | None = None,
    management: Management | None = None,
    domains: Sequence[str] = (DOMAIN,),
    call_timeout: float = 20.0,
    **settings: Any,
) -> AsyncIterator[Site]:
    """``app`` (ASGI) at DOMAIN; or ``methods``, the callee of contract web itself; or nothing that runs."""
    async with AsyncExitStack() as stack:
        shop = Shop(call_timeout)
        if app is not None:
            provider = AsgiProvider(app)
            stack.push_async_callback(provider.stop)
            methods = provider.methods
        if methods is not None:
            await shop.start(methods)
            stack.push_async_callback(shop.stop)
        router = Router(reserved=["localhost"])
        router.assign("shop", shop, domains)
        made = Site(None, shop, 0)  # type: ignore[arg-type]
        made.front = Front(
            HttpSettings(**settings), router, management=management,
            access=made.accesses.extend, report=lambda plugin, message: made.reports.append(f"{plugin} {message}"),
        )  # fmt: skip
        stack.push_async_callback(made.front.close)
        _, made.port = await made.front.start("127.0.0.1", 0)
        try:
            yield made
        finally:
            for client in made.clients:
                await client.close()
        assert not shop.faults


def respond(body: bytes = b"Hello", status: int = 200, headers: Sequence[tuple[bytes, bytes]] = ()) -> App:
    """An application that reads the request's body and answers so."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        while (await receive()).get("more_body"):
            pass
        await send({"type": "http.response.start", "status": status, "headers": list(headers)})
        await send({"type": "http.response.body", "body": body})

    return app


async def echo(scope: Any, receive: Any, send: Any) -> None:
    """Answers with what it received: method, target, version, client, scheme, headers, an empty line, the body."""
    body = b""
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return
        body += message["body"]
        if not message["more_body"]:
            break
    target = scope["raw_path"] + (b"?" + scope["query_string"] if scope["query_string"] else b"")
    words = [scope["method"], target.decode("latin-1"), scope["http_version"], scope["client"][0], scope["scheme"]]
    lines = b"".join(name + b": " + value + b"\n" for name, value in scope["headers"])
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": " ".join(words).encode("latin-1") + b"\n" + lines + b"\n" + body})


@pytest.fixture(params=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Any:
    """``run(main())`` on either event loop, with a deadline."""
    factory = uvloop.new_event_loop if request.param == "uvloop" else None

    async def within(main: Any) -> Any:
        async with asyncio.timeout(30):
            return await main

    def run(main: Any) -> Any:
        with asyncio.Runner(loop_factory=factory) as runner:
            return runner.run(within(main))

    return run


@pytest.fixture(name="site")
def _site() -> Any:
    return site


@pytest.fixture(name="respond")
def _respond() -> Any:
    return respond


@pytest.fixture(name="echo")
def _echo() -> Any:
    return echo
