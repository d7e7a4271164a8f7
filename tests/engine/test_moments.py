"""What a host does before and after the steps of a plugin's life."""

from __future__ import annotations

import asyncio

import pytest

import weft
import weft.sync
from weft.engine.moments import Moments
from weft.errors import Refused, UnknownPlugin, UsageError

ALL = [
    f"{when}_{what}" for what in ("load", "start", "upgrade", "unload") for when in ("before", "after")
]  # fmt: skip


@pytest.fixture
def source(tmp_path):
    """``source(version)``: a task's file."""

    def write(version="1.0"):
        file = tmp_path / "sample.py"
        file.write_text(f'# /// script\n# [tool.weft]\n# version = "{version}"\n# ///\ndef Execute(ctx): ...\n')
        return file

    return write


def test_each_moment_comes_in_its_order(engine, run, source):
    came = []

    async def main():
        async with engine() as host:
            for moment in ALL:
                host.at(moment, lambda *who, moment=moment: came.append((moment, *who)))
            await host.load(source())
            await host.upgrade("sample", source("2.0"))
            await host.unload("sample")

    run(main())
    assert came == [
        *((moment, "sample", "1.0") for moment in ("before_load", "before_start", "after_start", "after_load")),
        *((moment, "sample", "2.0") for moment in ("before_upgrade", "before_start", "after_start", "after_upgrade")),
        *((moment, "sample", "2.0") for moment in ("before_unload", "after_unload")),
    ]


@pytest.mark.parametrize("moment", ["before_load", "before_start"])
def test_what_is_raised_before_a_load_refuses_it(engine, run, source, moment):
    async def refuse(name, version):
        raise ValueError(f"not {name}")

    async def main():
        async with engine() as host:
            host.at(moment, refuse)
            with pytest.raises(Refused, match=rf"plugin sample 1\.0: {moment} says no: ValueError: not sample"):
                await host.load(source())
            assert dict(host.plugins) == {}

    run(main())


def test_an_upgrade_and_an_unload_can_be_refused_and_what_runs_goes_on(engine, run, source):
    def refuse(_name, _version):
        raise RuntimeError("later")

    async def main():
        async with engine() as host:
            await host.load(source())
            host.at("before_upgrade", refuse)
            host.at("before_unload", refuse)
            with pytest.raises(Refused):
                await host.upgrade("sample", source("2.0"))
            with pytest.raises(Refused):
                await host.unload("sample")
            assert host.plugin("sample").version == "1.0"
            assert await host.use(weft.Task).execute(weft.TaskContext()) is None

    run(main())


def test_what_fails_afterwards_is_an_event(engine, run, source):
    events = []

    def fail(_name, _version):
        raise RuntimeError("too late")

    async def main():
        async with engine() as host:
            host.listen(events.append)
            host.at("after_load", fail)
            await host.load(source())
            assert host.plugin("sample").state == "running"

    run(main())
    assert [each.message for each in events if each.kind == "hook_failed"] == [
        "after_load failed: RuntimeError: too late"
    ]


def test_one_that_does_not_return_is_given_up(run):
    async def main():
        moments = Moments(lambda *_: None, most_seconds=0.05)
        moments.add("before_load", hang)
        with pytest.raises(Refused, match=r"before_load had not returned after 0\.05 s"):
            await moments.come("before_load", "sample", "1.0")

    async def hang(_name, _version):
        await asyncio.sleep(30)

    run(main())


def test_without_await_and_an_unknown_moment(tmp_path, source):
    came = []
    with weft.sync.Engine(tmp_path / "state") as engine:
        engine.at("after_load", lambda name, version: came.append((name, version)))
        with pytest.raises(UsageError, match="there is no moment 'on_load'"):
            engine.at("on_load", print)
        engine.load(source())
        with pytest.raises(UnknownPlugin):
            engine.unload("other")
    assert came == [("sample", "1.0")]


WATCHER = """
# /// script
# [tool.weft]
# provides = ["lifecycle"]
# ///
import os

def moment(moment, plugin, version):
    if plugin == "bad":
        raise ValueError("not told")
    with open(os.path.join(os.environ["WEFT_DATA_DIR"], "seen"), "a") as file:
        file.write(f"{moment} {plugin} {version}\\n")
"""
SEEN = [
    "before_load sample 1.0", "before_start sample 1.0", "after_start sample 1.0", "after_load sample 1.0",
    "before_unload sample 1.0", "after_unload sample 1.0",
]  # fmt: skip


@pytest.mark.parametrize("door", ["await", "sync"])
def test_plugins_that_provide_lifecycle_are_told(tmp_path, run, source, door):
    (tmp_path / "watcher.py").write_text(WATCHER)

    async def main():
        async with weft.Engine(tmp_path / "state") as host:
            await host.load(tmp_path / "watcher.py")
            await host.load(source())
            await host.unload("sample")
            await host.load(source(), name="bad")

    if door == "await":
        run(main())
    else:
        with weft.sync.Engine(tmp_path / "state") as host:
            host.load(tmp_path / "watcher.py")
            host.load(source())
            host.unload("sample")
            host.load(source(), name="bad")
    seen = (tmp_path / "state/data/watcher/seen").read_text().splitlines()
    assert seen[-6:] == SEEN
