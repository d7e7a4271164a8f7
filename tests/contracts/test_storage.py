"""The contract ``storage``, held by two plugins in each runtime: one has all of it, one what each storage must have."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import pytest
from hypothesis import given
from hypothesis import strategies as st

import weft
import weft.sync
from weft.contracts.storage import LONGEST, LONGEST_TTL, Entry, InvalidEntry, NotFound, check_entry
from weft.errors import WrongArgument
from weft.testing.kit.storage import StorageConformance

PLUGINS = Path(__file__).parents[1] / "plugins"


@pytest.mark.weft_runtimes("inline", "process")
class TestMemoryStorage(StorageConformance):
    source = PLUGINS / "memory_storage.py"


@pytest.mark.weft_runtimes("inline", "process")
class TestFileStorage(StorageConformance):
    source = PLUGINS / "file_storage.py"


def test_a_value_is_bytes(tmp_path, run):
    async def main():
        async with weft.Engine(tmp_path / "state") as engine:
            await engine.load(PLUGINS / "memory_storage.py")
            with pytest.raises(WrongArgument, match=r"storage.put: value: expected bytes, found str"):
                await engine.use(weft.Storage).put("names", "ada", "text")

    run(main())


def test_everything_can_be_purged(tmp_path, run):
    async def main():
        async with weft.Engine(tmp_path / "state") as engine:
            await engine.load(PLUGINS / "memory_storage.py")
            storage = engine.use(weft.Storage)
            await storage.put("one", "x", b"")
            await storage.put("two", "x", b"", ttl=3600)
            assert await storage.purge(everything=True) == 2

    run(main())


@pytest.mark.parametrize("runtime", ["inline", "process"])
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
    right = 0 < len(name.encode()) <= LONGEST and (ttl is None or 0 < ttl <= LONGEST_TTL)
    for category, key in ((name, "x"), ("x", name)):
        if right:
            check_entry(category, key, ttl)
        else:
            with pytest.raises(InvalidEntry):
                check_entry(category, key, ttl)


def test_text_that_is_none_is_refused():
    with pytest.raises(InvalidEntry, match="UTF-8"):
        check_entry("x", "\ud800")
