"""The conformance kit of storages finds what is wrong: each of its checks, with a storage that breaks one promise."""

from __future__ import annotations

from pathlib import Path

import pytest

import weft
from weft.contracts.storage import NotFound
from weft.testing.storage import CHECKS, SHARED_CHECKS

PLUGIN = (Path(__file__).parents[1] / "plugins" / "memory_storage.py").read_text()
PUT = "self.categories.setdefault(category, {})[key] = (value, expires)"
LIST = "for key, (value, expires) in sorted(self._living(category).items()):"
GET = """    async def get(self, category, key):
        check_entry(category, key)
"""
CLASS = "class Plugin:\n"
READS_WHOLE = """
    async def read(self, category, key):
        yield await self.get(category, key)
"""
KEEPS_A_PART = """
    async def write(self, category, key, pieces, ttl=None):
        value = b""
        try:
            async for piece in pieces:
                value += piece
        finally:
            await self.put(category, key, value, ttl)
"""
PUTS_IN_TWO = """import asyncio
        for end in (50_000, None):
            self.categories.setdefault(category, {})[key] = (value[:end], expires)
            await asyncio.sleep(0.2)
"""
FILLS_EACH = """
    async def get_or_fill(self, category, key, fill, ttl=None):
        try:
            return await self.get(category, key)
        except NotFound:
            value = await fill()
            await self.put(category, key, value, ttl)
            return value
"""
FILLS_WITH_NOTHING = """
    async def get_or_fill(self, category, key, fill, ttl=None):
        try:
            return await fill()
        except Exception:
            return b""
"""
COUNTS_WRONG = """
    async def statistics(self, category=None):
        from weft.contracts.storage import Statistics
        return Statistics(entries=3, bytes=5)
"""
BROKEN = {
    "what_is_put_is_got": (PUT, PUT.replace("value,", "value or b'none',"), "get of an empty value"),
    "names_are_text_and_nothing_else": (PUT, PUT.replace("[key]", "[key.replace('..', '')]"), r"\.\./x"),
    "wrong_names_and_times_are_refused": (GET, GET.replace("check_entry(category, key)", "pass"), r"get\('', 'x'\)"),
    "an_entry_whose_time_is_over_is_not_there": (
        "expires = None if ttl is None else time.time() + ttl",
        "expires = None",
        "'brief', put with ttl=0.05, is there after",
    ),
    "a_list_is_in_order_and_of_a_prefix": (LIST, LIST.replace("sorted", "list"), "list: expected"),
    "purging_removes_what_is_over": ("purged += len(before) - len(left)", "purged += 7", "purge: expected 1"),
    "values_stream_in_and_out": (CLASS, CLASS + READS_WHOLE, "expected pieces of at most 65536 bytes"),
    "a_value_whose_last_piece_never_comes_is_not_kept": (CLASS, CLASS + KEEPS_A_PART, "get: expected b'old'"),
    "whoever_reads_sees_one_whole_value": (PUT, PUTS_IN_TWO, "found a mixture"),
    "a_source_is_asked_once": (CLASS, CLASS + FILLS_EACH, "how often the source was asked: expected 1, found 20"),
    "a_source_that_fails_fills_nothing": (CLASS, CLASS + FILLS_WITH_NOTHING, "expected the source's error, found none"),
    "it_counts_what_it_keeps": (CLASS, CLASS + COUNTS_WRONG, "entries: expected 2, found 3"),
}


PATIENCE = {"an_entry_whose_time_is_over_is_not_there": {"within": 0.5}}


@pytest.mark.parametrize("name", [check.__name__ for check in CHECKS])
def test_a_broken_promise_is_found(tmp_path, run, name):
    right, wrong, message = BROKEN[name]
    assert right in PLUGIN
    (tmp_path / "broken.py").write_text(PLUGIN.replace(right, wrong))
    check = next(each for each in CHECKS if each.__name__ == name)

    async def main():
        async with weft.Engine(tmp_path / "state") as engine:
            await engine.load(tmp_path / "broken.py")
            await check(engine.use(weft.Storage), **PATIENCE.get(name, {}))

    with pytest.raises((AssertionError, NotFound), match=message):
        run(main())


WITHOUT_LEASES = """
from weft.sdk.storage import Backend
from weft.sdk.storage.file import File

Metadata = {"Name": "Without leases", "Version": "1.0.0"}

class WithoutLeases(File):
    lease, release = Backend.lease, Backend.release

def InitializePlugin(ctx):
    ctx.register_storage_backend("without", lambda config: WithoutLeases(config, ctx.data_dir))
"""


@pytest.mark.parametrize("check", SHARED_CHECKS)
def test_a_source_that_two_processes_ask_is_found(tmp_path, run, check):
    (tmp_path / "without.py").write_text(WITHOUT_LEASES)

    async def main():
        async with weft.Engine(tmp_path / "state") as one, weft.Engine(tmp_path / "state") as other:
            for engine in (one, other):
                await engine.load(tmp_path / "without.py")
            await check(one.use(weft.Storage, "without"), other.use(weft.Storage, "without"))

    with pytest.raises(AssertionError, match="how often the source was asked: expected 1, found 2"):
        run(main())
