"""Instances that are lost: started again, with patience that ends; and a host that is killed."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weft.engine.backoff import Backoff
from weft.errors import InstanceLost, Unavailable
from weft.settings import SupervisionSettings

SOON = SupervisionSettings(first_delay=0.01)
HOST = Path(__file__).parents[1] / "plugins" / "hosts" / "killed_host.py"


def test_waits_begin_with_a_second_and_double_and_the_fifth_failure_is_the_last():
    backoff = Backoff(SupervisionSettings())
    assert [backoff.failed(1.0) for _ in range(5)] == [1.0, 2.0, 4.0, 8.0, None]


def test_waits_grow_to_a_minute():
    backoff = Backoff(SupervisionSettings(failures=10_000))
    waits = [backoff.failed(1.0) for _ in range(9_000)]
    assert waits[:8] == [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0]
    assert set(waits[8:]) == {60.0}


def test_an_instance_that_lived_long_is_forgiven():
    backoff = Backoff(SupervisionSettings())
    for _ in range(4):
        backoff.failed(59.0)
    assert backoff.failed(60.0) == 1.0


@given(st.lists(st.floats(0, 200), max_size=60), st.builds(SupervisionSettings, failures=st.integers(1, 9)))
def test_waits_are_bounded_and_giving_up_takes_a_row_of_failures(lives, policy):
    backoff, row = Backoff(policy), 0
    for lived in lives:
        row = 1 if lived >= policy.healthy_after else row + 1
        delay = backoff.failed(lived)
        assert (delay is None) == (row >= policy.failures)
        assert delay is None or policy.first_delay <= delay <= policy.longest_delay


def test_a_listener_that_raises_stops_no_restart(run, engine, release, get, eventually, caplog):
    def broken(event):
        raise LookupError(event.kind)

    async def main():
        async with engine() as its:
            plugin = await its.run(release("exits_in_request"))
            first = plugin.instances[0]
            its.listen(broken)
            with pytest.raises(InstanceLost):
                await get(plugin, b"/die")
            await eventually(lambda: plugin.instances and plugin.instances[0] is not first)
        assert "a listener raised when it was told of lost" in caplog.messages

    run(main())


def test_what_the_system_refuses_a_restart_is_told_and_it_is_tried_again(run, engine, release, get, eventually):
    async def main():
        async with engine() as its:
            shop = release("exits_in_request")
            plugin = await its.run(shop)
            told = []
            its.listen(told.append)
            kept = shop.data_dir.rename(shop.data_dir.with_name("kept"))
            shop.data_dir.write_text("a file where its folder was")
            with pytest.raises(InstanceLost):
                await get(plugin, b"/die")
            await eventually(lambda: "start_failed" in [event.kind for event in told])
            assert "the host could not start it: " in next(e.message for e in told if e.kind == "start_failed")
            shop.data_dir.unlink()
            kept.rename(shop.data_dir)
            await eventually(lambda: plugin.state == "running")

    run(main())


def test_a_lost_instance_is_started_again(run, engine, release, get, eventually):
    async def main():
        async with engine() as its:
            plugin = await its.run(release("exits_in_request"))
            kinds = []
            its.listen(lambda event: kinds.append(event.kind))
            first = plugin.instances[0]
            with pytest.raises(InstanceLost):
                await get(plugin, b"/die")
            await eventually(lambda: plugin.instances and plugin.instances[0] is not first)
            assert first.state == "ended"
            assert plugin.state == "running"
            assert plugin.stats()["restarts"] == 1
            assert int((await get(plugin))[0]) == plugin.instances[0].pid
            assert kinds == ["lost", "restarted"]

    run(main())


def test_the_event_of_a_loss_has_all_that_is_known_of_it(run, engine, release, get, eventually):
    async def main():
        async with engine(supervision=SOON) as its:
            shop = release("crashes_at_start_later", number=7)
            plugin = await its.run(shop)
            told = {}
            its.listen(lambda event: told.setdefault(event.kind, event))
            with pytest.raises(InstanceLost):
                await get(plugin)
            await eventually(lambda: "start_failed" in told)
            lost, failed = told["lost"], told["start_failed"]
            assert lost.message == "an instance exited with code 3; the next start is in 0.01 s"
            assert lost.data["tail"][-1] == "breaks now"
            assert "RuntimeError: broken for good" in failed.data["tail"][-1]
            assert (lost.data["code"], lost.data["signal"], lost.data["limit"]) == (3, None, None)
            for event in (lost, failed):
                known = (event.plugin, event.data["version"], event.data["release"], event.data["digest"])
                assert known == ("shop", "1.7", 7, shop.digest)
                assert event.data["next_try"] > 0
                assert event.data["restarts"] == 0
            assert (lost.data["cause"], failed.data["cause"]) == ("exit", "start")
            await its.unload("shop")

    run(main())


def test_one_of_two_lost_leaves_the_other_answering(run, engine, release, get, eventually):
    async def main():
        async with engine() as its:
            plugin = await its.run(release(instances=2))
            states = []
            its.listen(lambda _event: states.append(plugin.state))
            lost, other = plugin.instances
            os.kill(lost.pid, signal.SIGKILL)
            await eventually(lambda: lost not in plugin.instances)
            assert plugin.state == "degraded"
            assert int((await get(plugin))[1]) == other.pid
            await eventually(lambda: len(plugin.instances) == 2)
            assert plugin.state == "running"
            for each in plugin.instances:
                os.kill(each.pid, signal.SIGKILL)
            await eventually(lambda: plugin.state == "recovering" or plugin.stats()["restarts"] == 3)
            await eventually(lambda: plugin.stats()["restarts"] == 3)
            assert plugin.state == "running"

    run(main())


@pytest.mark.parametrize("instances", [1, 2])
def test_one_that_cannot_be_started_again_is_quarantined(run, engine, release, get, eventually, instances):
    async def main():
        async with engine(supervision=SOON) as its:
            plugin = await its.run(release("crashes_at_start_later", instances=instances))
            told, events = [], []
            its.listen(lambda event: told.append(event.kind))
            its.listen(lambda event: events.append(event) if event.kind == "quarantined" else None)
            for member in plugin.instances:
                with pytest.raises(InstanceLost):
                    await member.channel.call("web.request", ["GET", b"/", [], "http", "1.1", None, None, b""])
            await eventually(lambda: plugin.state == "quarantined")
            assert (told.count("quarantined"), told.count("lost")) == (instances, instances)
            assert told.count("start_failed") == instances * 4
            *some, last = events
            assert all(
                each.message.startswith(f"one of {instances} instances of shop#1 is quarantined") for each in some
            )
            assert last.message.startswith("shop#1 is quarantined after 5 failures in a row, at last: ")
            assert "broken for good" in last.message
            assert "weft restart shop" in last.message
            assert (last.data["left"], last.data["settled"], last.data["cause"]) == (0, False, "start")
            with pytest.raises(Unavailable, match="plugin shop is quarantined: .*broken for good") as caught:
                plugin.pick()
            assert caught.value.retry_after > 1
            await its.run(release(number=2))
            assert (plugin.state, (await get(plugin))[0]) == ("running", "2")

    run(main())


def test_a_lost_instance_is_not_started_again_while_its_plugin_stops(run, engine, release, eventually, get):
    async def main():
        async with engine() as its:
            plugin = await its.run(release())
            slow = asyncio.create_task(get(plugin, b"/slow?60", 60))
            await eventually(lambda: plugin.stats()["in_flight"])
            pid = plugin.instances[0].pid
            stopping = asyncio.create_task(its.stop("shop"))
            await eventually(lambda: plugin.draining)
            os.kill(pid, signal.SIGKILL)
            with pytest.raises(InstanceLost):
                await slow
            await stopping
            assert (plugin.state, plugin.instances) == ("stopped", ())

    run(main())


def test_events_tell_a_life_in_order(run, engine, release):
    async def main():
        async with engine() as its:
            stream = its.events()
            first = asyncio.create_task(anext(stream))
            await asyncio.sleep(0)
            await its.run(release())
            await its.unload("shop")
            kinds = [(await first).kind]
            while kinds[-1] != "unloaded":
                event = await asyncio.wait_for(anext(stream), 5)
                assert event.plugin == "shop"
                kinds.append(event.kind)
            assert kinds == ["starting", "running", "draining", "drained", "stopped", "unloaded"]
            await stream.aclose()

    run(main())


def test_a_listener_that_does_not_listen_loses_the_oldest(run):
    from weft.engine.events import Events
    from weft.engine.followers import BEHIND

    async def main():
        events = Events()
        stream = events.stream()
        first = asyncio.create_task(anext(stream))
        await asyncio.sleep(0)
        for number in range(BEHIND + 10):
            events.emit("shop", "tick", str(number), number=number)
        got = [await first]
        await asyncio.sleep(0)
        for _ in range(BEHIND - 1):
            got.append(await anext(stream))
        numbers = [event.data["number"] for event in got]
        assert numbers == sorted(numbers)
        assert numbers[-1] == BEHIND + 9
        assert len(numbers) == BEHIND
        await stream.aclose()

    run(main())


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="reads /proc")
def test_a_killed_host_takes_its_plugins_along_though_they_block(run, tmp_path, eventually):
    def exists(pid):
        try:
            return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
        except (FileNotFoundError, ProcessLookupError):
            return False

    async def main():
        host = await asyncio.create_subprocess_exec(sys.executable, HOST, tmp_path, stdout=asyncio.subprocess.PIPE)
        try:
            pid = int(await host.stdout.readline())
            assert await host.stdout.readline() == b"blocking\n"
            assert exists(pid)
        finally:
            host.kill()
            await host.communicate()
        await eventually(lambda: not exists(pid), 5)

    run(main())
