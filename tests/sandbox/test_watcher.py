"""Instances that go past their limits, watched as a host watches them: real processes, with and without cgroups."""

from __future__ import annotations

import asyncio
import os
import resource
import signal
import subprocess
import textwrap
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weft.sandbox.families import Family, look_at, measure
from weft.sandbox.limits import Allowed, LimitHit
from weft.sandbox.machine import unwatched
from weft.sandbox.processes import children, every_stat, parse_stat, read_stat
from weft.sandbox.watcher import Watcher

MIB = 1 << 20
ALLOWED = Allowed(memory=512 * MIB, processes=64, disk=1024 * MIB)


@asynccontextmanager
async def _watched(*watches: tuple[str, int, dict]) -> AsyncIterator[tuple[Watcher[str], asyncio.Queue]]:
    """A running watcher of those, and a queue of (key, hit)."""
    told: asyncio.Queue[tuple[str, LimitHit]] = asyncio.Queue()
    watcher: Watcher[str] = Watcher(lambda key, hit: told.put_nowait((key, hit)))
    for key, pid, options in watches:
        watcher.watch(key, pid, **{"allowed": ALLOWED, **options})
    task = asyncio.create_task(watcher.run())
    try:
        yield watcher, told
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert task.cancelled()


def _go(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()


def test_more_memory_than_allowed_is_told_of_that_instance_alone(run, start) -> None:
    bomb = start("import time\nheld = bytearray(150 << 20)\ntime.sleep(60)")
    quiet = start("import time\ntime.sleep(60)")
    allowed = Allowed(memory=100 * MIB, processes=64, disk=MIB)

    async def main() -> None:
        options = {"allowed": allowed}
        async with _watched(("bomb", bomb.pid, options), ("quiet", quiet.pid, options)) as (_watcher, told):
            _go(bomb)
            _go(quiet)
            key, hit = await told.get()
            assert (key, hit.limit, hit.allowed, hit.ends) == ("bomb", "memory", 100 * MIB, True)
            assert 100 * MIB < hit.figure <= 180 * MIB
            await asyncio.sleep(2.5)
            assert told.empty()  # once is enough

    run(main())


FORKS = """
import os, time
for _ in range(5):
    if os.fork() == 0:
        os.setsid()
        time.sleep(60)
        os._exit(0)
print("forked", flush=True)
time.sleep(60)
"""


def test_more_processes_than_allowed_are_told(run, start) -> None:
    process = start(FORKS)
    allowed = Allowed(memory=512 * MIB, processes=5, disk=MIB)

    async def main() -> None:
        async with _watched(("forks", process.pid, {"allowed": allowed})) as (_watcher, told):
            _go(process)
            key, hit = await told.get()
            assert (key, str(hit)) == (
                "forks",
                "had 6 processes (limits.processes is 5): raise limits.processes, or look for what starts them",
            )

    try:
        run(main())
    finally:
        _end(Family(process.pid))


def _end(family: Family) -> None:
    for stat in look_at([family])[0]:
        os.kill(stat.pid, signal.SIGKILL)


def test_more_on_disk_than_allowed_is_told(run, start, tmp_path) -> None:
    process = start("open('file', 'wb').write(bytes(3 << 20)); input()")
    allowed = Allowed(memory=512 * MIB, processes=64, disk=2 * MIB)

    async def main() -> None:
        options = {"allowed": allowed, "folder": tmp_path}
        async with _watched(("writer", process.pid, options)) as (_watcher, told):
            await asyncio.sleep(1.5)
            assert told.empty()
            _go(process)
            key, hit = await told.get()
            assert (key, hit.limit, hit.ends) == ("writer", "disk", True)
            assert 3 * MIB <= hit.figure <= 4 * MIB

    run(main())


def test_what_the_kernel_ended_is_told(run, start, make, enter) -> None:
    cgroup = make(memory=32 << 20)
    process = start("held = bytearray(100 << 20)")
    enter(cgroup, process.pid)

    async def main() -> None:
        allowed = Allowed(memory=32 * MIB, processes=4, disk=MIB)
        async with _watched(("bomb", process.pid, {"allowed": allowed, "cgroup": cgroup})) as (_watcher, told):
            _go(process)
            key, hit = await told.get()
            assert (key, hit) == ("bomb", LimitHit("memory", 32 * MIB, 32 * MIB, ends=True))

    run(main())
    assert process.wait(10) == -signal.SIGKILL


def test_nothing_is_told_of_what_is_forgotten(run, start) -> None:
    process = start("")

    async def main() -> None:
        options = {"allowed": Allowed(memory=1, processes=64, disk=MIB)}
        async with _watched(("gone", process.pid, options)) as (watcher, told):
            watcher.forget("gone")
            watcher.forget("never there")
            await asyncio.sleep(0.5)
            assert told.empty()

    run(main())


def test_a_listener_that_raises_stops_nothing(run, start, caplog) -> None:
    first, second = start(""), start("")
    told = []

    def listener(key: str, _hit: LimitHit) -> None:
        told.append(key)
        raise RuntimeError("listener")

    async def main() -> None:
        watcher: Watcher[str] = Watcher(listener)
        task = asyncio.create_task(watcher.run())
        for key, process in (("first", first), ("second", second)):
            watcher.watch(key, process.pid, Allowed(memory=1, processes=64, disk=MIB))
            while key not in told:
                await asyncio.sleep(0.02)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    run(main())
    assert told == ["first", "second"]
    assert "an exception in what is told of limits" in caplog.text


def test_a_data_folder_that_is_gone_is_logged_and_others_are_watched(run, start, tmp_path, caplog) -> None:
    process = start("")
    (tmp_path / "file").write_bytes(bytes(3 << 20))
    tight = Allowed(memory=512 * MIB, processes=64, disk=MIB)

    async def main() -> None:
        gone = ("gone", process.pid, {"folder": tmp_path / "none"})
        async with _watched(gone, ("full", process.pid, {"allowed": tight, "folder": tmp_path})) as (_watcher, told):
            key, hit = await told.get()
            assert (key, hit.limit) == ("full", "disk")

    run(main())
    assert "gone: its data folder cannot be counted (limits.disk)" in caplog.text


def test_a_process_that_ended_before_it_was_watched_is_no_other(run, start) -> None:
    process = start("")
    process.communicate("\n", timeout=10)

    async def main() -> None:
        options = {"allowed": Allowed(memory=1, processes=0, disk=MIB)}
        async with _watched(("ended", process.pid, options)) as (_watcher, told):
            await asyncio.sleep(0.5)
            assert told.empty()

    run(main())


# --- who belongs to an instance -------------------------------------------------------------------------------------

ORPHAN = textwrap.dedent(
    """
    import os, time
    print("ready", flush=True)
    child = os.fork()
    if child == 0:
        os.setsid()
        if os.fork() == 0:
            print(os.getpid(), flush=True)
            time.sleep(60)
        time.sleep(1)
        os._exit(0)
    os.waitpid(child, 0)
    print("orphaned", flush=True)
    time.sleep(60)
    """
)


def test_who_was_seen_once_belongs_to_it_when_its_parent_has_ended(start) -> None:
    process = start(ORPHAN)
    family = Family(process.pid)
    _go(process)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    orphan = int(process.stdout.readline())
    try:
        assert len(look_at([family])[0]) == 3
        assert process.stdout.readline() == "orphaned\n"
        assert {stat.pid for stat in look_at([family])[0]} == {process.pid, orphan}
    finally:
        _end(family)


KEEPER = """
import ctypes, os, time
ctypes.CDLL(None).prctl(36, 1)  # PR_SET_CHILD_SUBREAPER
plugin = os.fork()
if plugin == 0:
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            time.sleep(60)
        os._exit(0)
    os.wait()
    print(os.getpid(), flush=True)
    time.sleep(60)
time.sleep(60)
"""


def test_what_a_keeper_adopted_belongs_to_it_though_nobody_saw_it_before(start) -> None:
    keeper = start(KEEPER)
    _go(keeper)
    assert keeper.stdout is not None
    family = Family(int(keeper.stdout.readline()), keeper.pid)
    try:
        parents = [stat.parent for stat in look_at([family])[0]]
        assert parents == [keeper.pid, keeper.pid]
    finally:
        _end(family)


def test_one_pass_over_all_processes_finds_the_same(start) -> None:
    process = start(FORKS)
    _go(process)
    assert process.stdout is not None
    assert process.stdout.readline() == "forked\n"
    family = Family(process.pid)
    table = {stat.pid: stat for stat in every_stat()}
    below = {pid: [stat.pid for stat in table.values() if stat.parent == pid] for pid in table}
    try:
        expected = sorted(stat.identity for stat in look_at([family])[0])
        assert len(expected) == 6
        again = Family(process.pid).look(table.get, lambda pid: below[pid])
        assert sorted(stat.identity for stat in again) == expected
    finally:
        _end(family)


def test_a_number_that_was_given_out_again_is_no_member(start) -> None:
    process = start("")
    family = Family(process.pid)
    family.known = {process.pid: family.known[process.pid] - 1}  # as if it had been another, started before
    assert look_at([family]) == [[]]


def test_a_host_without_descriptors_forgets_nobody(start) -> None:
    process = start("")
    family = Family(process.pid)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, hard))
    try:
        with pytest.raises(OSError, match="Too many open files"):
            look_at([family])
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert [stat.pid for stat in look_at([family])[0]] == [process.pid]


def test_children_of_every_thread_are_found(start) -> None:
    process = start(
        """
import subprocess, sys, threading
def begin():
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    print(child.pid, flush=True)
    input()
    child.communicate()
thread = threading.Thread(target=begin)
thread.start()
thread.join()
"""
    )
    _go(process)
    assert process.stdout is not None
    child = int(process.stdout.readline())
    assert list(children(process.pid)) == [child]
    process.communicate("\n", timeout=10)


def test_shared_memory_counts_once_near_the_limit(start) -> None:
    process = start(
        """
import os, time
held = bytearray(64 << 20)
for _ in range(3):
    if os.fork() == 0:
        time.sleep(60)
print("forked", flush=True)
time.sleep(60)
"""
    )
    _go(process)
    assert process.stdout is not None
    assert process.stdout.readline() == "forked\n"
    family = Family(process.pid)
    stats = look_at([family])[0]
    try:
        far, near = measure(stats, 1 << 40), measure(stats, 100 * MIB)
        assert far.processes == near.processes == 4
        assert far.memory > 4 * 64 * MIB
        assert 64 * MIB < near.memory < 100 * MIB
    finally:
        _end(family)


def test_this_process_is_as_the_kernel_says() -> None:
    stat = read_stat("self")
    assert stat is not None
    assert (stat.pid, stat.parent, stat.ended) == (os.getpid(), os.getppid(), False)
    assert stat.pages > 0
    assert read_stat(1 << 30) is None


@given(
    st.binary(max_size=15).filter(lambda name: b"\n" not in name), st.integers(1, 1 << 22), st.sampled_from(b"RSDZX")
)
def test_a_process_may_have_any_name(name: bytes, pid: int, state: int) -> None:
    rest = b" ".join(b"%d" % number for number in range(4, 53))
    stat = parse_stat(b"%d (%s) %c %s\n" % (pid, name, state, rest))
    assert stat == (pid, 4, 22, 24, state in b"ZX")


def test_here_processes_can_be_watched() -> None:
    assert bool(unwatched()) is not Path("/proc/self/stat").exists()
