"""The backends that Weft brings: each keeps the contract's promises, and those that are its own."""

from __future__ import annotations

import asyncio
import json
import re
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Protocol

import pytest

import weft
import weft.sync
from weft.contracts.storage import InvalidEntry, NoRoom, NotFound, TooLarge, Unreachable
from weft.errors import StartFailed
from weft.sdk.storage import BUILT_IN
from weft.sdk.storage.file import PURGE_EVERY, File
from weft.sdk.storage.leases import leased
from weft.sdk.storage.memory import Memory
from weft.testing.kit.storage import SharedStorageConformance, StorageConformance
from weft.testing.storage import CHECKS


@pytest.mark.weft_runtimes("inline", "process")
class TestMemory(StorageConformance):
    source = BUILT_IN
    name = "memory"


class TestMem(StorageConformance):
    source = BUILT_IN
    name = "mem"


@pytest.mark.weft_runtimes("inline", "process")
class TestFile(SharedStorageConformance):
    source = BUILT_IN
    name = "file"


@pytest.fixture(scope="module")
def on_the_oldest_python(tmp_path_factory):
    """The plugin, in a process with the oldest Python that plugins may have."""
    source = tmp_path_factory.mktemp("oldest") / "oldest.py"
    text = BUILT_IN.read_text().replace('runtime = "inline"', 'runtime = "process"')
    source.write_text(text.replace("# dependencies", '# requires-python = "==3.9.*"\n# dependencies'))
    return source


@pytest.mark.network
@pytest.mark.parametrize("name", ["memory", "file"])
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_they_keep_their_promises_on_the_oldest_python(on_the_oldest_python, weft_state, run, check, name):
    async def main():
        async with weft.Engine(weft_state) as engine:
            await engine.load(on_the_oldest_python)
            await check(engine.use(weft.Storage, name))

    run(main())


BACKENDS = pytest.mark.parametrize("name", ["memory", "file"])


@pytest.fixture
def stored(tmp_path, run):
    """``stored(check, name, **settings)``: runs ``await check(storage)`` on the backend of that name."""

    def with_storage(check, name, **settings):
        async def main():
            async with weft.Engine(tmp_path / "state") as engine:
                await engine.load(BUILT_IN, config={name: settings})
                await check(engine.use(weft.Storage, name))

        run(main())

    return with_storage


async def listed(storage, category):
    return [entry.key async for entry in storage.list(category)]


def test_the_two_names_of_memory_are_one_storage(run):
    async def main():
        async with weft.Engine() as engine:
            (plugin,) = await engine.load(BUILT_IN)
            await engine.use(weft.Storage, "memory").put("x", "x", b"1")
            assert await engine.use(weft.Storage, "mem").get("x", "x") == b"1"
            assert (plugin.manifest.title, plugin.version) == ("Storage", weft.__version__)

    run(main())


@BACKENDS
def test_a_category_has_its_own_time_to_live(stored, name):
    async def check(storage):
        for category in ("names", "history", "others"):
            await storage.put(category, "own", b"", ttl=60)
            await storage.put(category, "its", b"")
        left = {}
        for category in ("names", "history", "others"):
            its, own = [entry.expires async for entry in storage.list(category)]
            left[category] = round((its.timestamp() - time.time()) / 3600)
            assert own.timestamp() - time.time() < 61
        assert left == {"names": 888, "history": 180, "others": 2}

    stored(check, name, ttl={"names": "888h", "history": "180h"}, default_ttl="120m")


@BACKENDS
def test_a_value_over_the_bound_is_refused_and_changes_nothing(stored, name):
    async def check(storage):
        await storage.put("x", "x", b"old")
        for put in (storage.put("x", "x", b"y" * 1025), storage.write("x", "x", pieces(3, 500))):
            with pytest.raises(TooLarge, match="'x' in 'x' has .* bytes, at most 1024"):
                await put
        with pytest.raises(TooLarge):
            await storage.get_or_fill("x", "y", too_large)
        await storage.put("x", "z", b"y" * 1024)
        assert await storage.get("x", "x") == b"old"
        assert await listed(storage, "x") == ["x", "z"]

    async def pieces(count, size):
        for _ in range(count):
            yield b"y" * size

    async def too_large():
        return b"y" * 1025

    stored(check, name, max_entry="1KiB")


@BACKENDS
@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"size": 3}, "size: no such setting .there are .*max_entry.*ttl"),
        ({"ttl": 3}, "ttl: expected a table"),
        ({"ttl": {"names": "long"}}, "ttl.names: expected a time, such as 168h or 30s, found 'long'"),
        ({"default_ttl": 0}, "default_ttl: expected a time"),
        ({"max_entry": "5 parsecs"}, "max_entry: expected a size, such as 64MiB, found '5 parsecs'"),
        ({"max_bytes": True}, "max_bytes: expected a size"),
    ],
)
def test_settings_that_are_wrong_are_named(run, name, settings, message):
    async def main():
        async with weft.Engine() as engine:
            with pytest.raises(StartFailed, match=message):
                await engine.load(BUILT_IN, config={name: settings})

    run(main())


# --- memory ---------------------------------------------------------------------------------------------------------


def test_memory_forgets_what_was_not_used_for_longest(stored):
    async def check(storage):
        for key in "abc":
            await storage.put("x", key, b"1234")
        await storage.get("x", "a")
        await storage.put("x", "d", b"1234")
        assert await listed(storage, "x") == ["a", "c", "d"]
        await storage.put("x", "c", b"123456789")
        assert await listed(storage, "x") == ["c"]
        statistics = await storage.statistics()
        assert (statistics.entries, statistics.bytes, statistics.hits) == (1, 9, 1)

    stored(check, "memory", max_bytes=12)


def test_memory_keeps_so_many_entries(stored):
    async def check(storage):
        for number in range(100):
            await storage.put("x", str(number), b"")
        assert await listed(storage, "x") == ["97", "98", "99"]

    stored(check, "memory", max_entries=3)


def test_whoever_fills_and_is_cancelled_leaves_it_to_the_next(run):
    async def main():
        memory, begun, go_on = Memory({}), [], asyncio.Event()

        async def fill():
            begun.append(1)
            await go_on.wait()
            return b"value"

        first, second = (asyncio.create_task(memory.get_or_fill("x", "x", fill)) for _ in range(2))
        while not begun:
            await asyncio.sleep(0)
        await asyncio.sleep(0)
        first.cancel()
        while len(begun) < 2:
            await asyncio.sleep(0)
        go_on.set()
        assert await second == b"value"
        with pytest.raises(asyncio.CancelledError):
            await first

    run(main())


def test_a_source_of_another_plugins_users_is_asked_once(run, tmp_path):
    """Those who fill an entry are in processes of their own, and the storage in another."""
    caller = """
# /// script
# [tool.weft]
# provides = ["task"]
# permissions = { plugins = ["storage"] }
# ///
import asyncio
from pathlib import Path
from weft.contracts.storage import Storage
from weft.sdk import context

async def Execute(ctx):
    folder = Path(context().data_dir)
    async def fill():
        (folder / "asked").touch()
        while not (folder / "go").exists():
            await asyncio.sleep(0.01)
        return b"value"
    (folder / "called").touch()
    return await context().use(Storage, "memory").get_or_fill("x", "x", fill)
"""

    async def main():
        folders = [tmp_path / "state" / "data" / name for name in ("one", "two")]
        async with weft.Engine(tmp_path / "state", contracts=[weft.Storage, weft.Task]) as engine:
            await engine.load(BUILT_IN)
            for folder in folders:
                source = tmp_path / f"{folder.name}.py"
                source.write_text(caller)
                await engine.load(source)
            users = [engine.use(weft.Task, folder.name) for folder in folders]
            tasks = [asyncio.create_task(user.execute(weft.TaskContext())) for user in users]
            while not all((folder / "called").exists() for folder in folders):
                await asyncio.sleep(0.01)
            await asyncio.sleep(0.1)  # both have asked the storage by then
            for folder in folders:
                (folder / "go").touch()
            assert await asyncio.gather(*tasks) == [b"value", b"value"]
            assert sum((folder / "asked").exists() for folder in folders) == 1

    run(main())


# --- leases ---------------------------------------------------------------------------------------------------------


def test_one_holder_at_a_time_may_fill_an_entry(tmp_path):
    one, other = File({}, str(tmp_path)), File({}, str(tmp_path))
    assert one.lease("x", "x", b"one", 60)
    assert not other.lease("x", "x", b"other", 60)
    assert not other.lease("x", "x", b"other", 50)  # as of one that asked before, and was kept waiting for ten seconds
    assert other.lease("x", "y", b"other", 60)
    assert one.lease("x", "x", b"one", 60)
    other.release("x", "x", b"other")
    assert not other.lease("x", "x", b"other", 60)
    one.release("x", "x", b"one")
    assert other.lease("x", "x", b"other", 0.001)
    time.sleep(0.01)
    assert one.lease("x", "x", b"one", 60)
    assert (one.statistics().entries, one.purge(everything=True)) == (0, 0)


def test_a_lease_of_a_clock_that_was_put_back_holds_nobody_up(tmp_path):
    file = File({}, str(tmp_path))
    assert file.lease("x", "x", b"of tomorrow", 24 * 3600)
    assert file.lease("x", "x", b"of today", 60)


def test_a_lease_lasts_for_as_long_as_it_is_needed_and_no_longer_than_its_process(tmp_path, run):
    began = []

    async def ask(file, method, *arguments):
        return await asyncio.to_thread(getattr(file, method), *arguments)

    async def hold(name, seconds):
        async with leased(partial(ask, File({}, str(tmp_path))), "x", "x", 0.3):
            began.append(name)
            await asyncio.sleep(seconds)
            began.append(f"{name} is over")

    async def main():
        assert File({}, str(tmp_path)).lease("x", "x", b"of one that was killed", 0.2)
        first = asyncio.create_task(hold("first", 1))
        while not began:
            await asyncio.sleep(0.01)
        second = asyncio.create_task(hold("second", 0))
        await asyncio.gather(first, second)
        third = asyncio.create_task(hold("third", 3600))
        while "third" not in began:
            await asyncio.sleep(0.01)
        third.cancel()
        await asyncio.gather(third, return_exceptions=True)
        assert File({}, str(tmp_path)).lease("x", "x", b"the next", 60)

    run(main())
    assert began == ["first", "first is over", "second", "second is over", "third"]


FILLER = """
import asyncio, sys
from weft.sdk.storage.file import File

async def main():
    file = File({"timeout": "20s"}, sys.argv[1])
    for number in range(25):
        async def fill():
            print(number, flush=True)
            await asyncio.sleep(0.02)
            return b"%d" % number
        assert await file.get_or_fill("x", str(number), fill) == b"%d" % number

asyncio.run(main())
"""


def test_of_several_processes_one_fills_each_entry(tmp_path):
    command = [sys.executable, "-c", FILLER, str(tmp_path)]
    fillers = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    filled = [line for each in fillers for line in each.communicate(timeout=60)[0].split()]
    assert sorted(filled, key=int) == [str(number) for number in range(25)]
    assert [each.returncode for each in fillers] == [0] * 4


# --- file -----------------------------------------------------------------------------------------------------------


def test_a_file_outlives_its_engine(run, tmp_path):
    async def main(value):
        async with weft.Engine(tmp_path / "state") as engine:
            await engine.load(BUILT_IN)
            storage = engine.use(weft.Storage, "file")
            if value:
                await storage.put("x", "x", value)
            return await storage.get("x", "x")

    assert run(main(b"kept")) == run(main(b"")) == b"kept"


WRITER = """
import itertools, sys
from weft.sdk.storage.file import File
file = File({"path": sys.argv[1]}, "/")
for number in itertools.count():
    file.put("x", str(number % 50), b"%08d" % number * 2_000)
    print(number, flush=True)
"""


def writer(path):
    command = [sys.executable, "-c", WRITER, str(path)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def test_a_file_survives_kill_9_with_everything_that_was_acknowledged(tmp_path):
    path = tmp_path / "entries.sqlite"
    for _ in range(3):
        with writer(path) as process:
            for _ in range(120):
                last = int(process.stdout.readline())
            process.send_signal(signal.SIGKILL)
            last = int(([last, *process.stdout.read().split()])[-1])
        file = File({"path": str(path)}, "/")
        for number in range(last - 49, last + 1):
            value = file.get("x", str(number % 50))
            assert len(value) == 16_000
            assert value[:8] * 2_000 == value
            assert int(value[:8]) in (number, number + 50)
        file.close()


def test_several_processes_share_a_file(tmp_path):
    path = tmp_path / "entries.sqlite"
    file = File({"path": str(path)}, "/")
    writers = [writer(path) for _ in range(3)]
    try:
        for _ in range(100):
            for process in writers:
                assert process.stdout.readline()
            for key in range(5):
                try:
                    value = file.get("x", str(key))
                except NotFound:
                    continue
                assert value[:8] * 2_000 == value
        file.put("x", "ours", b"1")
        assert file.get("x", "ours") == b"1"
    finally:
        for process in writers:
            process.kill()
            process.wait()
            process.stdout.close()
        file.close()


def test_a_full_file_is_named_and_stays_as_it_was(stored):
    async def check(storage):
        await storage.put("x", "old", b"old", ttl=3600)
        with pytest.raises(NoRoom, match="database or disk is full"):
            await fill(storage)
        there = await listed(storage, "x")
        assert "old" in there
        for key in there:
            assert len(await storage.get("x", key)) in (3, 30_000)
        with pytest.raises(NoRoom):
            await storage.put("x", "old", bytes(250_000))
        assert await storage.get("x", "old") == b"old"
        assert await storage.purge("x", everything=True) == len(there)
        await storage.put("x", "new", bytes(30_000))

    async def fill(storage):
        for number in range(100):
            await storage.put("x", str(number), bytes(30_000))

    stored(check, "file", max_bytes="256KiB")


def test_what_is_over_makes_room_in_a_full_file(stored):
    async def check(storage):
        for number in range(100):
            await storage.put("x", str(number), bytes(30_000), ttl=0.001)
            await asyncio.sleep(0.001)
        await storage.put("x", "last", b"1")
        assert await listed(storage, "x") == ["last"]

    stored(check, "file", max_bytes="256KiB")


def test_a_file_gives_back_the_room_of_what_is_over(tmp_path):
    file = File({}, str(tmp_path))
    for number in range(PURGE_EVERY - 1):
        file.put("x", str(number), bytes(10_000), ttl=0.001)
    time.sleep(0.01)
    file.put("x", "last", b"")
    file.close()
    assert Path(file.path).stat().st_size < 100_000


FILLS = """
import json, sys
from weft.contracts.storage import NoRoom
from weft.sdk.storage.file import File
file = File({}, sys.argv[1])
file.put("x", "old", b"old")
try:
    for number in range(100):
        file.put("x", str(number), bytes(30_000))
except NoRoom as error:
    print(json.dumps([str(error), file.get("x", "old").decode(), [entry.key for entry in file.list("x")]]))
"""


@pytest.mark.system_package("unshare")
def test_a_full_disk_is_named(tmp_path):
    mount = f"mount -t tmpfs -o size=300k tmpfs {tmp_path}"
    if subprocess.run(["unshare", "-rm", "sh", "-c", mount], capture_output=True, check=False).returncode:
        pytest.skip("no file system can be mounted here")
    command = f'{mount} && exec "$0" -c "$1" {tmp_path}'
    done = subprocess.run(
        ["unshare", "-rm", "sh", "-c", command, sys.executable, FILLS], capture_output=True, text=True, check=True
    )
    message, old, there = json.loads(done.stdout)
    assert "storage.sqlite: database or disk is full" in message
    assert old == "old"
    assert 1 < len(there) < 10


def test_a_file_that_another_process_holds_is_named_within_its_time(tmp_path):
    file = File({"timeout": "100ms"}, str(tmp_path))
    file.put("x", "x", b"1")
    program = """
import sqlite3, sys
sqlite3.connect(sys.argv[1]).execute("BEGIN EXCLUSIVE")
print(flush=True)
input()
"""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", program, file.path], text=True, **pipes) as holder:
        holder.stdout.readline()
        with pytest.raises(Unreachable, match=r"storage\.sqlite: database is locked, for 0.1 s"):
            file.put("x", "x", b"2")
        assert file.get("x", "x") == b"1"
        holder.communicate("\n")
    file.put("x", "x", b"3")
    assert file.get("x", "x") == b"3"
    file.close()


def test_a_file_that_others_make_at_the_same_time_is_waited_for(tmp_path):
    file = File({}, str(tmp_path))
    with closing(sqlite3.connect(file.path, isolation_level=None, check_same_thread=False)) as other:
        other.execute("BEGIN IMMEDIATE")
        over = threading.Timer(0.3, other.execute, ["ROLLBACK"])
        over.start()
        try:
            file.put("x", "x", b"1")
        finally:
            over.join()
    assert file.get("x", "x") == b"1"
    file.close()


def test_a_file_that_is_none_of_ours_is_named_and_left_as_it_is(tmp_path):
    (tmp_path / "storage.sqlite").write_text("something else " * 1000)
    with pytest.raises(Unreachable, match="file is not a database"):
        File({}, str(tmp_path)).put("x", "x", b"")
    assert (tmp_path / "storage.sqlite").read_text() == "something else " * 1000


def test_a_file_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "taken").write_text("")
    with pytest.raises(Unreachable, match="taken"):
        File({"path": str(tmp_path / "taken" / "x")}, "/").get("x", "x")


def test_a_path_is_the_plugins_own_unless_it_is_absolute(tmp_path):
    assert File({"path": "a.sqlite"}, str(tmp_path)).path == str(tmp_path / "a.sqlite")
    assert re.fullmatch(r".*/storage\.sqlite", File({}, str(tmp_path)).path)


@weft.contract(name="storage")
class PlainStorage(Protocol):
    @weft.raises(InvalidEntry, TooLarge, NoRoom)
    def put(self, category: str, key: str, value: bytes, ttl: float | None = None) -> None: ...
    @weft.raises(NotFound)
    def get(self, category: str, key: str) -> bytes: ...


@BACKENDS
def test_a_host_without_an_event_loop_uses_them(name):
    with weft.sync.Engine(contracts=[PlainStorage]) as engine:
        engine.load(BUILT_IN)
        storage = engine.use(PlainStorage, name)
        storage.put("x", "x", b"1")
        assert storage.get("x", "x") == b"1"
        with pytest.raises(NotFound):
            storage.get("x", "y")
