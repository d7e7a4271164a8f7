"""A storage backend in Redis, as a plugin in Stockpile's shape, with packages of its own.

Settings: ``url``; ``timeout``, within which every call is answered or fails; ``prefix`` of all keys; and those that
every backend has (``ttl``, ``default_ttl``, ``max_entry``). Redis itself forgets what is over.
"""

import math
import time
from contextlib import contextmanager
from urllib.parse import quote

import redis.asyncio as redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import OutOfMemoryError

from weft.contracts.storage import Entry, NoRoom, NotFound, Statistics, Unreachable, check_entry
from weft.sdk.storage import Backend, moment, settings

Metadata = {
    "Name": "Redis Storage",
    "Version": "0.1.0",
    "Authors": ["The Weft maintainers"],
    "Website": "https://redis.io",
}


def InitializePlugin(ctx):
    ctx.register_storage_backend("redis", RedisStorage)


AT_ONCE = 500
"""Keys that are asked for in one go."""
CONNECTIONS = 50


class RedisStorage(Backend):
    """An entry is the value of a key: the prefix, the category, ``:``, and the key as it is."""

    def __init__(self, config):
        super().__init__(config, url=settings.text, timeout=settings.seconds, prefix=settings.text)
        seconds = self.settings.get("timeout", 5.0) / 3  # one try on a connection, one on another, and to wait for it
        pool = redis.BlockingConnectionPool.from_url(
            self.settings.get("url", "redis://127.0.0.1:6379/0"),
            max_connections=CONNECTIONS,
            timeout=seconds,
            socket_timeout=seconds,
            socket_connect_timeout=seconds,
            retry=Retry(NoBackoff(), 1),
        )
        self.redis = redis.Redis.from_pool(pool)
        self.prefix = self.settings.get("prefix", "weft:")

    async def put(self, category, key, value, ttl=None):
        seconds = self.lifetime(category, key, len(value), ttl)
        with self.answering():
            await self.redis.set(self.named(category, key), value, px=seconds and max(1, math.ceil(seconds * 1000)))

    async def get(self, category, key):
        check_entry(category, key)
        with self.answering():
            value = await self.redis.get(self.named(category, key))
        if value is None:
            self.misses += 1
            raise NotFound(category, key)
        self.hits += 1
        return value

    async def delete(self, category, key):
        check_entry(category, key)
        with self.answering():
            return await self.redis.delete(self.named(category, key)) > 0

    async def list(self, category, prefix=""):
        check_entry(category)
        found = []
        with self.answering():
            async for names in self.batches(category, prefix):
                found += await self.described(names, len(self.named(category)))
        for entry in sorted(found, key=lambda each: each.key):
            yield entry

    async def purge(self, category=None, *, everything=False):
        check_entry(category)
        purged = 0
        if everything:
            with self.answering():
                async for names in self.batches(category):
                    purged += await self.redis.unlink(*names)
        return purged

    async def statistics(self, category=None):
        check_entry(category)
        entries = size = 0
        with self.answering():
            async for names in self.batches(category):
                sizes = await self.asked(names, "strlen")
                entries, size = entries + len(sizes), size + sum(sizes)
        return Statistics(self.hits, self.misses, entries, size)

    async def close(self):
        await self.redis.aclose()
        await self.redis.connection_pool.disconnect()

    def named(self, category, key=""):
        """No two entries have one name: of a category ``:`` is written ``%3A``."""
        return f"{self.prefix}{quote(category, safe='')}:{key}".encode()

    async def batches(self, category, prefix=""):
        """The names of entries, each once, as many at a time as are asked for in one go."""
        begins = self.prefix.encode() if category is None else self.named(category, prefix)
        seen, batch = set(), []
        async for name in self.redis.scan_iter(match=_escaped(begins) + b"*", count=AT_ONCE):
            if name not in seen:
                seen.add(name)
                batch.append(name)
            if len(batch) == AT_ONCE:
                yield batch
                batch = []
        if batch:
            yield batch

    async def asked(self, names, *commands):
        pipeline = self.redis.pipeline(transaction=False)
        for name in names:
            for command in commands:
                getattr(pipeline, command)(name)
        return await pipeline.execute()

    async def described(self, names, start):
        answers, now = await self.asked(names, "strlen", "pttl"), time.time()
        return [
            Entry(name[start:].decode(), size, moment(now + left / 1000) if left >= 0 else None)
            for name, size, left in zip(names, answers[::2], answers[1::2])
            if left != -2  # it is over since it was found
        ]

    @contextmanager
    def answering(self):
        """What Redis raises, in the words of the contract."""
        try:
            yield
        except (redis.ConnectionError, redis.TimeoutError, OSError) as error:
            raise Unreachable(f"Redis does not answer: {error}") from error
        except OutOfMemoryError as error:
            raise NoRoom(f"Redis takes no more: {error}") from error
        except redis.ResponseError as error:
            if str(error).startswith("MISCONF"):  # its disk takes no more
                raise NoRoom(f"Redis takes no more: {error}") from error
            raise


def _escaped(name):
    """A name that is no pattern."""
    return b"".join(b"\\" + bytes([each]) if each in b"*?[]\\^-" else bytes([each]) for each in name)
