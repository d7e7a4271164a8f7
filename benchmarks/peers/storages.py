"""A storage used through its contract, beside the library that does the same, used directly, by the same program.

``storages.py KIND ROUNDS FOLDER`` prints the medians of operations per second, nine reads to a write, of 1 KiB:
{"weft": …, "peer": …}. FOLDER is where the peers' packages are. KIND, and where Weft's storage runs:

``memory``    inline, awaited, as a part of the event loop, beside cachetools (least recently used, a time for each
              entry), which is called and not awaited
``file``      inline, in a host without an event loop, beside diskcache
``file_loop`` inline, in threads of an event loop's host, 16 calls at once, beside diskcache in threads of the same
``redis``     in a process of its own, 64 calls at once, beside redis-py on the host's own event loop
``redis_one`` the same, one call at a time
``redis_inline`` the same inline: what the process costs is the difference
"""

from __future__ import annotations

import asyncio
import json
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from importlib import import_module
from pathlib import Path
from statistics import median
from typing import Any, Protocol

import uvloop

import weft
import weft.sync
from weft.contracts.storage import NotFound
from weft.sdk.storage import BUILT_IN
from weft.testing.engine import Engine

REDIS = Path(__file__).parents[2] / "examples/redis_storage"
VALUE = bytes(1024)
KEYS = [f"key-{number}" for number in range(1000)]
WRITES = 10
"""One operation of so many writes."""
TTL = 3600
SECONDS = 0.5
"""Of one round, of each."""
START = 30.0

Get = Callable[[str], Any]
Put = Callable[[str, bytes], Any]
Pair = tuple[Get, Put]


@weft.contract(name="storage")
class PlainStorage(Protocol):
    def put(self, category: str, key: str, value: bytes, ttl: float | None = None) -> None: ...

    @weft.raises(NotFound)
    def get(self, category: str, key: str) -> bytes: ...


def through(storage: Any) -> Pair:
    """What is measured of a storage, by its contract."""
    get, put = storage.get, storage.put
    return lambda key: get("bench", key), lambda key, value: put("bench", key, value, TTL)


# --- who is measured ------------------------------------------------------------------------------------------------


@asynccontextmanager
async def memory(_folder: Path) -> AsyncIterator[dict[str, Pair]]:
    cache = import_module("cachetools").TLRUCache(
        64 * 1024 * 1024, ttu=lambda _key, _value, now: now + TTL, timer=time.time, getsizeof=len
    )

    def get(key: str) -> Any:
        return cache["bench", key]

    def put(key: str, value: bytes) -> None:
        cache["bench", key] = value

    async with weft.Engine(contracts=[weft.Storage]) as engine:
        await engine.load(BUILT_IN)
        yield {"weft": through(engine.use(weft.Storage, "memory")), "peer": (get, put)}


@contextmanager
def file(folder: Path) -> Iterator[dict[str, Pair]]:
    with (
        import_module("diskcache").Cache(str(folder / "peer")) as cache,
        weft.sync.Engine(folder / "weft", contracts=[PlainStorage]) as engine,
    ):
        engine.load(BUILT_IN)
        direct: Pair = (lambda key: cache[("bench", key)], lambda key, value: cache.set(("bench", key), value, TTL))
        yield {"weft": through(engine.use(PlainStorage, "file")), "peer": direct}


@asynccontextmanager
async def file_loop(folder: Path) -> AsyncIterator[dict[str, Pair]]:
    async with weft.Engine(folder / "weft", contracts=[weft.Storage]) as engine:
        await engine.load(BUILT_IN)
        with import_module("diskcache").Cache(str(folder / "peer")) as cache:

            async def get(key: str) -> Any:
                return await asyncio.to_thread(cache.get, ("bench", key))

            async def put(key: str, value: bytes) -> None:
                await asyncio.to_thread(cache.set, ("bench", key), value, TTL)

            yield {"weft": through(engine.use(weft.Storage, "file")), "peer": (get, put)}


@asynccontextmanager
async def redis(folder: Path, runtime: str | None = None) -> AsyncIterator[dict[str, Pair]]:
    with redis_server(folder) as port:
        url = f"redis://127.0.0.1:{port}/0"
        client = import_module("redis.asyncio").Redis.from_url(url)

        async def get(key: str) -> Any:
            return await client.get("bench:" + key)

        async def put(key: str, value: bytes) -> None:
            await client.set("bench:" + key, value, ex=TTL)

        async with Engine(runtime=runtime, contracts=[weft.Storage], checked=False) as engine:
            await engine.load(REDIS, config={"url": url})
            yield {"weft": through(engine.use(weft.Storage, "redis")), "peer": (get, put)}
        await client.aclose()


@contextmanager
def redis_server(folder: Path) -> Iterator[int]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    program = shutil.which("redis-server")
    if program is None:
        raise SystemExit("there is no redis-server here")
    command = [program, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        try:
            until = time.monotonic() + START
            while not answers(port) and time.monotonic() < until:
                time.sleep(0.05)
            yield port
        finally:
            process.terminate()


def answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


# --- how they are measured ------------------------------------------------------------------------------------------


def keys() -> Iterator[tuple[str, bool]]:
    """Keys for ever, and whether each is written."""
    while True:
        for number, key in enumerate(KEYS):
            yield key, number % WRITES == 0


def called(pair: Pair) -> float:
    """Of methods that are not awaited, one call after the other."""
    get, put = pair
    count, until = 0, time.perf_counter() + SECONDS
    for key, write in keys():
        if write:
            put(key, VALUE)
        else:
            get(key)
        count += 1
        if count % 100 == 0 and time.perf_counter() >= until:
            break
    return count / (time.perf_counter() - until + SECONDS)


async def awaited_alone(pair: Pair) -> float:
    """The same of methods that are awaited, which never wait."""
    get, put = pair
    count, until = 0, time.perf_counter() + SECONDS
    for key, write in keys():
        if write:
            await put(key, VALUE)
        else:
            await get(key)
        count += 1
        if count % 100 == 0 and time.perf_counter() >= until:
            break
    return count / (time.perf_counter() - until + SECONDS)


async def awaited(pair: Pair, in_flight: int) -> float:
    """Of methods that are awaited, so many at once."""
    get, put = pair
    began = time.perf_counter()
    until, shared, done = began + SECONDS, keys(), 0

    async def one() -> None:
        nonlocal done
        while time.perf_counter() < until:
            key, write = next(shared)
            await (put(key, VALUE) if write else get(key))
            done += 1

    await asyncio.gather(*(one() for _ in range(in_flight)))
    return done / (time.perf_counter() - began)


async def filled(pair: Pair) -> None:
    for key in KEYS:
        put = pair[1](key, VALUE)
        if put is not None:
            await put


def of_plain(rounds: int, folder: Path) -> list[dict[str, float]]:
    with file(folder) as pairs:
        for _, put in pairs.values():
            for key in KEYS:
                put(key, VALUE)
        return [{name: called(pair) for name, pair in pairs.items()} for _ in range(rounds)]


async def of_memory(rounds: int, folder: Path) -> list[dict[str, float]]:
    async with memory(folder) as pairs:
        for pair in pairs.values():
            await filled(pair)
        return [{"weft": await awaited_alone(pairs["weft"]), "peer": called(pairs["peer"])} for _ in range(rounds)]


async def of_awaited(make: Any, rounds: int, folder: Path, in_flight: int) -> list[dict[str, float]]:
    async with make(folder) as pairs:
        for pair in pairs.values():
            await filled(pair)
        return [{name: await awaited(pair, in_flight) for name, pair in pairs.items()} for _ in range(rounds)]


AWAITED: dict[str, tuple[Any, int]] = {
    "file_loop": (file_loop, 16),
    "redis": (redis, 64),
    "redis_one": (redis, 1),
    "redis_inline": (partial(redis, runtime="inline"), 1),
}


def main(kind: str, rounds: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        if kind == "file":
            seen = of_plain(rounds, Path(folder))
        elif kind == "memory":
            seen = uvloop.run(of_memory(rounds, Path(folder)))
        else:
            make, in_flight = AWAITED[kind]
            seen = uvloop.run(of_awaited(make, rounds, Path(folder), in_flight))
    print(json.dumps({name: round(median(each[name] for each in seen)) for name in seen[0]}))


if __name__ == "__main__":
    sys.path.append(sys.argv[3])
    main(sys.argv[1], int(sys.argv[2]))
