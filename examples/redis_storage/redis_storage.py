"""A storage backend in Redis, as a plugin in Stockpile's shape, with packages of its own.

Settings: ``url``; ``timeout``, within which every call is answered or fails; ``prefix`` of all keys; and those that
every backend has (``ttl``, ``default_ttl``, ``max_entry``). Redis itself forgets what is over.
"""

import asyncio
import math
import time
from contextlib import contextmanager

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


LEASE = """local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1"""
RELEASE = "if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('UNLINK', KEYS[1]) end"

AT_ONCE = 500
"""Commands that are sent in one go."""
GONE = redis.ConnectionError, redis.TimeoutError, OSError
"""What is raised where Redis does not answer."""


class Batches:
    """Commands, one at a time: those that come while another is under way are sent together once it is answered."""

    def __init__(self, client):
        self._client = client
        self._busy = False
        self._waiting = []
        self._rest = None

    async def ask(self, *command):
        """What Redis answers. Raises what redis-py does."""
        if self._busy:
            answer = asyncio.get_running_loop().create_future()
            self._waiting.append((command, answer))
            return await answer
        self._busy = True  # whoever finds nothing under way needs no task besides its own
        try:
            return await self._client.execute_command(*command)
        except GONE as error:
            self._give_up(error)
            raise
        finally:
            if self._waiting:
                self._rest = asyncio.ensure_future(self._send_waiting())
            else:
                self._busy = False

    async def _send_waiting(self):
        try:
            while self._waiting:
                batch, self._waiting = self._waiting[:AT_ONCE], self._waiting[AT_ONCE:]
                _settle(batch, await self._answers(batch))
        finally:
            self._busy = False

    async def _answers(self, batch):
        try:
            if len(batch) == 1:
                return [await self._client.execute_command(*batch[0][0])]
            pipeline = self._client.pipeline(transaction=False)
            for command, _ in batch:
                pipeline.execute_command(*command)
            return await pipeline.execute(raise_on_error=False)
        except Exception as error:
            if isinstance(error, GONE):
                self._give_up(error)
            return [error] * len(batch)

    def _give_up(self, error):
        """All that waits is told: it would wait for the same in vain."""
        batch, self._waiting = self._waiting, []
        _settle(batch, [error] * len(batch))


def _settle(batch, answers):
    for (_, answer), found in zip(batch, answers):
        if answer.done():
            continue  # its caller has left
        if isinstance(found, Exception):
            answer.set_exception(found)
        else:
            answer.set_result(found)


class RedisStorage(Backend):
    """An entry is the value of a key: the prefix, the category, ``:``, and the key as it is."""

    def __init__(self, config):
        super().__init__(config, url=settings.text, timeout=settings.seconds, prefix=settings.text)
        seconds = self.settings.get("timeout", 5.0) / 4  # to connect and to be answered, and both once more
        self.redis = redis.Redis.from_url(
            self.settings.get("url", "redis://127.0.0.1:6379/0"),
            socket_timeout=seconds,
            socket_connect_timeout=seconds,
            retry=Retry(NoBackoff(), 1),
            single_connection_client=True,  # its commands go one at a time: a pool would be asked for each in vain
        )
        self.ask = Batches(self.redis).ask
        self.prefix = self.settings.get("prefix", "weft:")
        self.leases = f"{self.prefix}:".encode()  # no entry's name begins so: no category is empty

    async def put(self, category, key, value, ttl=None):
        seconds = self.lifetime(category, key, len(value), ttl)
        with self.answering():
            await self.ask("SET", self.named(category, key), value, *(("PX", math.ceil(seconds * 1000)) if seconds else ()))

    async def get(self, category, key):
        check_entry(category, key)
        with self.answering():
            value = await self.ask("GET", self.named(category, key))
        if value is None:
            self.misses += 1
            raise NotFound(category, key)
        self.hits += 1
        return value

    async def delete(self, category, key):
        check_entry(category, key)
        with self.answering():
            return await self.ask("UNLINK", self.named(category, key)) > 0

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
                    purged += await self.ask("UNLINK", *names)
        return purged

    async def statistics(self, category=None):
        check_entry(category)
        entries = size = 0
        with self.answering():
            async for names in self.batches(category):
                sizes = await asyncio.gather(*(self.ask("STRLEN", name) for name in names))
                entries, size = entries + len(sizes), size + sum(sizes)
        return Statistics(self.hits, self.misses, entries, size)

    async def lease(self, category, key, holder, seconds):
        name = self.leases + self.named(category, key)
        with self.answering():
            return await self.ask("EVAL", LEASE, 1, name, holder, int(seconds * 1000)) > 0

    async def release(self, category, key, holder):
        name = self.leases + self.named(category, key)
        with self.answering():
            await self.ask("EVAL", RELEASE, 1, name, holder)

    async def close(self):
        await self.redis.aclose()

    def named(self, category, key=""):
        """No two entries have one name: of a category ``:`` is written ``%3A``."""
        told_apart = category.replace("%", "%25").replace(":", "%3A")
        return f"{self.prefix}{told_apart}:{key}".encode()

    async def batches(self, category, prefix=""):
        """The names of entries, each once, as many at a time as are asked for in one go."""
        begins = self.prefix.encode() if category is None else self.named(category, prefix)
        seen, batch = set(), []
        async for name in self.redis.scan_iter(match=_escaped(begins) + b"*", count=AT_ONCE):
            if name not in seen and not name.startswith(self.leases):
                seen.add(name)
                batch.append(name)
            if len(batch) == AT_ONCE:
                yield batch
                batch = []
        if batch:
            yield batch

    async def described(self, names, start):
        sizes, lefts = [
            await asyncio.gather(*(self.ask(command, name) for name in names)) for command in ("STRLEN", "PTTL")
        ]
        now = time.time()
        return [
            Entry(name[start:].decode(), size, moment(now + left / 1000) if left >= 0 else None)
            for name, size, left in zip(names, sizes, lefts)
            if left != -2  # it is over since it was found
        ]

    @contextmanager
    def answering(self):
        """What Redis raises, in the words of the contract."""
        try:
            yield
        except GONE as error:
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
