"""Two connections on one real socket pair."""

from __future__ import annotations

import asyncio
import socket
from contextlib import asynccontextmanager

import pytest

from weft.wire.codec import decode
from weft.wire.connection import Connection


class End:
    """One end: what it received, how it ended, and how often it was relieved."""

    def __init__(self) -> None:
        self.received = []
        self.lost = []
        self.relieved = 0
        self.over = asyncio.Event()
        self.changed = asyncio.Event()
        self.transport = None
        self.connection = Connection(self._deliver, self._lost, self._relieve)

    def _deliver(self, kind, call_id, payload):
        self.received.append((kind, call_id, decode(payload)))
        self.changed.set()

    def _lost(self, error):
        self.lost.append(error)
        self.over.set()

    def _relieve(self):
        self.relieved += 1
        self.changed.set()

    async def until(self, condition):
        async with asyncio.timeout(10):
            while not condition():
                self.changed.clear()
                await self.changed.wait()


@pytest.fixture
def ends():
    @asynccontextmanager
    async def pair():
        loop = asyncio.get_running_loop()
        both = []
        for sock in socket.socketpair():
            sock.setblocking(False)
            end = End()
            end.transport, _ = await loop.create_connection(lambda end=end: end.connection, sock=sock)
            both.append(end)
        try:
            yield both
        finally:
            for end in both:
                end.connection.abort()
            async with asyncio.timeout(10):
                await asyncio.gather(*(end.over.wait() for end in both))

    return pair


@pytest.fixture
def raw_end():
    """One connection, and the bare socket of the other side."""

    @asynccontextmanager
    async def pair():
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        theirs.setblocking(False)
        end = End()
        end.transport, _ = await asyncio.get_running_loop().create_connection(lambda: end.connection, sock=ours)
        try:
            yield end, theirs
        finally:
            end.connection.abort()
            theirs.close()
            async with asyncio.timeout(10):
                await end.over.wait()

    return pair
