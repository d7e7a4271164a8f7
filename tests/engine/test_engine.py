"""The engine: releases start, take over, drain and end; nothing of them is left, and no call is lost."""

from __future__ import annotations

import asyncio
import os

import pytest

from weft.engine.drains import MOST_DRAINING
from weft.errors import Conflict, DrainEnded, NotInThisVersion, StartFailed, Unavailable, UnknownPlugin


def test_a_release_runs_and_ends_with_its_engine(run, engine, release, get):
    async def main():
        async with engine() as its:
            plugin = await its.run(release())
            assert (plugin.state, plugin.version, plugin.provides) == ("running", "1.1", ("web@1",))
            (instance,) = plugin.instances
            assert (instance.state, instance.release, instance.in_flight) == ("serving", 1, 0)
            assert await get(plugin) == ["1", str(instance.pid)]
            assert its.plugins == {"shop": plugin}
            stats = plugin.stats()
            assert stats["memory"] > 1_000_000
            assert (stats["in_flight"], stats["restarts"]) == (0, 0)
        assert plugin.state == "stopped"
        assert instance.state == "ended"

    run(main())


def test_no_call_is_lost_in_ten_swaps(run, engine, release, get):
    async def main():
        async with engine() as its:
            plugin = await its.run(release())
            over, begun_after = False, []

            async def client(target):
                seen = []
                while not over:
                    newest = plugin.release.number
                    number = int((await get(plugin, target))[0])
                    begun_after.append(number - newest)
                    seen.append(number)
                return seen

            clients = [asyncio.create_task(client(b"/slow?0.01" if each % 2 else b"/")) for each in range(8)]
            for number in range(2, 12):
                assert await its.run(release(number=number)) is plugin
                assert await get(plugin) == [str(number), str(plugin.instances[0].pid)]
            over = True
            for seen in await asyncio.gather(*clients):
                assert seen == sorted(seen)
            assert min(begun_after) >= 0, "an old release answered a call that was begun after the swap"

    run(main())


def test_calls_in_flight_finish_on_the_old_release(run, engine, release, get, eventually):
    async def main():
        async with engine() as its:
            plugin = await its.run(release())
            slow = asyncio.create_task(get(plugin, b"/gate"))
            await eventually(lambda: plugin.stats()["in_flight"])
            await its.run(release(number=2))
            assert (await get(plugin))[0] == "2"
            assert [(each.state, each.release) for each in plugin.draining] == [("draining", 1)]
            (plugin.release.data_dir / "open").touch()
            assert (await slow)[0] == "1"
            await eventually(lambda: not plugin.draining)

    run(main())


@pytest.mark.parametrize(
    "entry", ["syntax_error", "missing_package", "raises_at_init", "lifespan_failed", "never_ready"]
)
def test_a_release_that_does_not_start_leaves_the_old_one(run, engine, release, get, entry):
    async def main():
        async with engine() as its:
            plugin = await its.run(release())
            before = plugin.instances
            with pytest.raises(StartFailed):
                await its.run(release(entry, number=2, limits={"startup": 0.7 if entry == "never_ready" else 15.0}))
            assert (plugin.state, plugin.release.number, plugin.instances) == ("running", 1, before)
            assert (await get(plugin))[0] == "1"

    run(main())


def test_a_first_release_that_does_not_start_is_not_listed(run, engine, release):
    async def main():
        async with engine() as its:
            with pytest.raises(StartFailed):
                await its.run(release("raises_at_init"))
            assert its.plugins == {}
            with pytest.raises(UnknownPlugin, match=r"no plugin 'shop' \(loaded: none\)"):
                its.plugin("shop")

    run(main())


@pytest.mark.parametrize("hook", ["commit", "swap"])
def test_a_commit_or_swap_that_raises_leaves_the_old_release(run, engine, release, get, hook):
    async def main():
        async def commit(facts):
            assert facts.provides == ("web@1",)
            raise OSError("disk full")

        def swap():
            raise OSError("disk full")

        async with engine() as its:
            plugin = await its.run(release())
            with pytest.raises(OSError, match="disk full"):
                await its.run(release(number=2), **{hook: {"commit": commit, "swap": swap}[hook]})
            assert plugin.release.number == 1
            assert (await get(plugin))[0] == "1"

    run(main())


def test_commit_comes_before_swap_and_swap_with_the_reference(run, engine, release):
    async def main():
        async with engine() as its:
            plugin = await its.run(release())
            order = []

            async def commit(facts):
                order.append(("commit", plugin.release.number))

            def swap():
                order.append(("swap", plugin.release.number))
                asyncio.get_running_loop().call_soon(lambda: order.append(("next turn", plugin.release.number)))

            await its.run(release(number=2), commit=commit, swap=swap)
            await asyncio.sleep(0)
            assert order == [("commit", 1), ("swap", 1), ("next turn", 2)]

    run(main())


def test_an_instance_lost_during_the_commit_is_restarted(run, engine, release, get, eventually):
    async def main():
        async with engine() as its:
            pids = []

            async def commit(facts):
                crew = next(iter(crews))
                pids.append(crew.live[0].pid)
                os.kill(pids[0], 9)
                await eventually(lambda: not crew.live)

            crews = []
            make = its._crew
            its._crew = lambda *args: crews.append(make(*args)) or crews[-1]
            plugin = await its.run(release(), commit=commit)
            await eventually(lambda: plugin.instances)
            assert plugin.state == "running"
            assert int((await get(plugin))[1]) != pids[0]

    run(main())


def test_a_second_change_at_the_same_time_is_a_conflict(run, engine, release, get):
    async def main():
        async with engine() as its:
            plugin = await its.run(release())
            gate = asyncio.Event()

            async def commit(facts):
                await gate.wait()

            first = asyncio.create_task(its.run(release(number=2), commit=commit))
            await asyncio.sleep(0)
            for attempt in (its.run(release(number=3)), its.stop("shop"), its.restart("shop"), its.unload("shop")):
                with pytest.raises(Conflict, match="already being updated") as caught:
                    await attempt
                assert caught.value.plugin == "shop"
            gate.set()
            assert await first is plugin
            assert (await get(plugin))[0] == "2"

    run(main())


def test_a_cancelled_run_leaves_the_old_release(run, engine, release, get):
    async def main():
        async with engine() as its:
            plugin = await its.run(release())
            reached = asyncio.Event()

            async def commit(facts):
                reached.set()
                await asyncio.Event().wait()

            deploying = asyncio.create_task(its.run(release(number=2), commit=commit))
            await reached.wait()
            deploying.cancel()
            with pytest.raises(asyncio.CancelledError):
                await deploying
            assert (await get(plugin))[0] == "1"
            await its.run(release(number=3))
            assert (await get(plugin))[0] == "3"

    run(main())


def test_stopped_started_restarted_and_unloaded(run, engine, release, get):
    async def main():
        async with engine() as its:
            plugin = await its.run(release())
            first = plugin.instances[0].pid
            await its.restart("shop")
            assert plugin.instances[0].pid != first
            await its.stop("shop")
            await its.stop("shop")
            assert (plugin.state, plugin.instances, plugin.provides) == ("stopped", (), ())
            with pytest.raises(Unavailable, match="plugin shop is stopped"):
                plugin.pick()
            await its.restart("shop")
            assert (plugin.state, (await get(plugin))[0]) == ("running", "1")
            await its.unload("shop")
            assert its.plugins == {}
            for gone in (its.stop("shop"), its.restart("shop"), its.unload("shop")):
                with pytest.raises(UnknownPlugin):
                    await gone

    run(main())


def test_a_stop_that_nobody_waits_for_still_ends(run, engine, release, get, eventually):
    async def main():
        async with engine() as its:
            plugin = await its.run(release())
            slow = asyncio.create_task(get(plugin, b"/slow?0.3"))
            await eventually(lambda: plugin.stats()["in_flight"])
            stopping = asyncio.create_task(its.stop("shop"))
            await eventually(lambda: plugin.draining)
            stopping.cancel()
            await asyncio.gather(stopping, return_exceptions=True)
            assert (await slow)[0] == "1"
            await eventually(lambda: not plugin.draining)
            assert plugin.state == "stopped"
            await its.run(release(number=2))

    run(main())


def test_the_end_of_the_drain_ends_what_is_left(run, engine, release, get, eventually):
    async def main():
        async with engine() as its:
            plugin = await its.run(release(limits={"drain": 0.2}))
            endless = asyncio.create_task(get(plugin, b"/slow?60"))
            await eventually(lambda: plugin.stats()["in_flight"])
            await its.run(release(number=2))
            with pytest.raises(DrainEnded, match=r"shop#1 was replaced or stopped, and limits\.drain ran out"):
                await endless
            await eventually(lambda: not plugin.draining)

    run(main())


def test_past_the_most_draining_the_oldest_is_ended(run, engine, release, get, eventually):
    async def main():
        async with engine() as its:
            endless = []
            for number in range(1, MOST_DRAINING + 3):
                plugin = await its.run(release(number=number, limits={"drain": 60.0}))
                endless.append(asyncio.create_task(get(plugin, b"/slow?60", 60)))
                await eventually(lambda plugin=plugin: plugin.stats()["in_flight"])
            with pytest.raises(DrainEnded):
                await endless[0]
            await eventually(lambda: len(plugin.draining) == MOST_DRAINING)
            assert [each.release for each in plugin.draining] == list(range(2, MOST_DRAINING + 2))
            assert not any(each.done() for each in endless[1:])
            for each in endless:
                each.cancel()
            await asyncio.gather(*endless, return_exceptions=True)

    run(main())


def test_the_instance_with_the_fewest_calls_is_picked(run, engine, release, get, eventually):
    async def main():
        async with engine() as its:
            plugin = await its.run(release(instances=2))
            busy, idle = plugin.instances
            slow = [asyncio.create_task(get(plugin, b"/slow?0.3")) for _ in range(6)]
            await eventually(lambda: busy.in_flight == idle.in_flight == 3)
            served = {int(answer[1]) for answer in await asyncio.gather(*slow)}
            assert served == {busy.pid, idle.pid}
            await its.run(release(number=2, instances=2))
            assert {each.release for each in plugin.instances} == {2}

    run(main())


def test_a_runtime_of_a_later_version_is_refused_by_name(run, engine, release):
    async def main():
        async with engine() as its:
            with pytest.raises(NotInThisVersion, match="runtime wasm: not in this version"):
                await its.run(release(runtime="wasm"))
            assert its.plugins == {}

    run(main())


def test_output_is_told_with_the_plugins_name(run, engine, release, eventually):
    async def main():
        told = []
        async with engine(output=lambda name, line: told.append((name, line.text))) as its:
            await its.run(release("noisy"))
            await eventually(lambda: ("shop", "plain words") in told)

    run(main())
