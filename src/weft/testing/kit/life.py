"""The life of plugins: settings, upgrades, hooks, plugins that call each other, and what a crash leaves."""

# ruff: noqa: ASYNC110 (a test waits for what another process does: there is no event for it)
from __future__ import annotations

import asyncio
import os

import pytest

from weft.errors import InstanceLost, PluginError, Unavailable
from weft.testing.kit.contracts import Calls, Chain, Peer
from weft.testing.kit.running import Bench, Conformance, conforms


class LifeConformance(Conformance):
    """Settings, the data folder, the end."""

    @conforms("life")
    async def test_configuration_and_data_folder_are_its_own_and_kept(self, bench: Bench) -> None:
        plugin = await bench.use(Calls, config={"title": "given"})
        facts = await plugin.facts()
        assert plugin.title == "given"
        assert (facts["name"], facts["version"], facts["config"]) == ("calls", "1.0.0", {"title": "given"})
        assert facts["before"] == ""
        await bench.engine.upgrade("calls", bench.write("calls", version="1.1.0"))
        facts = await plugin.facts()
        assert (facts["version"], facts["config"], facts["before"]) == ("1.1.0", {"title": "given"}, "1.0.0")

    @conforms("life")
    async def test_it_is_stopped_once_calls_have_finished(self, bench: Bench) -> None:
        plugin = await bench.use(Calls)
        waiting = asyncio.create_task(plugin.hang())
        while not await plugin.begun():
            await asyncio.sleep(0)
        unloading = asyncio.create_task(bench.engine.unload("calls"))
        stopped = bench.engine.state / "data" / "calls" / "stopped"
        assert not stopped.exists()
        waiting.cancel()
        await unloading
        assert stopped.read_text() == "1.0.0"
        with pytest.raises(Unavailable):
            await plugin.join("a")

    @conforms("own environment")
    async def test_variables_output_and_process_are_its_own(self, bench: Bench) -> None:
        plugin = await bench.use(Calls, env={"KIT_VARIABLE": "set"})
        facts = await plugin.facts()
        assert facts["variable"] == "set"
        assert facts["pid"] != os.getpid()
        assert bench.engine.plugin("calls").stats()["memory"] > 0
        async with asyncio.timeout(10):
            while "facts were asked for" not in bench.lines:
                await asyncio.sleep(0.01)

    @conforms("isolation")
    async def test_a_crash_ends_its_calls_and_it_is_started_again(self, bench: Bench) -> None:
        plugin = await bench.use(Calls)
        other = bench.engine.use(Calls, (await bench.load("calls", "other")).name)
        hanging = asyncio.create_task(plugin.hang())
        with pytest.raises(InstanceLost, match="plugin calls"):
            await plugin.die()
        with pytest.raises(InstanceLost, match="plugin calls"):
            await hanging
        assert await other.join("a") == "a-right"
        async with asyncio.timeout(20):
            while bench.engine.plugin("calls").stats()["restarts"] == 0:
                await asyncio.sleep(0.01)
        assert await plugin.join("a") == "a-right"


class UpgradesConformance(Conformance):
    """Upgrades under calls."""

    @conforms("upgrades")
    async def test_an_upgrade_under_calls_loses_none(self, bench: Bench) -> None:
        plugin = await bench.use(Calls)
        over = False

        async def call() -> int:
            done = 0
            while not over:
                assert await plugin.join(str(done)) == f"{done}-right"
                done += 1
                await asyncio.sleep(0.001)  # inline, nothing else would let the threads of the upgrade work
            return done

        old = asyncio.create_task(plugin.meet(1, 2))
        callers = [asyncio.create_task(call()) for _ in range(8)]
        for version in ("1.1.0", "1.2.0"):
            await bench.engine.upgrade("calls", bench.write("calls", version=version))
            assert plugin.title == version
        over = True
        assert min(await asyncio.gather(*callers)) > 0
        assert not old.done()  # it waits where it began
        old.cancel()

    @conforms("upgrades")
    async def test_an_upgrade_that_fails_leaves_the_old_one(self, bench: Bench) -> None:
        plugin = await bench.use(Calls)
        broken = bench.write("calls", version="2.0.0")
        (broken / "kit_calls.py").write_text("raise RuntimeError('not this one')\n")
        with pytest.raises(PluginError, match="not this one"):
            await bench.engine.upgrade("calls", broken)
        assert await plugin.join("a") == "a-right"
        assert plugin.title == "1.0.0"


class TogetherConformance(Conformance):
    """Several plugins: hooks, and calls from one to another."""

    @conforms("hooks")
    async def test_a_chain_goes_across_runtimes_in_order(self, bench: Bench) -> None:
        await bench.load("hooks", "last", more="order: {after: [first, partner]}\n")
        await bench.load("hooks", "partner")
        await bench.load("hooks", "first", more="order: {priority: -1}\n")
        hooks = bench.engine.hooks(Chain)
        assert await hooks.names() == ["first", "partner", "last"]
        assert await hooks.through("by") == "by first partner last"
        assert await hooks.through("leave it") == "leave it"
        assert [await hooks.chosen(name) for name in ("partner", "nobody")] == ["I am partner", None]
        assert await hooks.told("this") is None
        assert [await each.heard() for each in bench.engine.all(Chain).values()] == [["this"]] * 3

    @conforms("peers")
    async def test_plugins_call_each_other_and_back_without_deadlock(self, bench: Bench) -> None:
        await bench.load("peers", "partner", more="permissions: {plugins: [one]}\n")
        await bench.load("peers", "one", more="permissions: {plugins: [partner]}\n")
        one = bench.engine.use(Peer, "one")
        asked = [one.ask("partner", depth) for depth in (1, 2, 5)]
        expected = [["one", "partner"], ["one", "partner", "one"], ["one", "partner"] * 3]
        assert await asyncio.gather(*asked) == expected

    @conforms("peers")
    async def test_a_plugin_calls_no_other_without_leave(self, bench: Bench) -> None:
        await bench.load("peers", "partner")
        await bench.load("peers", "one")
        with pytest.raises(PluginError, match=r"one may not call plugin partner.*permissions\.plugins"):
            await bench.engine.use(Peer, "one").ask("partner", 1)
