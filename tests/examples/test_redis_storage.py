"""The storage in Redis, against a real server that the tests start, end and start again."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import weft
from weft.contracts.storage import NoRoom, NotFound, TooLarge, Unreachable
from weft.testing.kit.storage import SharedStorageConformance

PLUGIN = Path(__file__).parents[2] / "examples" / "redis_storage"
TIMEOUT = 1.0

pytestmark = [pytest.mark.network, pytest.mark.system_package("redis-server")]


@contextmanager
def redis_server(folder: Path, port: int, *options: str) -> Iterator[subprocess.Popen[bytes]]:
    """A Redis on a port of loopback, which keeps nothing."""
    command = [shutil.which("redis-server") or "", "--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder)]
    command += ["--save", "", "--appendonly", "no", *options]
    with (folder / "redis.log").open("ab") as log, subprocess.Popen(command, stdout=log) as process:
        try:
            until = time.monotonic() + 20
            while not _answers(port):
                assert time.monotonic() < until, (folder / "redis.log").read_text()
                time.sleep(0.02)
            yield process
        finally:
            process.kill()


def _answers(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), 1) as connection:
            connection.sendall(b"PING\r\n")
            return connection.recv(7) == b"+PONG\r\n"
    except OSError:
        return False


@pytest.fixture(scope="module")
def shared_port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """A Redis for all tests of this module that leave it running."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with redis_server(tmp_path_factory.mktemp("redis"), port):
        yield port


class TestRedis(SharedStorageConformance):
    source = PLUGIN
    name = "redis"

    @pytest.fixture(autouse=True)
    def _configured(self, shared_port: int) -> None:
        self.config = {"url": f"redis://127.0.0.1:{shared_port}/0", "timeout": "10s"}


@pytest.fixture
def stored(weft_state, run):
    """``stored(check, port, **settings)``: runs ``await check(storage)``."""

    def with_storage(check, port, **settings):
        async def main():
            async with weft.Engine(weft_state) as engine:
                await engine.load(PLUGIN, config={"url": f"redis://127.0.0.1:{port}/0", **settings})
                await check(engine.use(weft.Storage, "redis"))

        run(main())

    return with_storage


def test_its_metadata_and_packages_are_its_own(weft_state, run):
    async def main():
        async with weft.Engine(weft_state) as engine:
            (plugin,) = await engine.load(PLUGIN)
            assert (plugin.manifest.title, plugin.manifest.homepage) == ("Redis Storage", "https://redis.io")
            assert plugin.provides == ("storage#redis@1",)

    run(main())


def test_a_category_has_its_own_time_and_a_prefix_keeps_others_apart(stored, shared_port):
    async def check(storage):
        await storage.put("names", "x", b"1")
        (entry,) = [each async for each in storage.list("names")]
        assert 3500 < entry.expires.timestamp() - time.time() <= 3600
        assert (await storage.statistics()).entries == 1
        assert await storage.purge(everything=True) == 1

    stored(check, shared_port, ttl={"names": "1h"}, prefix="other:")


def test_values_over_the_bound_and_over_the_memory_of_redis_are_named(stored, tmp_path, free_port):
    async def check(storage):
        await storage.put("x", "x", b"old")
        with pytest.raises(TooLarge, match="max_entry"):
            await storage.put("x", "x", bytes(5_000_001))
        with pytest.raises(NoRoom, match="Redis takes no more"):
            await fill(storage)
        both = [call for _ in range(5) for call in (storage.put("x", "x", bytes(1_000_000)), storage.get("x", "x"))]
        answers = await asyncio.gather(*both, return_exceptions=True)
        assert {type(each) for each in answers[::2]} == {NoRoom}
        assert answers[1::2] == [b"old"] * 5  # which what the others are told is no matter of

    async def fill(storage):
        for number in range(100):
            await storage.put("x", str(number), bytes(1_000_000))

    port = free_port()
    with redis_server(tmp_path, port, "--maxmemory", "8mb", "--maxmemory-policy", "noeviction"):
        stored(check, port, max_entry=5_000_000)


def test_a_redis_whose_disk_takes_no_more_is_named(stored, tmp_path, free_port):
    """It refuses to write what it could not save; it is asked to save each second, in a folder that is gone."""
    port, folder = free_port(), tmp_path / "gone"

    async def check(storage):
        await storage.put("x", "x", b"old")
        folder.rmdir()
        async with asyncio.timeout(30):
            with pytest.raises(NoRoom, match="Redis takes no more: MISCONF"):
                while True:
                    await storage.put("x", "x", b"new")
                    await asyncio.sleep(0.05)
        assert await storage.get("x", "x") == b"new"

    folder.mkdir()
    with redis_server(tmp_path, port, "--dir", str(folder), "--save", "1 1"):
        stored(check, port)


def test_a_redis_that_goes_away_is_named_within_the_time_and_found_again(stored, tmp_path, free_port):
    port = free_port()

    async def check(storage):
        with redis_server(tmp_path, port):
            await storage.put("x", "x", b"1")
            assert await storage.get("x", "x") == b"1"
        for call in (storage.get("x", "x"), storage.put("x", "x", b"2"), anext(storage.list("x"))):
            began = time.monotonic()
            with pytest.raises(Unreachable, match="Redis does not answer"):
                await call
            assert time.monotonic() - began < TIMEOUT + 2
        with redis_server(tmp_path, port):
            with pytest.raises(NotFound):
                await storage.get("x", "x")
            await storage.put("x", "x", b"3")
            assert await storage.get("x", "x") == b"3"

    stored(check, port, timeout=TIMEOUT)


def test_a_redis_that_goes_away_in_the_middle_of_calls_fails_these_and_no_later_ones(stored, tmp_path, free_port):
    port = free_port()

    async def check(storage):
        async def use(number):
            while True:
                await storage.put("x", str(number), bytes(10_000))
                await storage.get("x", str(number))

        with redis_server(tmp_path, port) as server:
            users = [asyncio.create_task(use(number)) for number in range(20)]
            await asyncio.sleep(0.3)
            assert not any(user.done() for user in users)
            server.kill()
            async with asyncio.timeout(TIMEOUT + 5):
                errors = await asyncio.gather(*users, return_exceptions=True)
        assert {type(error) for error in errors} == {Unreachable}
        with redis_server(tmp_path, port):
            await storage.put("x", "x", b"1")
            assert await storage.get("x", "x") == b"1"

    stored(check, port, timeout=TIMEOUT)


def test_a_redis_that_hangs_is_named_within_the_time_and_found_again(stored, tmp_path, free_port):
    port = free_port()

    async def check(storage):
        with redis_server(tmp_path, port) as server:
            await storage.put("x", "x", b"1")
            os.kill(server.pid, signal.SIGSTOP)
            began = time.monotonic()
            calls = [storage.get("x", "x") for _ in range(200)]
            errors = await asyncio.gather(*calls, return_exceptions=True)
            assert {type(error) for error in errors} == {Unreachable}
            assert time.monotonic() - began < TIMEOUT + 5
            os.kill(server.pid, signal.SIGCONT)
            assert await storage.get("x", "x") == b"1"

    stored(check, port, timeout=TIMEOUT)


def test_a_deadline_of_the_caller_holds_too(stored, tmp_path, free_port):
    port = free_port()

    async def check(storage):
        with redis_server(tmp_path, port) as server:
            await storage.put("x", "x", b"1")
            os.kill(server.pid, signal.SIGSTOP)
            with pytest.raises(weft.DeadlineExceeded):
                async with weft.deadline(0.1):
                    await storage.get("x", "x")
            os.kill(server.pid, signal.SIGCONT)
            assert await storage.get("x", "x") == b"1"

    stored(check, port, timeout=20)
