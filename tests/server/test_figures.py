"""What plugins do and use, in figures: of an engine with real plugins."""

from __future__ import annotations

import asyncio
import sys

import pytest

from weft.engine import Engine
from weft.errors import PluginError
from weft.server import figures, usage
from weft.server.calling import prepare
from weft.server.figures import Figures
from weft.server.front.traffic import Traffic

HELD = 48 * 1024 * 1024
SHELF = f"""
# /// script
# [tool.weft]
# provides = ["shelf"]
# ///
import time
HELD = []

class Plugin:
    async def burn(self, seconds: float) -> float:
        ends = time.process_time() + seconds
        while time.process_time() < ends:
            pass
        return seconds

    async def hold(self) -> None:
        HELD.append(bytearray(b"x" * {HELD}))

    async def fail(self) -> None:
        raise LookupError("no such book")
"""


@pytest.fixture
def shelf(tmp_path, run):
    """``shelf(test)``: runs ``test(engine, plugin, figures, traffic)``."""
    source = tmp_path / "shelf.py"
    source.write_text(SHELF)

    def within(test):
        async def main():
            async with Engine(tmp_path / "state", contracts=()) as engine:
                (plugin,) = await engine.load(source)
                traffic = Traffic("shelf")
                await test(engine, plugin, Figures(engine.plugins, {"shelf": traffic}.get), traffic)

        run(main())

    return within


@pytest.mark.skipif(sys.platform != "linux", reason="Linux alone tells what a process uses")
def test_memory_and_time_of_instances_draining_and_ended_ones_too(shelf, monkeypatch):
    monkeypatch.setattr(usage, "TICK", 0.0)

    async def test(engine, plugin, found, _traffic):
        assert found.of("shelf").memory == 0.0  # nobody has looked yet
        await found.usages.refresh("shelf")
        before = found.of("shelf")
        await prepare(plugin, "shelf.hold", []).result()
        await prepare(plugin, "shelf.burn", [0.4]).result()
        await found.usages.refresh()
        after = found.of("shelf")
        assert 0.9 * HELD < after.memory - before.memory < 1.5 * HELD
        assert after.cpu - before.cpu >= 0.35
        assert after.cpu_share > 0.3
        assert (after.processes, len(after.instances), after.instances[0].pid) == (1, 1, plugin.instances[0].pid)
        assert after.instances[0].peak_memory >= after.memory

        slow = asyncio.create_task(prepare(plugin, "shelf.burn", [0.5]).result())
        await asyncio.sleep(0.05)
        await engine.restart("shelf")
        await found.usages.tick()
        both = found.of("shelf")
        assert [each.draining for each in both.instances] == [False, True]
        assert both.memory > after.memory
        await slow
        while plugin.draining:
            await asyncio.sleep(0.01)
        await found.usages.tick()
        left = found.of("shelf")
        assert len(left.instances) == 1
        assert left.memory < after.memory
        assert left.cpu >= both.cpu  # it has only grown

    shelf(test)


@pytest.mark.skipif(sys.platform != "linux", reason="Linux alone tells what a process uses")
def test_a_close_look_is_taken_seldom(shelf, monkeypatch):
    looked = []
    plain = usage.family_memory
    monkeypatch.setattr(usage, "family_memory", lambda pid: looked.append(pid) or plain(pid))

    async def test(_engine, plugin, found, _traffic):
        for _ in range(3):
            await found.usages.tick()
            await found.usages.refresh()
            await found.usages.refresh("shelf")
        assert looked == [plugin.instances[0].pid]

    shelf(test)


def test_calls_and_those_that_failed(shelf):
    async def test(_engine, plugin, found, _traffic):
        await prepare(plugin, "shelf.burn", [0.0]).result()
        with pytest.raises(PluginError):
            await prepare(plugin, "shelf.fail", []).result()
        now = found.of("shelf")
        assert (now.calls, now.call_errors, now.requests) == (2, 1, 0)
        assert (now.rate, now.error_rate) == (pytest.approx(2 / 5, rel=0.1), pytest.approx(1 / 5, rel=0.1))

    shelf(test)


def test_rates_and_latencies_are_of_late(shelf, monkeypatch):
    monkeypatch.setattr(figures, "RATE_OVER", 0.0)

    async def test(_engine, _plugin, found, traffic):
        for seconds in (0.002,) * 98 + (0.9, 5.0):
            traffic.took(seconds)
            traffic.answered[2] += 1
        traffic.answered[5] += 1
        now = found.of("shelf")
        assert (now.requests, now.errors) == (101, {"answered": 1})
        assert (now.p50, now.p90) == (pytest.approx(0.002, rel=0.25), pytest.approx(0.002, rel=0.25))
        assert now.p99 == pytest.approx(0.9, rel=0.25)
        for _ in range(20):  # as many marks as are kept, and more
            found.mark()
        later = found.of("shelf")
        assert (later.rate, later.error_rate, later.p50) == (0.0, 0.0, None)
        assert later.requests == 101

    shelf(test)


def test_hits_of_limits_are_counted_by_limit(shelf):
    async def test(engine, _plugin, found, _traffic):
        engine.listen(found.accept)
        for limit in ("memory", "processes", "memory"):
            engine.emit("shelf", "limit", f"shelf reached limits.{limit}", limit=limit)
        assert found.of("shelf").limits == {"memory": 2, "processes": 1}
        assert found.of("other").limits == {}

    shelf(test)


def test_a_plugin_says_the_level_of_its_sandbox_and_one_that_does_not_run_has_none(shelf):
    async def test(engine, plugin, found, _traffic):
        assert found.of("shelf").sandbox == plugin.instances[0].instance.sandbox.level
        await engine.unload("shelf")
        gone = found.of("shelf")
        assert (gone.sandbox, gone.instances, gone.memory) == ("", (), 0.0)

    shelf(test)
