"""Five kinds of client that ask without pause, check every answer, and count what they lost.

Written on plain sockets, so that nothing is tried again unseen. Each is a worker that runs until ``Tally.stop``.
"""

from __future__ import annotations

import asyncio
import base64
import os
import struct
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from harness.servers import HOST

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
ANSWER = 20.0
"""Seconds for one exchange; past it the request counts as lost."""
CHUNK, CHUNKS, PAUSE = 4096, 10, 0.04
EVENTS = 10
ECHOES = 10


class Lost(Exception):  # noqa: N818  # it is no error of this program: it is what is counted
    """A request was not answered as it should be."""


@dataclass
class Tally:
    """What all clients saw. ``floor``: the version that every request begun from now on must be answered by."""

    port: int
    judge_versions: bool
    floor: int = 0
    stop: bool = False
    answered: Counter[str] = field(default_factory=Counter)
    lost: Counter[str] = field(default_factory=Counter)
    stale: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)

    def check(self, kind: str, version: int, floor: int) -> None:
        """Counts one good answer, and whether an old version gave it to a request begun after its replacement."""
        self.answered[kind] += 1
        if self.judge_versions and version < floor:
            self.stale[kind] += 1


Exchange = Callable[[Tally, Streams], Awaitable[int]]
"""One request on an open connection: the version that answered."""


async def repeat(tally: Tally, kind: str, exchange: Exchange, *, keep: bool = False) -> None:
    """One client: exchanges one after another, on one connection where ``keep``, else each on a new one."""
    while not tally.stop:
        try:
            async with connection(tally.port) as streams:
                await _exchange(tally, kind, exchange, streams)
                while keep and not tally.stop:
                    await asyncio.sleep(0.002)
                    if streams[0].at_eof():  # closed while idle: every client opens another, and nothing is lost
                        break
                    await _exchange(tally, kind, exchange, streams)
        except (OSError, EOFError, TimeoutError, ValueError, Lost) as problem:
            tally.lost[kind] += 1
            tally.reasons[f"{kind}: {type(problem).__name__} {problem}"[:120]] += 1


async def _exchange(tally: Tally, kind: str, exchange: Exchange, streams: Streams) -> None:
    floor = tally.floor
    async with asyncio.timeout(ANSWER):
        version = await exchange(tally, streams)
    tally.check(kind, version, floor)


@asynccontextmanager
async def connection(port: int) -> AsyncIterator[Streams]:
    """A new connection, closed in the end."""
    async with asyncio.timeout(ANSWER):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield reader, writer
    finally:
        writer.close()


# --- HTTP, as little as is needed -----------------------------------------------------------------------------------


def _request(method: str, path: str, *headers: str) -> bytes:
    return "\r\n".join((f"{method} {path} HTTP/1.1", f"Host: {HOST}", *headers, "", "")).encode()


async def _head(reader: asyncio.StreamReader) -> tuple[int, dict[str, str]]:
    """Status and headers, names in lower case."""
    status, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    headers = dict(line.split(": ", 1) for line in lines if line)
    return int(status.split()[1]), {name.lower(): value for name, value in headers.items()}


async def _answer(reader: asyncio.StreamReader) -> bytes:
    """The body of a 200 answer that has a length."""
    status, headers = await _head(reader)
    if status != 200:
        raise Lost(f"status {status}")
    return await reader.readexactly(int(headers["content-length"]))


async def _chunked(reader: asyncio.StreamReader) -> bytes:
    """The body of a 200 answer that is chunked, whole."""
    status, headers = await _head(reader)
    if status != 200 or headers.get("transfer-encoding") != "chunked":
        raise Lost(f"status {status}, {headers.get('transfer-encoding')}")
    body = b""
    while size := int(await reader.readline(), 16):
        body += await reader.readexactly(size)
        await reader.readexactly(2)
    await reader.readline()
    return body


# --- the five kinds -------------------------------------------------------------------------------------------------


async def keep_alive(_tally: Tally, streams: Streams) -> int:
    """A small request on a connection that stays open."""
    reader, writer = streams
    writer.write(_request("GET", "/version"))
    return int(await _answer(reader))


async def new_connection(_tally: Tally, streams: Streams) -> int:
    """A small request, and the connection closed."""
    reader, writer = streams
    writer.write(_request("GET", "/version", "Connection: close"))
    return int(await _answer(reader))


async def slow_upload(_tally: Tally, streams: Streams) -> int:
    """A body sent piece by piece; every byte of it must have arrived."""
    reader, writer = streams
    writer.write(_request("POST", "/upload", f"Content-Length: {CHUNK * CHUNKS}", "Connection: close"))
    for _ in range(CHUNKS):
        writer.write(bytes(CHUNK))
        await writer.drain()
        await asyncio.sleep(PAUSE)
    size, version = map(int, (await _answer(reader)).split())
    if size != CHUNK * CHUNKS:
        raise Lost(f"{size} bytes of {CHUNK * CHUNKS} arrived")
    return version


async def event_stream(_tally: Tally, streams: Streams) -> int:
    """A stream of events; all must come, from one version."""
    reader, writer = streams
    writer.write(_request("GET", "/events", "Connection: close"))
    events = [line.split()[1:] for line in (await _chunked(reader)).split(b"\n\n") if line]
    versions = {int(version) for _, version in events}
    if [int(number) for number, _ in events] != list(range(EVENTS)) or len(versions) != 1:
        raise Lost(f"{len(events)} events of {EVENTS}, from versions {sorted(versions)}")
    return versions.pop()


async def websocket(_tally: Tally, streams: Streams) -> int:
    """A websocket with messages over half a second; each must come back, from one version."""
    reader, writer = streams
    key = base64.b64encode(os.urandom(16)).decode()
    upgrade = ("Upgrade: websocket", "Connection: Upgrade", f"Sec-WebSocket-Key: {key}", "Sec-WebSocket-Version: 13")
    writer.write(_request("GET", "/socket", *upgrade))
    status, _headers = await _head(reader)
    if status != 101:
        raise Lost(f"status {status}")
    versions = [await _echo(reader, writer, f"message {number}") for number in range(ECHOES)]
    writer.write(_frame(0x8, struct.pack(">H", 1000)))
    if len(set(versions)) != 1:
        raise Lost(f"one websocket, versions {sorted(set(versions))}")
    return versions[0]


async def _echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, text: str) -> int:
    """Sends a text, and returns the version that came back before it."""
    writer.write(_frame(0x1, text.encode()))
    opcode, data = await _message(reader)
    version, _, back = data.decode("latin-1").partition(" ")
    if opcode != 0x1 or back != text:
        raise Lost(f"opcode {opcode}, {data[:40]!r} for {text!r}")
    await asyncio.sleep(PAUSE)
    return int(version)


def _frame(opcode: int, data: bytes) -> bytes:
    """One masked frame of less than 126 bytes; the mask is zero, so the data is as it was."""
    return bytes((0x80 | opcode, 0x80 | len(data), 0, 0, 0, 0)) + data


async def _message(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """The next frame that is no ping."""
    while True:
        first, length = await reader.readexactly(2)
        if length == 126:
            (length,) = struct.unpack(">H", await reader.readexactly(2))
        data = await reader.readexactly(length)
        if first & 0x0F != 0x9:
            return first & 0x0F, data


KINDS: dict[str, tuple[Exchange, int]] = {
    "keep-alive": (keep_alive, 8),
    "new connections": (new_connection, 4),
    "slow uploads": (slow_upload, 4),
    "event streams": (event_stream, 4),
    "websockets": (websocket, 4),
}
"""What each kind does, and how many of it ask at once."""


@asynccontextmanager
async def all_kinds(port: int, *, judge_versions: bool) -> AsyncIterator[Tally]:
    """Every kind of client at work; left once all have finished what they had begun."""
    tally = Tally(port, judge_versions)
    async with asyncio.TaskGroup() as group:
        for kind, (exchange, count) in KINDS.items():
            for _ in range(count):
                group.create_task(repeat(tally, kind, exchange, keep=kind == "keep-alive"))
        try:
            yield tally
        finally:
            tally.stop = True
