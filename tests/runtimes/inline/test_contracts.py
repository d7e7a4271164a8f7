"""Contracts of the host that an inline plugin provides: the object itself, and through the channel."""

from __future__ import annotations

import gc
import sys
import threading
import weakref
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Protocol

import pytest

from weft.contracts.declare import contract, contract_of
from weft.errors import ContractMismatch, StartFailed


@contract
class Shelf(Protocol):
    async def put(self, item: str) -> int: ...
    async def version(self) -> str: ...


@contract
class Clock(Protocol):
    zone: str

    async def now(self) -> float: ...


SHELF, CLOCK = contract_of(Shelf), contract_of(Clock)
PLUGIN = """
from .rest import VERSION

class Plugin:
    zone = "UTC"

    def __init__(self, context):
        self.context, self.items = context, []

    async def put(self, item):
        self.items.append(item)
        return len(self.items)

    async def version(self):
        from .late import late
        return late

    def now(self):
        return 1.5

    async def stop(self):
        assert self.context.stopping.is_set()
        self.items.append("stopped")
"""


def files(version="one", *, extra=""):
    return {
        "shelf_p/__init__.py": PLUGIN + extra,
        "shelf_p/rest.py": f"VERSION = {version!r}\n",
        "shelf_p/late.py": "from shelf_p.rest import VERSION as late\n",
    }


@pytest.fixture
def shelved(runtime, launch):
    """``async with shelved(folder) as instance``: a plugin that is told of the host's contract ``shelf``."""

    @asynccontextmanager
    async def start(folder, *, contracts=(SHELF,), **options):
        wanted = replace(launch(folder, "shelf_p:Plugin", **options), contracts=contracts)
        instance = await runtime.start(wanted, print)
        try:
            yield instance
        finally:
            await instance.stop(5)

    return start


def test_the_provider_is_the_plugins_own_object(run, folder, shelved):
    async def main():
        async with shelved(folder("a", files()), config={"depth": 3}) as instance:
            facts = instance.facts
            assert (facts.kind, facts.provides) == ("contract", ("shelf@1",))
            assert set(facts.described["shelf@1"]["methods"]) >= {"put", "version"}
            implementation = instance.direct("shelf@1").implementation
            its = implementation.provider
            assert type(its) is sys.modules["shelf_p"].Plugin
            assert its.context.config == {"depth": 3}
            assert await implementation.methods["put"].call("cup") == 1
            assert instance.direct("clock@1") is None
        assert its.items == ["cup", "stopped"]

    run(main())


def test_a_contract_can_be_told_of_later(run, folder, shelved):
    async def main():
        async with shelved(folder("a", files())) as instance:
            instance.bind(CLOCK)
            assert instance.facts.provides == ("shelf@1", "clock@1")
            assert instance.facts.constants["clock@1"] == {"zone": "UTC"}
            assert (
                instance.direct("clock@1").implementation.provider is instance.direct("shelf@1").implementation.provider
            )

    run(main())


def test_a_contract_that_it_does_not_provide_is_refused_with_its_name(run, folder, shelved):
    async def main():
        text = files(extra="\ndel Plugin.now, Plugin.zone\n")
        async with shelved(folder("a", text)) as instance:
            with pytest.raises(ContractMismatch, match=r"plugin shop 1\.0: (.|\n)*now"):
                instance.bind(CLOCK)
            assert instance.facts.provides == ("shelf@1",)
        with pytest.raises(StartFailed, match=r"plugin shop 1\.0: (.|\n)*clock@1"):
            async with shelved(folder("a", text), contracts=(CLOCK,)):
                pass
        assert "shelf_p" not in sys.modules

    run(main())


def test_an_upgrade_runs_beside_the_old_version_and_a_failed_one_leaves_it_whole(run, folder, shelved):
    async def versions(*instances):
        return [await each.direct("shelf@1").implementation.methods["version"].call() for each in instances]

    async def main():
        async with shelved(folder("one", files("one"))) as one:
            with pytest.raises(StartFailed, match="no good"):
                async with shelved(folder("bad", files("bad", extra="\nraise ValueError('no good')\n"))):
                    pass
            async with shelved(folder("two", files("two")), version="2.0") as two:
                assert await versions(one, two) == ["one", "two"]
                await one.stop(1)
                assert await versions(one, two) == ["one", "two"]
                assert sys.modules["shelf_p"].VERSION == "two"
        assert "shelf_p" not in sys.modules

    run(main())


@pytest.mark.parametrize("how", ["raise SystemExit(1)", "raise KeyboardInterrupt", "raise ValueError('bad end')"])
def test_a_plugin_that_stops_badly_is_stopped_and_told_of(run, folder, shelved, caplog, how):
    text = files(extra=f"\nasync def stop(self):\n    {how}\nPlugin.stop = stop\n")

    async def main():
        async with shelved(folder("a", text)) as instance:
            pass
        assert str(await instance.ended()) == "was stopped"

    run(main())
    assert "plugin shop 1.0 did not stop as it should" in caplog.text
    assert "shelf_p" not in sys.modules


def test_another_plugin_with_the_same_module_is_refused_both_named(run, folder, shelved):
    async def main():
        async with shelved(folder("one", files()), name="first"):
            reason = r"(?s)plugin second 1\.0: .*module shelf_p is one of plugin first 1\.0 too .*/one\): rename"
            with pytest.raises(StartFailed, match=reason):
                async with shelved(folder("two", files()), name="second"):
                    pass
        async with shelved(folder("two", files()), name="second"):
            pass

    run(main())


def test_loaded_and_unloaded_many_times_everything_is_gone(run, folder, shelved):
    where = folder("a", files())

    async def cycle():
        async with shelved(where) as instance:
            its = instance.direct("shelf@1").implementation.provider
            assert await instance.direct("shelf@1").implementation.methods["version"].call() == "one"
            return [weakref.ref(each) for each in (its, type(its), sys.modules["shelf_p.late"], instance)]

    async def main():
        cycles = [await cycle() for _ in range(20)]
        gc.collect()
        before = len(gc.get_objects())
        cycles += [await cycle() for _ in range(200)]
        for thread in threading.enumerate():
            if thread.name.startswith("import plugin"):  # it has done its work, and holds it until it has ended
                thread.join(10)
        gc.collect()
        after = len(gc.get_objects()) - sum(map(len, cycles))
        assert [each() for refs in cycles for each in refs] == [None] * 4 * 220
        assert after - before < 1000

    run(main())
