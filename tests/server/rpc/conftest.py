"""A listener with services of the test's own, and clients that speak raw gob or JSON."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager

import pytest
import structlog

from weft.gob import NEED_DATA, Basic, Decoder, Encoder, Struct
from weft.server.rpc.listener import Listener
from weft.settings import RpcSettings

NOTHING = Struct("Nothing")
REQUEST = Struct("Request", (("ServiceMethod", Basic.STRING), ("Seq", Basic.UINT)))


class Client:
    """One raw connection."""

    def __init__(self, reader, writer):
        self.reader, self.writer = reader, writer

    def send(self, data):
        self.writer.write(data)

    async def rest(self):
        """What comes until the server ends the connection."""
        try:
            return await asyncio.wait_for(self.reader.read(-1), 10)
        except ConnectionResetError:
            return b""

    async def close(self):
        self.writer.close()
        await self.gone()

    async def abort(self):
        self.writer.transport.abort()
        await self.gone()

    async def gone(self):
        try:
            await self.writer.wait_closed()
        except ConnectionError:
            pass


class GobClient(Client):
    """``ask``: one call; its Response and value."""

    def __init__(self, reader, writer):
        super().__init__(reader, writer)
        self.encoder, self.decoder, self.number = Encoder(), Decoder(), 0

    def call(self, method, kind=NOTHING, argument=None):
        self.number += 1
        header = self.encoder.encode(REQUEST, {"ServiceMethod": method, "Seq": self.number})
        self.send(header + self.encoder.encode(kind, {} if argument is None else argument))

    async def answer(self):
        return await self._value(), await self._value()

    async def _value(self):
        while (value := self.decoder.next_value()) is NEED_DATA:
            data = await asyncio.wait_for(self.reader.read(65536), 10)
            assert data, "the server ended the connection"
            self.decoder.feed(data)
        return value

    async def ask(self, method, kind=NOTHING, argument=None):
        self.call(method, kind, argument)
        return await self.answer()


class JsonClient(Client):
    """``ask``: one call; the answer."""

    def call(self, method, *params, number=1):
        self.send(json.dumps({"method": method, "params": params, "id": number}).encode())

    async def answer(self):
        return json.loads(await asyncio.wait_for(self.reader.readline(), 10))

    async def ask(self, method, *params, number=1):
        self.call(method, *params, number=number)
        return await self.answer()


@pytest.fixture
def listening():
    """``async with listening(services, most=…, welcome=…, **settings) as connect``; ``await connect(GobClient)``."""

    @asynccontextmanager
    async def start(services, *, most=100_000, welcome=True, **settings):
        async def is_welcome(_peer):
            return welcome

        listener = Listener(RpcSettings(**settings), services, most=most, is_welcome=is_welcome)
        port = await listener.start(0)
        clients = []

        async def connect(kind):
            clients.append(kind(*await asyncio.open_connection("127.0.0.1", port, limit=2**24)))
            return clients[-1]

        connect.listener = listener
        try:
            yield connect
        finally:
            for client in clients:
                await client.abort()
            await listener.drain(1)
            assert not listener.connections

    return start


@pytest.fixture
def kinds():
    return GobClient, JsonClient


@pytest.fixture
def logged():
    """What was logged meanwhile."""
    with structlog.testing.capture_logs() as lines:
        yield lines
