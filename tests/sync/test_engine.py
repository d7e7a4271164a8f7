"""The engine without await: its life, and what it gives."""

from __future__ import annotations

import asyncio
import pickle
import threading
from pathlib import Path

import pytest

import weft
import weft.sync
from weft.errors import DeadlineExceeded, StartFailed, Unavailable, UnknownPlugin, UsageError

PLUGINS = Path(__file__).parents[1] / "plugins"


def test_a_plugin_lives_from_start_to_close(tmp_path, release):
    engine = weft.sync.Engine(tmp_path / "state").start()
    plugin = engine.call(weft.Engine.run, release())
    assert (plugin.state, plugin.version) == ("running", "1.1")
    assert engine.plugins == {"shop": plugin}
    assert engine.plugin("shop") is plugin
    engine.close()
    assert plugin.state == "stopped"
    engine.close()


def test_a_plugin_is_loaded_and_upgraded_by_its_source(engine, get):
    source = PLUGINS / "hello.py"
    (plugin,) = engine.load(source, name="shop", env={"RELEASE": "1"})
    assert engine.plugin("shop") is plugin
    assert get() == ["1", str(plugin.instances[0].pid)]
    assert engine.upgrade("shop", source, env={"RELEASE": "2"}) is plugin
    assert get() == ["2", str(plugin.instances[0].pid)]


def test_unload_stops_and_forgets(engine, release):
    plugin = engine.call(weft.Engine.run, release())
    engine.unload("shop")
    assert plugin.state == "stopped"
    assert engine.plugins == {}
    with pytest.raises(UnknownPlugin, match="no plugin 'shop'"):
        engine.unload("shop")


def test_an_upgrade_answers_from_the_next_call_on(engine, release, get):
    engine.call(weft.Engine.run, release())
    first = get()
    engine.call(weft.Engine.run, release(number=2))
    second = get()
    assert (first[0], second[0]) == ("1", "2")
    assert first[1] != second[1]


def test_collect_removes_what_nobody_uses(engine):
    assert engine.collect(idle=0) == []


def test_an_error_shows_both_where_it_was_made_and_who_asked(engine, release):
    with pytest.raises(StartFailed, match="the cupboard is bare") as caught:
        engine.call(weft.Engine.run, release("raises_at_init"))
    functions = [entry.name for entry in caught.traceback]
    assert functions[0] == "test_an_error_shows_both_where_it_was_made_and_who_asked"
    assert "start" in functions
    assert caught.value.plugin == "shop"


def test_an_engine_that_was_never_started_says_so(tmp_path):
    engine = weft.sync.Engine(tmp_path)
    with pytest.raises(UsageError, match=r"not started: use it in a `with` block, or call start\(\)"):
        engine.unload("shop")
    engine.close()


def test_an_engine_runs_once(tmp_path):
    with weft.sync.Engine(tmp_path) as engine, pytest.raises(UsageError, match="make another one"):
        engine.start()
    with pytest.raises(UsageError, match="make another one"):
        engine.start()
    with pytest.raises(Unavailable, match="the engine is closed"):
        engine.unload("shop")


def test_a_start_that_fails_raises_and_leaves_no_thread():
    with pytest.raises(TypeError):
        weft.sync.Engine(5).start()
    assert not [thread for thread in threading.enumerate() if thread.name == "weft-sync"]


def test_it_is_refused_where_an_event_loop_runs(engine, tmp_path):
    async def main():
        with pytest.raises(UsageError, match=r"use weft\.Engine with await, or call it in a thread"):
            engine.unload("shop")
        with pytest.raises(UsageError, match="where an event loop runs"):
            weft.sync.Engine(tmp_path).start()
        with pytest.raises(UnknownPlugin):
            await asyncio.to_thread(engine.unload, "shop")

    asyncio.run(main())


def test_it_is_refused_on_its_own_loop(engine):
    async def call_back(_engine):
        engine.unload("shop")

    async def close(_engine):
        engine.close()

    for function in (call_back, close):
        with pytest.raises(UsageError, match="own loop, which would wait for itself for ever"):
            engine.call(function)


def test_an_engine_that_cannot_close_in_time_says_so(tmp_path):
    engine = weft.sync.Engine(tmp_path).start()
    go_on = threading.Event()

    async def block(_engine):
        go_on.wait()

    failures = []

    def wait():
        with pytest.raises(Unavailable, match="closed") as caught:
            engine.call(block)
        failures.append(caught.value)

    waiting = threading.Thread(target=wait)
    waiting.start()
    try:
        with pytest.raises(DeadlineExceeded, match=r"did not close within 0\.2 s"):
            engine.close(0.2)
        waiting.join(10)
        assert failures
    finally:
        go_on.set()
    engine.close()


def test_calls_that_wait_when_the_engine_closes_get_their_error(tmp_path):
    engine = weft.sync.Engine(tmp_path).start()
    begun = threading.Event()
    failures = []

    async def never(_engine):
        begun.set()
        await asyncio.Event().wait()

    def wait():
        with pytest.raises(Unavailable, match="the engine was closed before this was done") as caught:
            engine.call(never)
        failures.append(caught.value)

    waiting = threading.Thread(target=wait)
    waiting.start()
    assert begun.wait(10)
    engine.close()
    waiting.join(10)
    assert failures


def test_engines_live_side_by_side(engine, tmp_path, release):
    first = engine.call(weft.Engine.run, release())
    with weft.sync.Engine(tmp_path / "other") as other:
        second = other.call(weft.Engine.run, release())
        assert first.instances[0].pid != second.instances[0].pid
    assert (first.state, second.state) == ("running", "stopped")


def test_it_cannot_be_sent_to_another_process(engine):
    with pytest.raises(UsageError, match="make one there"):
        pickle.dumps(engine)
