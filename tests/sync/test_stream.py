"""Streams: what the loop produces, as plain iterators."""

from __future__ import annotations

import asyncio
import gc
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

import weft
from weft.errors import Unavailable
from weft.sync.stream import MOST_BYTES, MOST_ITEMS, Stream


class Source:
    """Counts up, notes how far, and whether it was closed."""

    def __init__(self, end=None, item=lambda n: n):
        self.made = 0
        self.closed = threading.Event()
        self.end = end
        self.item = item

    async def items(self):
        try:
            while self.made != self.end:
                yield self.item(self.made)
                self.made += 1
                await asyncio.sleep(0)
        finally:
            self.closed.set()


@pytest.fixture
def stream(engine):
    """``stream(source)``"""
    return lambda source: Stream(engine._portal, source.items)


def test_every_item_comes_once_and_in_order(stream):
    source = Source(end=10_000)
    assert list(stream(source)) == list(range(10_000))
    assert source.closed.is_set()


def test_threads_may_share_a_stream(stream):
    shared = stream(Source(end=5_000))
    with ThreadPoolExecutor(4) as threads:
        parts = list(threads.map(lambda _: list(shared), range(4)))
    assert sorted(item for part in parts for item in part) == list(range(5_000))


def test_a_consumer_that_is_slow_holds_up_the_source(stream, engine):
    async def settle(_engine):
        await asyncio.sleep(0.05)

    few, large = Source(), Source(item=bytes)
    large.item = lambda _: bytes(MOST_BYTES // 4)
    streams = stream(few).begin(), stream(large).begin()
    engine.call(settle)
    assert few.made == MOST_ITEMS - 1
    assert large.made == 3
    assert [next(each) for each in streams] == [0, bytes(MOST_BYTES // 4)]


def test_an_error_comes_after_the_items_before_it(engine):
    async def items():
        yield 1
        yield 2
        raise KeyError("broken")

    stream = Stream(engine._portal, items)
    assert [next(stream), next(stream)] == [1, 2]
    with pytest.raises(KeyError, match="broken"):
        next(stream)
    assert list(stream) == []


@pytest.mark.parametrize("read", [0, 3])
def test_closing_ends_the_source(stream, read):
    source = Source()
    with stream(source).begin() as items:
        assert [next(items) for _ in range(read)] == list(range(read))
    assert source.closed.wait(10)


def test_a_stream_begins_when_it_is_read(stream, engine):
    source = Source()
    items = stream(source)
    engine.collect(idle=0)
    assert source.made == 0
    items.close()
    assert list(items) == []


def test_letting_go_ends_the_source(stream):
    source = Source()
    for item in stream(source):
        if item == 3:
            break
    gc.collect()
    assert source.closed.wait(10)


@pytest.mark.parametrize("endless", [False, True], ids=["events", "endless"])
def test_a_stream_that_waits_when_the_engine_closes(tmp_path, endless):
    engine = weft.sync.Engine(tmp_path).start()
    reading, ended = threading.Event(), []

    async def never():
        reading.set()
        yield await asyncio.Event().wait()

    stream = Stream(engine._portal, never) if endless else engine.events()

    def wait():
        try:
            ended.append(next(stream, "the end"))
        except Unavailable as error:
            ended.append(str(error))

    waiting = threading.Thread(target=wait)
    waiting.start()
    assert not endless or reading.wait(10)
    engine.close()
    waiting.join(10)
    assert ended == ["the engine was closed before this was done" if endless else "the end"]
    stream.close()


def test_events_come_from_the_moment_they_are_asked_for(engine, release):
    before = time.time()
    with engine.events() as events:
        engine.call(weft.Engine.run, release())
        told = [next(events) for _ in range(2)]
    assert [(event.plugin, event.kind) for event in told] == [("shop", "starting"), ("shop", "running")]
    assert before <= told[0].time <= told[1].time
