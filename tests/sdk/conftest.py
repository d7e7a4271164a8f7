"""ASGI applications behind an inline channel: the provider's own code, without a process."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager

import pytest

from weft.calls.faults import Faults
from weft.runtimes.inline.channel import InlineChannel
from weft.sdk.asgi import AsgiProvider


class Client:
    """The caller of one call: items as they come, and the last word."""

    def __init__(self, *, grants=True):
        self.items = []
        self.done = asyncio.get_running_loop().create_future()
        self.call = None
        self.unpaid = 0
        self.grants = grants
        self.changed = asyncio.Event()

    def on_item(self, item, size):
        self.items.append(item)
        if self.grants:
            self.call.grant(size)
        else:
            self.unpaid += size
        self.changed.set()

    def on_result(self, value):
        self.done.set_result(value)

    def on_error(self, error):
        self.done.set_exception(error)

    def on_credit(self): ...

    async def until(self, many):
        async with asyncio.timeout(10):
            while len(self.items) < many:
                self.changed.clear()
                await self.changed.wait()

    async def over(self):
        return await asyncio.wait_for(self.done, 10)


class Site:
    """An application that has started."""

    def __init__(self, provider, channel):
        self.provider = provider
        self.channel = channel

    def request(self, target=b"/", *, method="GET", body=b"", headers=(), grants=True):
        client = Client(grants=grants)
        args = [method, target, [list(each) for each in headers], "http", "1.1", ["127.0.0.1", 5], ["h", 80], body]
        client.call = self.channel.open("web.request", args, client, streaming=body is None)
        return client

    def websocket(self, target=b"/", *, subprotocols=(), grants=True):
        client = Client(grants=grants)
        args = [target, [], "ws", "1.1", None, None, list(subprotocols)]
        client.call = self.channel.open("web.websocket", args, client, streaming=True)
        return client


@pytest.fixture
def site():
    """``async with site(application) as its``: started, and stopped in the end."""

    @asynccontextmanager
    async def serve(application):
        provider = AsgiProvider(application)
        await provider.start()
        faults = []
        channel = InlineChannel(provider.methods, Faults("shop", "1"), on_fault=faults.append)
        yield Site(provider, channel)
        await channel.close()
        await provider.stop()
        assert faults == []

    return serve
