"""Every way in which an instance can fail: what the events say of it, and that another takes its place."""

from __future__ import annotations

import asyncio
import os
import signal
from typing import Protocol

import pytest

import weft
from weft.errors import WeftError
from weft.manifest.model import Provided
from weft.settings import SupervisionSettings

POLICY = SupervisionSettings(first_delay=0.01, ping_every=0.05, hung_in_call=0.3, hung_after=0.6)


@weft.contract(name="hostile_reader")
class Napper(Protocol):
    """What tests/plugins/reads_in_a_thread.py does in a thread."""

    async def nap(self, seconds: float) -> None: ...


def asking(target):
    """A request that nobody waits for long."""

    async def strike(_engine, plugin, get):
        with pytest.raises(WeftError):
            await get(plugin, target, within=0.3)

    return strike


async def napping(engine, plugin, get):
    """As many calls as it has threads, each for longer than ``limits.call``."""
    napper = engine.use(Napper, plugin.name)
    naps = await asyncio.gather(napper.nap(60), napper.nap(60), return_exceptions=True)
    assert all(isinstance(nap, WeftError) for nap in naps)


def sending(number):
    """A signal."""

    async def strike(_engine, plugin, _get):
        os.kill(plugin.instances[0].pid, number)

    return strike


CAUSES = {
    "exits with a code": ("exits_in_request", asking(b"/die"), "exit", 9, None, "exited with code 9"),
    "is killed": ("hello", sending(signal.SIGKILL), "signal", None, "SIGKILL", "was ended by SIGKILL"),
    "crashes": ("hello", sending(signal.SIGSEGV), "signal", None, "SIGSEGV", "was ended by SIGSEGV"),
    "exits with 0": ("exits_in_request", asking(b"/die?0"), "exit", 0, None, "exited with code 0"),
    "breaks the protocol": ("sends_garbage_frames", asking(b"/"), "broken", None, None, "broke the wire protocol"),
    "blocks its event loop": ("blocks_loop", asking(b"/block?60"), "hang", None, "SIGKILL", "hung and was ended"),
    "stands still": ("hello", sending(signal.SIGSTOP), "hang", None, "SIGKILL", "hung and was ended"),
    "has no thread left": ("reads_in_a_thread", napping, "hang", 0, None, "hung and exited with code 0"),
}
HANGS = {
    "blocks its event loop": "gave no sign of life for 0.3 s, while calls waited for it",
    "stands still": "gave no sign of life for 0.6 s",
    "has no thread left": "all its 2 threads are stuck in calls past their deadline",
}


@pytest.mark.parametrize("what", CAUSES)
def test_an_instance_that_fails_is_told_of_and_another_takes_its_place(run, engine, release, get, eventually, what):
    entry, strike, cause, code, name, words = CAUSES[what]

    async def main():
        async with engine(supervision=POLICY) as its:
            provides = (Provided("hostile_reader"),) if strike is napping else ()
            plugin = await its.run(release(entry, limits={"threads": 2, "call": 0.3}, provides=provides))
            told = []
            its.listen(told.append)
            first = plugin.instances[0]
            await strike(its, plugin, get)
            await eventually(lambda: plugin.instances and plugin.instances[0] is not first)
            lost = next(event for event in told if event.kind == "lost")
            assert words in lost.message
            assert lost.message.endswith("; the next start is in 0.01 s")
            assert (lost.data["cause"], lost.data["code"]) == (cause, code)
            assert lost.data["signal"] == name
            hung = [event.message for event in told if event.kind == "hung"]
            assert [HANGS[what] in each for each in hung] == [True] * (cause == "hang")
            assert (plugin.state, plugin.stats()["restarts"]) == ("running", 1)

    run(main())


def test_one_that_is_never_ready_again_is_quarantined(run, engine, release, get, eventually):
    async def main():
        policy = SupervisionSettings(first_delay=0.01, failures=3)
        async with engine(supervision=policy) as its:
            plugin = await its.run(release("never_ready_later", limits={"startup": 2.0}))
            told = []
            its.listen(told.append)
            await asking(b"/die")(its, plugin, get)
            await eventually(lambda: plugin.state == "quarantined", 30)
            failed = [event for event in told if event.kind == "start_failed"]
            assert [event.data["next_try"] for event in failed] == [0.02, None]
            assert all("was not ready within 2.0 s (limits.startup)" in event.message for event in failed)

    run(main())


def test_a_start_that_blocks_is_no_hang(run, engine, release, get, tmp_path):
    """However long it takes: ``limits.startup`` alone bounds it."""
    data = tmp_path / "data" / "shop"
    data.mkdir(parents=True)
    (data / "seconds").write_text(f"{2 * POLICY.hung_after}")

    async def main():
        async with engine(supervision=POLICY) as its:
            told = []
            its.listen(told.append)
            plugin = await its.run(release("blocks_at_init"))
            assert (await get(plugin), plugin.state) == (["awake"], "running")
            assert not {event.kind for event in told} & {"hung", "lost", "start_failed"}

    run(main())


@pytest.mark.parametrize("how", ["stop", "unload", "upgrade"])
def test_nothing_is_started_any_more_once_it_is_stopped_or_replaced(run, engine, release, get, eventually, how):
    """Neither while it waits for the next try, nor while that is under way."""

    async def main():
        async with engine(supervision=SupervisionSettings(first_delay=0.2)) as its:
            plugin = await its.run(release("never_ready_later"))
            kinds = []
            its.listen(lambda event: kinds.append(event.kind))
            await asking(b"/die")(its, plugin, get)
            await eventually(lambda: plugin.state == "recovering")
            if how == "unload":  # the start is under way, and never ends
                await asyncio.sleep(0.8)
            began = asyncio.get_running_loop().time()
            await (its.run(release(number=2)) if how == "upgrade" else getattr(its, how)("shop"))
            assert asyncio.get_running_loop().time() - began < 10
            await asyncio.sleep(0.5)
            assert plugin.state == ("running" if how == "upgrade" else "stopped")
            assert not {"restarted", "start_failed", "quarantined"} & set(kinds)
            assert not plugin.draining

    run(main())


def test_one_that_blocks_without_a_call_is_given_more_time(run, engine, release, get, eventually):
    """Its loop blocks for longer than an instance with calls may."""

    async def main():
        policy = SupervisionSettings(ping_every=0.05, hung_in_call=0.3, hung_after=30)
        async with engine(supervision=policy) as its:
            plugin = await its.run(release("blocks_loop"))
            first = plugin.instances[0]
            with pytest.raises(WeftError):
                await get(plugin, b"/block?1.5", within=0.01)
            assert not first.in_flight
            await asyncio.sleep(1.7)
            assert await get(plugin) == ["done"]
            assert plugin.instances == (first,)

    run(main())
