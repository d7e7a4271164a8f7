"""The way into the loop's thread: context, threads, interruption."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import os
import signal
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor

import pytest


async def echo(_engine, value):
    await asyncio.sleep(0)
    return value


def test_sixteen_threads_get_each_their_own_answers(engine):
    def many(number):
        return [engine.call(echo, (number, n)) for n in range(200)]

    with ThreadPoolExecutor(16) as threads:
        answers = list(threads.map(many, range(16)))
    assert answers == [[(number, n) for n in range(200)] for number in range(16)]


def test_the_callers_context_goes_along_and_does_not_come_back(engine):
    who = contextvars.ContextVar("who", default="nobody")

    async def read(_engine):
        found = who.get()
        who.set("the loop")
        return found

    who.set("the caller")
    assert engine.call(read) == "the caller"
    assert who.get() == "the caller"


def test_an_exception_of_any_kind_is_the_callers(engine):
    async def leave(_engine):
        raise SystemExit(3)

    with pytest.raises(SystemExit) as caught:
        engine.call(leave)
    assert caught.value.code == 3
    assert engine.call(echo, 1) == 1


def test_an_interrupt_cancels_what_the_caller_waits_for(engine):
    cancelled = threading.Event()

    async def wait(_engine):
        os.kill(os.getpid(), signal.SIGINT)  # as Ctrl-C does
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.set()
            raise

    with pytest.raises(KeyboardInterrupt):
        engine.call(wait)
    assert cancelled.wait(10)
    assert engine.call(echo, 1) == 1


def test_a_call_leaves_nothing_for_the_garbage_collector(engine):
    class BrokenError(Exception):
        pass

    async def fail(_engine):
        raise BrokenError

    def ask():
        try:
            engine.call(fail)
        except BrokenError as error:
            return weakref.ref(error)

    gc.disable()
    try:
        assert ask()() is None
    finally:
        gc.enable()
