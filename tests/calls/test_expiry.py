"""Calls that take too long, whatever they do meanwhile."""

from __future__ import annotations

import asyncio
import time

import pytest

from weft.calls.expiry import Expiry
from weft.errors import DeadlineExceeded


@pytest.mark.parametrize("timeout", [0.4, 1.0])
def test_items_alone_lift_no_limit(run, channel, provider, recording, timeout):
    async def main():
        async with channel(provider.methods) as its:
            caller = recording()
            caller.hand = its.open("count", [10**9, 100], caller, timeout=timeout)
            error = await caller.over()
            assert isinstance(error, DeadlineExceeded)
            assert f"did not answer count within {timeout:g} s" in str(error)
            assert "item" in caller.kinds()
            assert its.in_flight == 0

    run(main())


def test_an_answer_that_has_begun_is_not_cut(run, channel, provider, recording):
    async def main():
        async with channel(provider.methods) as its:
            caller = recording(grants=False)
            call = its.open("count", [40, 32 * 1024], caller, timeout=1)
            await caller.until(lambda: "item" in caller.kinds())
            call.began()
            await asyncio.sleep(1.2)
            assert its.in_flight == 1
            call.cancel()

    run(main())


def test_a_shorter_limit_is_looked_after_sooner_than_a_longer_one(run, channel, provider):
    async def main():
        async with channel(provider.methods) as its:
            long = asyncio.create_task(its.call("hold", timeout=60))
            await asyncio.sleep(0)
            began = asyncio.get_running_loop().time()
            with pytest.raises(DeadlineExceeded):
                await its.call("hold", timeout=0.05)
            assert 0.05 <= asyncio.get_running_loop().time() - began < 2
            assert not long.done()
            long.cancel()

    run(main())


def test_a_call_has_all_its_time_after_a_host_that_let_no_loop_run(run):
    async def main():
        expiry = Expiry(tuple)
        expiry.after(60)
        time.sleep(0.4)  # noqa: ASYNC251 (a host that computes)
        began = time.monotonic()
        assert expiry.after(60) >= began + 60
        expiry.stop()

    run(main())
