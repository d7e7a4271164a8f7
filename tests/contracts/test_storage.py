"""The contract ``storage``, held by two plugins in each runtime: one has all of it, one what each storage must have."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol

import pytest
from hypothesis import given
from hypothesis import strategies as st

import weft
import weft.sync
from weft.contracts.storage import LONGEST, PIECE, Entry, InvalidEntry, NotFound, check_entry
from weft.errors import WrongArgument

PLUGINS = Path(__file__).parents[1] / "plugins"
HOSTILE = [
    "../x",
    "..",
    ".",
    "/etc/passwd",
    "a/b",
    "a\0b",
    "C:\\x",
    " ",
    "ключ",
    "\u00e9",
    "e\u0301",
    "x" * LONGEST,
    "%2e%2e",
    "\n",
]


@pytest.fixture(params=["inline", "process"])
def runtime(request):
    return request.param


@pytest.fixture(params=["memory_storage", "file_storage"])
def stored(request, runtime, tmp_path, run):
    """``stored(check)``: runs ``await check(storage)`` on a fresh one."""

    def with_storage(check):
        async def main():
            folder = tmp_path / "storage"
            folder.mkdir()
            shutil.copy(PLUGINS / f"{request.param}.py", folder)
            (folder / "plugin.yaml").write_text(
                f"name: storage\nversion: 1.0.0\nprovides: [storage]\nruntime: {runtime}\n"
            )
            async with weft.Engine(tmp_path / "state") as engine:
                await engine.load(folder)
                await check(engine.use(weft.Storage))

        run(main())

    return with_storage


async def listed(storage, *args):
    return [entry.key async for entry in storage.list(*args)]


def test_what_is_put_is_got(stored):
    async def check(storage):
        await storage.put("names", "ada", b"\0\xff" * 9)
        await storage.put("names", "ada", b"other")
        await storage.put("numbers", "ada", b"")
        assert (await storage.get("names", "ada"), await storage.get("numbers", "ada")) == (b"other", b"")
        assert await storage.delete("names", "ada")
        assert not await storage.delete("names", "ada")
        for name in ("ada", "bob"):
            with pytest.raises(NotFound):
                await storage.get("names", name)
        assert await storage.get("numbers", "ada") == b""

    stored(check)


def test_keys_are_text_and_nothing_else(stored):
    async def check(storage):
        for number, name in enumerate(HOSTILE):
            await storage.put(name, name, str(number).encode())
            await storage.put("all", name, b"x")
        for number, name in enumerate(HOSTILE):
            assert await storage.get(name, name) == str(number).encode()
        assert await listed(storage, "all") == sorted(HOSTILE)

    stored(check)


def test_names_and_times_that_cannot_be_are_refused(stored):
    async def check(storage):
        for category, key in [("", "x"), ("x", ""), ("x" * (LONGEST + 1), "x"), ("x", "é" * LONGEST)]:
            for call in (storage.put(category, key, b""), storage.get(category, key), storage.delete(category, key)):
                with pytest.raises(InvalidEntry, match="must have 1 to 1024 bytes"):
                    await call
            with pytest.raises(InvalidEntry):
                await anext(storage.read(category, key))
        for ttl in (0, -1.0, float("nan"), float("inf")):
            with pytest.raises(InvalidEntry, match="ttl"):
                await storage.put("x", "x", b"", ttl)
        with pytest.raises(InvalidEntry):
            await listed(storage, "")
        assert await listed(storage, "x") == []

    stored(check)


def test_an_entry_whose_time_is_over_is_not_there(stored):
    async def check(storage):
        before = datetime.now(UTC)
        await storage.put("names", "kept", b"1", ttl=3600)
        await storage.put("names", "ever", b"22", ttl=0.001)
        await storage.put("names", "ever", b"22")
        await storage.put("names", "brief", b"3", ttl=0.001)
        while "brief" in await listed(storage, "names"):
            await asyncio.sleep(0.001)
        with pytest.raises(NotFound):
            await storage.get("names", "brief")
        with pytest.raises(NotFound):
            await anext(storage.read("names", "brief"))
        assert not await storage.delete("names", "brief")
        ever, kept = [entry async for entry in storage.list("names")]
        assert ever == Entry("ever", 2, None)
        assert (kept.key, kept.size) == ("kept", 1)
        assert before < kept.expires - timedelta(seconds=3600) < datetime.now(UTC)

    stored(check)


def test_a_list_is_in_order_and_of_a_prefix(stored):
    async def check(storage):
        for key in ("b", "a/2", "ä", "a/1", "B", "a"):
            await storage.put("names", key, b"")
        await storage.put("others", "a/3", b"")
        assert await listed(storage, "names") == ["B", "a", "a/1", "a/2", "b", "ä"]
        assert await listed(storage, "names", "a/") == ["a/1", "a/2"]
        assert await listed(storage, "nothing") == []

    stored(check)


def test_purging_counts_what_it_removed(stored):
    async def check(storage):
        for category in ("one", "two"):
            await storage.put(category, "kept", b"")
            await storage.put(category, "brief", b"", ttl=0.001)
        while "brief" in await listed(storage, "two"):
            await asyncio.sleep(0.001)
        assert await storage.purge("one") == 1
        assert await storage.purge() == 1
        assert await storage.purge() == 0
        assert await storage.purge("one", everything=True) == 1
        assert (await listed(storage, "one"), await listed(storage, "two")) == ([], ["kept"])
        assert await storage.purge(everything=True) == 1

    stored(check)


def test_values_stream_in_and_out(stored):
    async def check(storage):
        async def pieces():
            for number in range(40):
                yield bytes([number]) * 50_000

        await storage.write("films", "one", pieces(), ttl=60)
        whole = b"".join([piece async for piece in storage.read("films", "one")])
        assert whole == b"".join([piece async for piece in pieces()]) == await storage.get("films", "one")
        reading = storage.read("films", "one")
        first = await anext(reading)
        assert len(first) <= PIECE
        await storage.put("films", "one", b"other")
        assert first + b"".join([piece async for piece in reading]) == whole
        with pytest.raises(NotFound):
            await anext(storage.read("films", "none"))

    stored(check)


def test_a_value_whose_last_piece_never_comes_is_not_kept(stored):
    async def check(storage):
        async def broken():
            yield b"new"
            raise LookupError("no more")

        await storage.put("films", "one", b"old")
        with pytest.raises(Exception, match="no more"):
            await storage.write("films", "one", broken())
        assert await storage.get("films", "one") == b"old"
        assert await listed(storage, "films") == ["one"]

    stored(check)


def test_a_value_is_bytes(stored, runtime):
    if runtime == "inline":
        pytest.skip("inline calls hand values over unchecked")

    async def check(storage):
        with pytest.raises(WrongArgument, match=r"storage.put: value: expected bytes, found str"):
            await storage.put("names", "ada", "text")

    stored(check)


def test_a_host_without_an_event_loop_declares_what_it_needs(tmp_path, runtime):
    @weft.contract(name="storage")
    class PlainStorage(Protocol):
        def put(self, category: str, key: str, value: bytes, ttl: float | None = None) -> None: ...
        @weft.raises(NotFound)
        def get(self, category: str, key: str) -> bytes: ...
        def list(self, category: str, prefix: str = "") -> Iterator[Entry]: ...

    folder = tmp_path / "storage"
    folder.mkdir()
    shutil.copy(PLUGINS / "file_storage.py", folder)
    (folder / "plugin.yaml").write_text(f"name: storage\nversion: 1.0.0\nprovides: [storage]\nruntime: {runtime}\n")
    with weft.sync.Engine(tmp_path / "state", contracts=[PlainStorage]) as engine:
        engine.load(folder)
        storage = engine.use(PlainStorage)
        storage.put("names", "ada", b"Ada", ttl=60)
        assert [entry.key for entry in storage.list("names")] == ["ada"]
        assert storage.get("names", "ada") == b"Ada"
        with pytest.raises(NotFound):
            storage.get("names", "bob")


@given(st.text(max_size=LONGEST), st.one_of(st.none(), st.floats()))
def test_an_entry_is_checked(name, ttl):
    right = 0 < len(name.encode()) <= LONGEST and (ttl is None or 0 < ttl < float("inf"))
    for category, key in ((name, "x"), ("x", name)):
        if right:
            check_entry(category, key, ttl)
        else:
            with pytest.raises(InvalidEntry):
                check_entry(category, key, ttl)


def test_text_that_is_none_is_refused():
    with pytest.raises(InvalidEntry, match="UTF-8"):
        check_entry("x", "\ud800")
