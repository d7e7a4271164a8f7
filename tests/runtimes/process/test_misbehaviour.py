"""Plugins that behave badly while they run: only their own calls suffer, and nothing of them is left."""

from __future__ import annotations

import asyncio
import errno
import os
import resource
import sys
from pathlib import Path

import pytest

from weft.errors import DeadlineExceeded, InstanceLost, ProtocolError

USUAL, ROOMY = 1024, 4096
"""Open files: as many as a plugin may have, and a host that asks for no more; what a host must be allowed to have."""


def exists(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    stat = Path(f"/proc/{pid}/stat").read_text()
    return stat.rpartition(")")[2].split()[0] != "Z"


async def gone(pid, seconds=5):
    async with asyncio.timeout(seconds):
        while exists(pid):
            await asyncio.sleep(0.01)


def test_a_flood_of_output_is_bounded_and_counted(run, started, get):
    async def main():
        async with started("floods_stdout") as (flood, lines), started("hello") as (other, _):
            flooding = asyncio.create_task(get(flood, b"/flood?64", timeout=50))
            answers = 0
            while not flooding.done():
                assert (await get(other))[0] == 200
                assert (await get(flood))[0] == 200
                answers += 1
                await asyncio.sleep(0)
            assert (await flooding)[1] == b"done"
            assert answers > 0
        assert sum(len(line.text) for line in lines) < 16 * 1024 * 1024
        dropped = [line for line in lines if "were dropped" in line.text]
        assert dropped
        assert {line.level for line in dropped} == {"warning"}

    run(main())


def test_one_that_blocks_its_loop_misses_its_deadlines_alone(run, started, get):
    async def main():
        async with started("blocks_loop") as (blocked, lines), started("hello") as (other, _):
            blocking = asyncio.create_task(get(blocked, b"/block?0.5"))
            await lines.until("blocking")
            with pytest.raises(DeadlineExceeded):
                await get(blocked, timeout=0.05)
            with pytest.raises(DeadlineExceeded):
                await blocked.ping(0.05)
            assert (await get(other))[0] == 200
            assert (await blocking)[1] == b"done"
            assert (await get(blocked))[1] == b"done"
            await blocked.ping(5)

    run(main())


def test_one_that_never_answers_can_be_stopped(run, started, get):
    async def main():
        async with started("never_answers") as (instance, _):
            with pytest.raises(DeadlineExceeded):
                await get(instance, timeout=0.05)
            waiting = asyncio.create_task(get(instance))
            await asyncio.sleep(0)
        assert (await waiting)[0] == 500
        assert str(await instance.ended()) == "exited with code 0"

    run(main())


def test_one_that_calls_sys_exit_in_a_request_fails_that_request_alone(run, started, get):
    async def main():
        async with started("exits_in_request") as (instance, lines):
            assert (await get(instance, b"/exit"))[0] == 500
            await lines.until("SystemExit: 4")
            assert (await get(instance))[0] == 200

    run(main())


def test_one_that_exits_in_a_request_loses_its_calls(run, started, get):
    async def main():
        async with started("exits_in_request") as (instance, _):
            assert (await get(instance))[0] == 200
            with pytest.raises(InstanceLost) as caught:
                await get(instance, b"/die")
            assert caught.value.plugin == "exits_in_request"
            assert str(await instance.ended()) == "exited with code 9"

    run(main())


def test_one_that_sends_no_frames_is_ended(run, started, get):
    async def main():
        async with started("sends_garbage_frames") as (instance, _):
            with pytest.raises(ProtocolError, match="broke the wire protocol"):
                await get(instance)
            assert "broke the wire protocol" in str(await instance.ended())
            assert not exists(instance.pid)

    run(main())


def test_one_that_sends_more_values_than_its_host_can_hold_is_ended(run, started, get):
    async def main():
        async with started("sends_tiny_values") as (instance, _):
            with pytest.raises(ProtocolError, match="broke the wire protocol: values in one are over the limit"):
                await get(instance)
            assert "over the limit" in str(await instance.ended())
            assert not exists(instance.pid)

    run(main())


def test_what_a_plugin_started_ends_with_it(run, started, get, below):
    async def main():
        async with started("orphans") as (instance, _):
            assert [await get(instance) for _ in range(2)] == [(200, b"started")] * 2
            children = [process.pid for process in below(instance.pid)]
            assert len(children) == 2
        for pid in children:
            await gone(pid)

    run(main())


def test_what_a_plugin_started_ends_with_its_crash(run, started, get, below):
    async def main():
        async with started("orphans") as (instance, _):
            assert await get(instance) == (200, b"started")
            (child,) = [process.pid for process in below(instance.pid)]
            os.kill(instance.pid, 9)
            assert str(await instance.ended()) == "was ended by SIGKILL"
            await gone(child)

    run(main())


def test_one_that_ignores_its_stop_is_killed(run, started, get):
    async def main():
        async with started("ignores_stop") as (instance, _):
            assert (await get(instance))[0] == 200
            await asyncio.gather(instance.stop(0.1), instance.stop(0.1))
            assert str(await instance.ended()) == "was ended by SIGKILL"
            assert not exists(instance.pid)

    run(main())


@pytest.mark.parametrize("target", [b"/", b"/escape"])
def test_a_fork_that_holds_the_wire_does_not_keep_calls_waiting(run, started, get, target):
    async def main():
        async with started("forks_with_wire_open") as (instance, _):
            with pytest.raises(InstanceLost):
                await get(instance, target, timeout=1.5)
            assert str(await instance.ended()) == "exited with code 5"

    run(main())


def test_headers_larger_than_a_frame_are_the_applications_error(run, started, get):
    async def main():
        async with started("huge_headers") as (instance, lines):
            assert (await get(instance))[0] == 500
            assert await get(instance, b"/small") == (200, b"done")
            await lines.until("the application raised while it served /")

    run(main())


@pytest.mark.skipif(sys.platform != "linux", reason="Linux counts the descriptors that a user has underway")
def test_descriptors_that_one_leaves_underway_keep_no_other_from_starting(run, started, get):
    async def main():
        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        if most < ROOMY:
            pytest.skip(f"this machine lets a process have {most} open files, which is no more than a plugin's")
        async with started("keeps_descriptors_underway") as (full, _):
            assert (await get(full))[1] == os.strerror(errno.ETOOMANYREFS).encode()
            async with started("hello") as (other, _):
                assert (await get(other))[0] == 200

    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(USUAL, before[1]), before[1]))
    try:
        run(main())
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
