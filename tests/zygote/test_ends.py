"""Whoever of host, zygote, keeper and plugin is killed, and when: nothing of an instance is left, and others go on."""

from __future__ import annotations

import asyncio
import fcntl
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

from weft.manifest.model import Limits, Permissions
from weft.runtimes.launch import Launch
from weft.runtimes.process.holding import Hold, Holding
from weft.runtimes.process.runtime import ProcessRuntime
from weft.runtimes.process.spawner import Spawner
from weft.sandbox.cgroups import Ways
from weft.sandbox.limits import Allowed
from weft.sandbox.processes import read_stat

HERE = Path(__file__).parent
PLUGINS = HERE.parent / "plugins"
WITHOUT_NAMESPACES = [sys.executable, str(HERE.parent / "sandbox/without_namespaces.py")]


def gone(processes, seconds):
    deadline = time.monotonic() + seconds
    while (left := [each for each in processes if each.alive]) and time.monotonic() < deadline:
        time.sleep(0.01)
    return left


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a host that is killed leaves what it started")
@pytest.mark.parametrize("prefix", [[], WITHOUT_NAMESPACES], ids=["namespaces", "outside"])
@pytest.mark.parametrize("stage", ["asked", "born", "ready", "serving"])
def test_a_host_that_is_killed_leaves_nothing(tmp_path, below, stage, prefix):
    shutil.copy(PLUGINS / "leaves.py", tmp_path)
    argv = [*prefix, sys.executable, str(HERE / "mortal_host.py"), stage, str(tmp_path), "leaves"]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as host:
        assert host.stdout is not None
        while (line := host.stdout.readline().strip()) != stage:
            assert line, "it ended before"
        processes = below(host.pid)
        assert len(processes) >= (3 if stage != "serving" else 9), processes
        host.kill()
    assert not gone(processes, 5)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a host that is killed leaves what it started")
@pytest.mark.parametrize("prefix", [[], WITHOUT_NAMESPACES], ids=["namespaces", "outside"])
def test_nor_what_is_never_there(tmp_path, prefix):
    shutil.copy(PLUGINS / "jumps.py", tmp_path)
    argv = [*prefix, sys.executable, str(HERE / "mortal_host.py"), "serving", str(tmp_path), "jumps"]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as host:
        assert host.stdout is not None
        while (line := host.stdout.readline().strip()) != "serving":
            assert line, "it ended before"
        with (tmp_path / "data/lock").open() as lock:
            with pytest.raises(BlockingIOError):
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            host.kill()
            assert locked(lock, 10)


def locked(file, seconds):
    """Whether nobody held it any more within that time: a lock is held until the last one that inherited it ends."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(0.01)
        else:
            return True
    return False


@pytest.fixture
def launch(tmp_path):
    """``launch(entry)``: of a plugin in tests/plugins; what is reported of it is in ``launch.events``."""
    events = []

    def make(entry, **more):
        given = {
            "name": entry, "version": "1", "folder": PLUGINS, "entry": entry, "provides": (), "limits": Limits(),
            "interpreter": (sys._base_executable, "-I", "-S"), "helpers": None, "data_dir": tmp_path / "data" / entry,
            "report": lambda kind, message, **_: events.append((kind, message)),
        }  # fmt: skip
        return Launch(**{**given, **more})

    make.events = events
    return make


@pytest.fixture
def ask():
    """``await ask(instance)``: the body of its answer."""

    async def request(instance):
        args = ["GET", b"/", [], "http", "1.1", None, None, b""]
        return (await instance.channel.call("web.request", args, timeout=15))[2]

    return request


def parent(pid):
    return read_stat(pid).parent


def test_a_keeper_that_is_killed_takes_its_instance_and_nobody_else(run, launch, ask, below):
    async def main():
        runtime = ProcessRuntime()
        lost, other = [await runtime.start(launch("leaves"), lambda line: None) for _ in range(2)]
        assert await ask(lost) == b"left"
        keeper = parent(lost.pid)
        assert keeper != parent(other.pid)
        processes = below(keeper)
        assert len(processes) > 5
        os.kill(keeper, signal.SIGKILL)
        assert (await lost.ended()).signal == "SIGKILL"
        assert not await asyncio.to_thread(gone, processes, 5)
        await other.ping(5)
        await other.stop(5)

    run(main())


def test_a_zygote_that_is_killed_is_followed_by_another(run, launch, ask, below):
    async def main():
        runtime = ProcessRuntime()
        first = await runtime.start(launch("leaves"), lambda line: None)
        assert await ask(first) == b"left"
        zygote = parent(parent(first.pid))
        processes = below(zygote)
        os.kill(zygote, signal.SIGKILL)
        second = await runtime.start(launch("hello"), lambda line: None)
        assert await ask(second)
        assert parent(parent(second.pid)) != zygote
        await first.stop(0.1)
        assert not await asyncio.to_thread(gone, processes, 5)
        await second.stop(5)

    run(main())


def test_a_start_whose_zygote_is_killed_meanwhile_is_made_by_exec(run, launch, ask):
    async def main():
        runtime = ProcessRuntime()
        first = await runtime.start(launch("hello"), lambda line: None)
        zygote = parent(parent(first.pid))
        os.kill(zygote, signal.SIGSTOP)
        starting = asyncio.create_task(runtime.start(launch("hello"), lambda line: None))
        await asyncio.sleep(0.2)
        assert not starting.done()
        os.kill(zygote, signal.SIGKILL)
        second = await starting
        assert await ask(second)
        assert [kind for kind, _ in launch.events] == ["no_zygote"]
        for each in (first, second):
            await each.stop(5)

    run(main())


def test_a_zygote_that_cannot_run_is_replaced_by_exec_with_the_same_sandbox(run, launch, ask, tmp_path):
    """An interpreter that ends at once when it is started as a zygote, which is told by its flags."""
    python = tmp_path / "python"
    python.write_text(
        f'#!/bin/sh\ncase "$*" in *weft.zygote.zygote*) exit 3;; esac\nexec {sys._base_executable} "$@"\n'
    )
    python.chmod(0o755)
    shell = os.path.realpath("/bin/sh")

    async def main():
        allowed = Permissions(exec=(shell, sys._base_executable), read=(sys.base_prefix,))
        launched = launch("hello", interpreter=(str(python), "-I", "-S"), permissions=allowed)
        instance = await ProcessRuntime().start(launched, lambda line: None)
        assert await ask(instance)
        assert [kind for kind, _ in launch.events] == ["no_zygote"]
        forked = await ProcessRuntime().start(launch("hello"), lambda line: None)
        assert instance.sandbox == forked.sandbox
        for each in (instance, forked):
            await each.stop(5)

    run(main())


@pytest.mark.parametrize("ends", ["by itself", "by its host"])
def test_what_is_to_end_is_no_longer_short_of_cpu_time(run, launch, tmp_path, ends):
    class Bounded(Hold):
        """Bound by a file that any kernel has."""

        @contextmanager
        def ways(self):
            with bound.open("r+b") as file:
                yield Ways((), file.fileno(), "no bound")

    async def main():
        holding, hello = Holding(), launch("hello")
        spawner = Spawner(holding)
        hello.data_dir.mkdir(parents=True)
        hold = Bounded(Allowed(1 << 30, 100, 1 << 30, None), print, tmp_path)
        its, wire = socket.socketpair()
        with its, wire:
            child = await spawner.spawn(hello, wire.fileno(), lambda line: None, print, lambda: returning(hold))
            assert bound.read_bytes() == b"bounded!"
            if ends == "by its host":
                child.kill()
            its.close()
        await child.finished(1)
        assert bound.read_bytes() == b"no bound"
        await holding.let_go(hold)
        await spawner.release(child)

    async def returning(value):
        return value

    bound = tmp_path / "bound"
    bound.write_bytes(b"bounded!")
    run(main())


def test_a_process_that_cannot_enter_its_cgroup_says_why_and_is_watched_instead(run, launch, tmp_path):
    class Closed(Hold):
        """Entered by a file that nobody may write to."""

        @contextmanager
        def ways(self):
            with (tmp_path / "entrance").open("rb") as file:
                yield Ways((file.fileno(),))

    async def main():
        holding, hello = Holding(), launch("hello")
        spawner = Spawner(holding)
        hello.data_dir.mkdir(parents=True)
        unused = await holding.hold(hello, print)  # with it, the host's cgroups are open
        hold = Closed(unused.allowed, print, tmp_path)
        its, wire = socket.socketpair()
        with its, wire:
            child = await spawner.spawn(hello, wire.fileno(), lambda line: None, print, lambda: returning(hold))
            report = holding.report(hold)
            its.close()
        await child.finished(1)
        for each in (hold, unused):
            await holding.let_go(each)
        await spawner.release(child)
        await holding.close()
        assert "Bad file descriptor" in child.unheld
        assert "watched: no cgroup" in report["memory"]
        assert child.unheld in report["memory"]

    async def returning(value):
        return value

    (tmp_path / "entrance").touch()
    run(main())
