"""Calls that carry items: streams out and in, and callbacks, served by the thread that made the call."""

from __future__ import annotations

import contextvars
import itertools
import threading
import time

import pytest

from weft.errors import PluginError


@pytest.fixture
def gallery(shared_gallery):
    return shared_gallery


def nothing_under_way(gallery, within=10):
    deadline = time.monotonic() + within
    while gallery.under_way() and time.monotonic() < deadline:
        time.sleep(0.01)
    return gallery.under_way() == 0


def test_a_stream_is_a_plain_iterator(gallery):
    assert list(gallery.frames(5_000)) == list(range(5_000))
    assert nothing_under_way(gallery)


def test_an_error_in_a_stream_comes_after_its_items(gallery):
    frames = gallery.frames(13)
    assert list(itertools.islice(frames, 13)) == list(range(13))
    with pytest.raises(PluginError, match="no thirteenth frame"):
        next(frames)


@pytest.mark.parametrize("end", ["close", "let go"])
def test_a_consumer_that_stops_ends_the_stream(gallery, end):
    frames = gallery.frames(10_000_000)
    assert next(frames) == 0
    assert gallery.under_way() == 1
    if end == "close":
        frames.close()
    else:
        del frames
    assert nothing_under_way(gallery)


def test_callbacks_run_in_the_calling_thread(gallery):
    who = contextvars.ContextVar("who")
    who.set("the caller")
    told, asked = [], []

    def progress(part):
        told.append((part, threading.get_ident(), who.get()))

    def agree(step):
        asked.append(threading.get_ident())
        return step % 2 == 0

    assert gallery.convert(4, progress, agree) == [True, False, True, False]
    here = threading.get_ident()
    assert told == [(step / 4, here, "the caller") for step in range(4)]
    assert asked == [here] * 4


def test_a_callback_may_call_the_plugin(gallery):
    pictures = []
    gallery.convert(2, lambda _: pictures.append(gallery.small(b"picture", 3)), bool)
    assert pictures == [b"pic", b"pic"]


def test_an_async_callback_runs_on_the_loop(gallery):
    threads = set()

    async def agree(step):
        threads.add(threading.current_thread().name)
        return step == 1

    assert gallery.convert_later(agree) == [False, True, False]
    assert threads == {"weft-sync"}


def test_an_async_callback_cannot_wait_for_the_loop_that_it_runs_on(gallery):
    async def agree(step):
        return gallery.small(b"picture", step) == b""

    with pytest.raises(PluginError, match="own loop, which would wait for itself for ever"):
        gallery.convert_later(agree)


def test_callbacks_of_a_stream_run_while_its_items_are_waited_for(gallery):
    threads = set()

    def page(number):
        threads.add(threading.get_ident())
        return f"page {number}"

    assert list(gallery.numbered(300, page)) == [f"page {number}" for number in range(300)]
    assert threads == {threading.get_ident()}


def test_a_callback_cannot_read_the_stream_of_its_own_call(gallery):
    pages = gallery.numbered(3, lambda _: next(pages))
    with pytest.raises(PluginError, match="cannot read the stream that the same call gives"):
        next(pages)


def test_an_error_in_a_callback_ends_the_call_where_nobody_waits_for_it(gallery):
    def progress(_part):
        raise OSError("no paper")

    with pytest.raises(OSError, match="no paper"):
        gallery.convert(2, progress, bool)


def test_an_error_in_a_callback_goes_to_the_plugin_that_waits_for_it(gallery):
    def agree(_step):
        raise LookupError("no opinion")

    with pytest.raises(PluginError, match="no opinion"):
        gallery.convert(2, lambda _: None, agree)


def test_an_interrupt_in_a_callback_is_the_callers(gallery):
    def interrupted(_part):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        gallery.convert(2, interrupted, bool)
    assert gallery.small(b"picture", 3) == b"pic"


def test_an_iterable_is_read_in_the_calling_thread(gallery):
    threads = set()

    def numbers():
        for number in range(2_000):
            threads.add(threading.get_ident())
            yield number

    assert gallery.total(numbers()) == sum(range(2_000))
    assert threads == {threading.get_ident()}
    assert gallery.total([1, 2, 3]) == 6


def test_items_that_come_slowly_go_at_once(gallery):
    def numbers():
        for number in range(3):
            before = gallery.have_read()
            yield number
            deadline = time.monotonic() + 10
            while gallery.have_read() == before and time.monotonic() < deadline:
                time.sleep(0.001)
            assert gallery.have_read() == before + 1

    assert gallery.total(numbers()) == 3


def test_an_error_of_the_iterable_is_the_callers(gallery):
    def numbers():
        yield 1
        raise KeyError("torn page")

    with pytest.raises(KeyError, match="torn page"):
        gallery.total(numbers())


def test_an_endless_iterable_is_read_only_as_far_as_it_is_wanted(gallery):
    numbers = itertools.count(-5)
    with pytest.raises(PluginError, match="less than nothing"):
        gallery.total(numbers)
    doubled = gallery.doubled(itertools.count())
    assert list(itertools.islice(doubled, 1_000)) == list(range(0, 2_000, 2))
    assert next(numbers) < 1_000_000
