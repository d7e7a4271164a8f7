"""Websockets, by an independent client and by hand."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager

import pytest
import websockets
from websockets.asyncio.client import connect
from wsproto import ConnectionType
from wsproto.connection import Connection as Frames
from wsproto.events import BytesMessage, CloseConnection, Ping, Pong

from weft.errors import DrainEnded, InstanceLost

SHAKE = (
    b"GET /ws HTTP/1.1\r\nHost: shop.localhost\r\nUpgrade: WebSocket\r\nConnection: keep-alive, Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
)


class Echo:
    """Accepts, sends back what it gets, and keeps what ended it."""

    def __init__(self, **accept):
        self.accept = accept
        self.scope = None
        self.ended = asyncio.Event()
        self.end = None

    async def __call__(self, scope, receive, send):
        self.scope = scope
        assert (await receive())["type"] == "websocket.connect"
        await send({"type": "websocket.accept", **self.accept})
        while True:
            message = await receive()
            if message["type"] == "websocket.disconnect":
                self.end = (message["code"], message["reason"])
                self.ended.set()
                return
            await send({**message, "type": "websocket.send"})


@asynccontextmanager
async def opened(it, **options):
    options = {"compression": None, "max_size": None, "proxy": None} | options
    url = "ws://shop.localhost/ws?x=1"
    async with connect(url, host="127.0.0.1", port=it.port, **options) as client:
        yield client


def test_messages_go_and_come(run, site):
    app = Echo()
    messages = ["", "text ü", b"", b"bytes", "ü" * 100_000, bytes(range(256)) * 4000]

    async def main():
        async with site(app) as it:
            async with opened(it) as client:
                for message in messages:
                    await client.send(message)
                    assert await client.recv() == message
                await client.send(["fragmented ", "in ", "three"])
                assert await client.recv() == "fragmented in three"
                await client.close(4001, "enough")
            await app.ended.wait()
            assert app.end == (4001, "enough")
            assert (app.scope["path"], app.scope["query_string"]) == ("/ws", b"x=1")
            while it.front.traffic["shop"].websockets:
                await asyncio.sleep(0.01)

    run(main())


def test_subprotocol_and_headers(run, site):
    async def main():
        async with site(Echo(subprotocol="b", headers=[(b"x-a", b"1")])) as it:
            async with opened(it, subprotocols=["a", "b"]) as client:
                assert client.subprotocol == "b"
                assert client.response.headers["x-a"] == "1"

    run(main())


def test_subprotocol_that_was_not_offered(run, site):
    async def main():
        async with site(Echo(subprotocol="c")) as it:
            with pytest.raises(websockets.InvalidStatus) as caught:
                async with opened(it, subprotocols=["a", "b"]):
                    pass
            assert caught.value.response.status_code == 502
            assert "was not offered" in it.reports[0]

    run(main())


def test_application_closes(run, site):
    async def app(scope, receive, send):
        await receive()
        await send({"type": "websocket.accept"})
        await send({"type": "websocket.send", "text": "last"})
        await send({"type": "websocket.close", "code": 4002, "reason": "over"})

    async def main():
        async with site(app) as it:
            async with opened(it) as client:
                assert await client.recv() == "last"
                with pytest.raises(websockets.ConnectionClosed):
                    await client.recv()
                assert (client.close_code, client.close_reason) == (4002, "over")

    run(main())


@pytest.mark.parametrize(("messages", "status"), [
    ([{"type": "websocket.close"}], 403),
    ([{"type": "websocket.http.response.start", "status": 401, "headers": [(b"x-a", b"1")]},
      {"type": "websocket.http.response.body", "body": b"no"}], 401),
    ([], 500),
])  # fmt: skip
def test_denial(run, site, messages, status):
    async def app(scope, receive, send):
        await receive()
        for message in messages:
            await send(message)

    async def main():
        async with site(app) as it:
            client = await it.connect()
            client.send(SHAKE + b"\r\n")
            answer = await client.answer()
            assert (answer.status, answer.header("connection")) == (status, "close")
            assert await client.closed()

    run(main())


@pytest.mark.parametrize(("bad", "status"), [
    (SHAKE.replace(b"Version: 13", b"Version: 8"), 426),
    (SHAKE.replace(b"dGhlIHNhbXBsZSBub25jZQ==", b"short"), 400),
    (SHAKE.replace(b"dGhlIHNhbXBsZSBub25jZQ==", b"!!!!"), 400),
    (SHAKE.replace(b"GET", b"POST"), 400),
    (SHAKE + b"Content-Length: 3\r\n", 400),
])  # fmt: skip
def test_unsound_handshakes(run, site, bad, status):
    async def main():
        async with site(Echo()) as it:
            client = await it.connect()
            client.send(bad + b"\r\n")
            answer = await client.answer()
            assert answer.status == status
            assert answer.header("sec-websocket-version") == ("13" if status == 426 else None)
            assert await client.closed()

    run(main())


def test_message_too_large(run, site):
    app = Echo()

    async def main():
        async with site(app, max_message_bytes=100_000) as it:
            async with opened(it) as client:
                await client.send(bytes(100_000))
                assert len(await client.recv()) == 100_000
                await client.send([bytes(60_000), bytes(60_000)])
                with pytest.raises(websockets.ConnectionClosed):
                    await client.recv()
                assert client.close_code == 1009
            await app.ended.wait()
            assert app.end[0] == 1009

    run(main())


def test_broken_frames(run, site):
    app = Echo()

    async def main():
        async with site(app) as it:
            client = await it.connect()
            client.send(SHAKE + b"\r\n" + b"\xff\xff\xff\xff")
            assert (await client.head())[0] == 101
            close, _ = await _frames(client, CloseConnection)
            assert close.code == 1002
            await app.ended.wait()
            assert app.end[0] == 1002

    run(main())


def test_client_that_leaves_without_a_word(run, site):
    app = Echo()

    async def main():
        async with site(app) as it:
            client = await it.connect()
            client.send(SHAKE + b"\r\n")
            assert (await client.head())[0] == 101
            await client.close()
            await app.ended.wait()
            assert app.end[0] == 1006

    run(main())


async def _frames(client, wanted):
    frames = Frames(ConnectionType.CLIENT)
    while data := await client.reader.read(65_536):
        frames.receive_data(data)
        for event in frames.events():
            if isinstance(event, wanted):
                return event, frames
    return None, frames


def test_silent_client_is_pinged_and_cut(run, site):
    app = Echo()

    async def main():
        async with site(app, websocket_ping=0.1) as it:
            client = await it.connect()
            client.send(SHAKE + b"\r\n")
            await client.head()
            ping, frames = await _frames(client, Ping)
            client.send(frames.send(ping.response()))
            assert (await _frames(client, Ping))[0]
            await _frames(client, CloseConnection)
            await app.ended.wait()
            assert app.end[0] == 1006

    run(main())


def test_ping_of_the_client_is_answered(run, site):
    async def main():
        async with site(Echo()) as it:
            client = await it.connect()
            client.send(SHAKE + b"\r\n")
            await client.head()
            client.send(Frames(ConnectionType.CLIENT).send(Ping(payload=b"x")))
            pong, _ = await _frames(client, Pong)
            assert pong.payload == b"x"

    run(main())


@pytest.mark.parametrize(("error", "code"), [(DrainEnded("replaced"), 1012), (InstanceLost("died"), 1011)])
def test_plugin_goes_away(run, site, error, code):
    async def main():
        async with site(Echo()) as it:
            async with opened(it) as client:
                it.shop.channel.fail(error)
                with pytest.raises(websockets.ConnectionClosed):
                    await client.recv()
                assert client.close_code == code

    run(main())


def test_server_drains(run, site):
    async def main():
        async with site(Echo()) as it:
            async with opened(it) as client:
                await it.front.drain(10)
                with pytest.raises(websockets.ConnectionClosed):
                    await client.recv()
                assert client.close_code == 1012
            assert not it.front.connections

    run(main())


def test_application_that_does_not_accept_in_time(run, site):
    async def app(scope, receive, send):
        await asyncio.sleep(60)

    async def main():
        async with site(app, call_timeout=0.1) as it:
            client = await it.connect()
            client.send(SHAKE + b"\r\n")
            assert (await client.answer()).status == 504

    run(main())


def test_back_pressure_of_both_sides(run, site):
    """A client that does not read holds up the application, and an application that does not read the client."""
    sent = 0
    read = asyncio.Event()

    async def app(scope, receive, send):
        nonlocal sent
        await receive()
        await send({"type": "websocket.accept"})
        for _ in range(400):
            await send({"type": "websocket.send", "bytes": bytes(60_000)})
            sent += 60_000
        await read.wait()
        size = 0
        while size < 24_000_000:
            size += len((await receive())["bytes"])
        await send({"type": "websocket.close", "code": 4000, "reason": str(size)})

    async def main():
        async with site(app) as it:
            client = await it.connect()
            client.send(SHAKE + b"\r\n")
            before = -1
            while sent != before or sent == 0:
                before = sent
                await asyncio.sleep(0.1)
            assert sent < 20_000_000
            client_frames = Frames(ConnectionType.CLIENT)
            await client.head()
            got = 0
            while got < 24_000_000:
                got += len(await client.reader.read(1 << 20))
            pushed = 0
            while pushed < 24_000_000 and client.writer.transport.get_write_buffer_size() == 0:
                client.send(client_frames.send(BytesMessage(data=bytes(60_000))))
                pushed += 60_000
                await asyncio.sleep(0.002)
            assert pushed < 20_000_000
            read.set()
            while pushed < 24_000_000:
                client.send(client_frames.send(BytesMessage(data=bytes(60_000))))
                pushed += 60_000
            close, _ = await _frames(client, CloseConnection)
            assert close.code == 4000

    run(main())


@pytest.mark.parametrize("host", [b"nowhere.localhost", b"shop.localhost"])
def test_handshake_that_nobody_serves(run, site, host):
    async def main():
        async with site() as it:
            client = await it.connect()
            client.send(SHAKE.replace(b"shop.localhost", host) + b"\r\n")
            answer = await client.answer()
            assert answer.status == (503 if host.startswith(b"shop") else 404)
            assert answer.header("connection") == "close"
            assert await client.closed()

    run(main())
