"""Channels over real socket pairs, callers that write down what happens to them, and methods to call."""

from __future__ import annotations

import asyncio
import socket
from contextlib import asynccontextmanager

import pytest

from weft.calls.faults import Faults
from weft.calls.wired import WiredChannel
from weft.runtimes.inline.channel import InlineChannel
from weft.wire.codec import encode
from weft.wire.frames import HEADER

FAULTS = Faults("shop", "1.2")


class Recording:
    """A receiver or consumer that writes down every callback, and grants what it receives unless told not to."""

    def __init__(self, *, grants: bool = True, raises: str = "") -> None:
        self.happened = []
        self.hand = None
        self.unpaid = 0
        self._grants = grants
        self._raises = raises
        self._changed = asyncio.Event()

    def _note(self, *what):
        self.happened.append(what)
        self._changed.set()
        if what[0] == self._raises:
            raise LookupError(f"{what[0]} cannot cope")

    def on_item(self, item, size):
        if self._grants and self.hand is not None:
            self.hand.grant(size)
        else:
            self.unpaid += size
        self._note("item", item)

    def on_result(self, value):
        self._note("result", value)

    def on_error(self, error):
        self._note("error", error)

    def on_credit(self):
        self._note("credit")

    def on_end(self):
        self._note("end")

    def on_cancel(self):
        self._note("cancel")

    def kinds(self):
        return [what[0] for what in self.happened]

    def all(self, kind):
        return [what[1] for what in self.happened if what[0] == kind]

    @property
    def last_words(self):
        """Results and errors: exactly one in the end."""
        return [what for what in self.happened if what[0] in ("result", "error")]

    async def until(self, condition):
        async with asyncio.timeout(10):
            while not condition():
                self._changed.clear()
                await self._changed.wait()

    async def over(self):
        await self.until(lambda: self.last_words)
        (word,) = self.last_words
        return word[1]


class Provider:
    """Methods to call: each behaves in one way; ``consumers`` are the calls it has served."""

    def __init__(self) -> None:
        self.consumers = []
        self.methods = {
            "echo": self._echo, "boom": self._boom, "count": self._count, "total": self._total, "hold": self._hold,
            "hoard": self._hoard, "broken": self._broken, "twice": self._twice, "late": self._late,
        }  # fmt: skip

    def _serve(self, reply, consumer=None):
        consumer = consumer or Recording()
        consumer.hand = reply
        self.consumers.append(consumer)
        return consumer

    def _echo(self, request, reply):
        reply.result(list(request.args))
        return self._serve(reply)

    def _boom(self, request, reply):
        raise ValueError("no good: " + str(request.args))

    def _count(self, request, reply):
        many, size = request.args
        return self._serve(reply, Counter(reply, many, size))

    def _total(self, request, reply):
        return self._serve(reply, Total(reply))

    def _hold(self, request, reply):
        return self._serve(reply)

    def _hoard(self, request, reply):
        return self._serve(reply, Recording(grants=False))

    def _broken(self, request, reply):
        return self._serve(reply, Recording(raises=request.args[0]))

    def _twice(self, request, reply):
        reply.result("first")
        reply.result("second")
        reply.error(ValueError("third"))
        reply.send("fourth")
        return self._serve(reply)

    def _late(self, request, reply):
        asyncio.get_running_loop().call_later(0.01, reply.error, KeyError("gone"))
        return self._serve(reply)


class Counter(Recording):
    """Sends ``many`` items of ``size`` bytes as far as credit lasts, then the result."""

    def __init__(self, reply, many, size):
        super().__init__()
        self._reply, self._left, self._size = reply, many, size
        self.sent = 0
        asyncio.get_running_loop().call_soon(self._go_on)

    def on_credit(self):
        super().on_credit()
        self._go_on()

    def _go_on(self):
        going = True
        while going and self._left:
            self._left -= 1
            self.sent += 1
            going = self._reply.send(bytes(self._size))
        if not self._left:
            self._reply.result("counted")
            self._left = None


class Total(Recording):
    """Answers with the bytes of all items, once they have ended."""

    def __init__(self, reply):
        super().__init__()
        self._reply = reply

    def on_end(self):
        super().on_end()
        self._reply.result(sum(len(item) for item in self.all("item")))


@pytest.fixture
def eventually():
    """``await eventually(condition)``: for what tells nobody that it changed."""

    async def wait(condition):
        async with asyncio.timeout(10):
            while not condition():
                await asyncio.sleep(0.001)

    return wait


@pytest.fixture
def recording():
    return Recording


@pytest.fixture
def provider():
    return Provider()


class Pair:
    """A host's channel, the plugin's channel on the other end of its socket, and what went wrong on either."""

    def __init__(self, methods, host_methods):
        self.faults = []
        self.lost = []
        self.over = asyncio.Event()
        self.host = self._channel(host_methods, FAULTS, 1)
        self.plugin = self._channel(methods, Faults("host"), 2)

    def _channel(self, methods, faults, first_id):
        return WiredChannel(methods, faults, first_id=first_id, on_fault=self.faults.append, on_lost=self._on_lost)

    def _on_lost(self, error):
        self.lost.append(error)
        if len(self.lost) == 2:
            self.over.set()


@pytest.fixture
def wired():
    """``async with wired(methods, host_methods) as pair``"""

    @asynccontextmanager
    async def connect(methods, host_methods=None):
        pair = Pair(methods, host_methods or {})
        for channel, sock in zip((pair.host, pair.plugin), socket.socketpair(), strict=True):
            sock.setblocking(False)
            await asyncio.get_running_loop().create_connection(lambda its=channel: its.connection, sock=sock)
        try:
            yield pair
        finally:
            pair.host.abort()
            pair.plugin.abort()
            async with asyncio.timeout(10):
                await pair.over.wait()

    return connect


@pytest.fixture(params=["wired", "inline"])
def channel(request, wired):
    """``async with channel(methods) as its``: a channel of every kind. ``its.noted`` lists faults."""

    @asynccontextmanager
    async def over_wire(methods):
        async with wired(methods) as pair:
            pair.host.noted = pair.faults
            yield pair.host

    @asynccontextmanager
    async def inline(methods):
        noted = []
        its = InlineChannel(methods, FAULTS, on_fault=noted.append)
        its.noted = noted
        yield its
        await its.close()

    return {"wired": over_wire, "inline": inline}[request.param]


class RawPeer:
    """The plugin's end of a host's channel as a bare socket: says whatever it likes."""

    def __init__(self, sock):
        self._sock = sock
        self.lost = []
        self.faults = []
        self.over = asyncio.Event()
        self.channel = WiredChannel({}, FAULTS, first_id=1, on_fault=self.faults.append, on_lost=self._on_lost)

    def _on_lost(self, error):
        self.lost.append(error)
        self.over.set()

    async def say(self, kind, call_id, value):
        await self.write(self.frame(kind, call_id, value))

    async def write(self, data):
        await asyncio.get_running_loop().sock_sendall(self._sock, data)

    @staticmethod
    def frame(kind, call_id, value):
        payload = encode(value)
        return HEADER.pack(len(payload), kind, call_id) + payload

    async def ended(self):
        async with asyncio.timeout(10):
            await self.over.wait()
        (error,) = self.lost
        return error


@pytest.fixture
def raw_peer():
    @asynccontextmanager
    async def connect():
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        theirs.setblocking(False)
        peer = RawPeer(theirs)
        await asyncio.get_running_loop().create_connection(lambda: peer.channel.connection, sock=ours)
        try:
            yield peer
        finally:
            peer.channel.abort()
            theirs.close()
            await peer.ended()

    return connect
