"""Threads for plain ``def`` code: so many, and those that nobody waits for any longer are counted."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import sys
import threading
import time
from concurrent.futures import CancelledError, Future
from functools import partial
from queue import SimpleQueue
from typing import Any, Callable, Dict, List, Optional, Tuple

from weft.errors import Unavailable, WeftError

_BATCH, _WITHIN = 64, 0.005
"""Items that a plain iterator may give, and seconds that it may take, before they are handed over from its thread."""
_PATIENCE = 3.0
"""Seconds for which all threads must be stuck: most end soon after their callers have left, on a busy machine later."""
_END = object()


class Threads:
    """At most ``limit`` threads, made when they are needed.

    A thread cannot be stopped: one whose caller has given up goes on, and is ``stuck`` until it ends. When all are, and
    stay so, ``on_hung()`` is told: nothing can be run any more.
    """

    def __init__(self, limit: int, on_hung: Callable[[], None] = lambda: None) -> None:
        self.limit = limit
        self.stuck = 0
        self._on_hung = on_hung
        self._work: SimpleQueue[Optional[Tuple[Future[Any], Callable[[], Any], str]]] = SimpleQueue()
        self._idle = threading.Semaphore(0)
        self._made = 0
        self._doing: Dict[int, str] = {}
        self._alarm: Optional[asyncio.TimerHandle] = None

    async def run(self, function: Callable[..., Any], *args: Any) -> Any:
        """Call ``function(*args)`` in a thread, within this context; returns or raises what it does."""
        running: Future[Any] = Future()
        call = partial(contextvars.copy_context().run, _contained, function, args)
        self._work.put((running, call, getattr(function, "__qualname__", type(function).__qualname__)))
        if not self._idle.acquire(blocking=False) and self._made < self.limit:
            self._made += 1
            threading.Thread(target=self._serve, name=f"weft {self._made}", daemon=True).start()
        try:
            return await asyncio.wrap_future(running)
        except asyncio.CancelledError:
            if not running.cancel() and not running.done():
                self._count(running)
            raise

    def _serve(self) -> None:
        """What one thread does. Being a daemon it does not hold up the interpreter's end, stuck or not."""
        while (work := self._work.get()) is not None:
            running, call, name = work
            if running.set_running_or_notify_cancel():
                self._doing[threading.get_ident()] = name
                try:
                    running.set_result(call())
                except BaseException as error:
                    running.set_exception(error)
                del self._doing[threading.get_ident()]
            del work, running, call  # what they hold is not this thread's to keep while it waits
            self._idle.release()

    def doing(self) -> List[str]:
        """What runs in them now, each with the file and line that it is at."""
        frames = sys._current_frames()  # noqa: SLF001 - there is no other way to see where a thread is
        return [
            f"{name} at {frames[thread].f_code.co_filename}:{frames[thread].f_lineno}"
            for thread, name in list(self._doing.items())
            if thread in frames
        ]

    def _count(self, running: Future[Any]) -> None:
        loop = asyncio.get_running_loop()
        self.stuck += 1
        running.add_done_callback(lambda _: _tell(loop, self._free))
        if self.stuck >= self.limit and self._alarm is None:
            self._alarm = loop.call_later(_PATIENCE, self._on_hung)

    def _free(self) -> None:
        self.stuck -= 1
        self._silence()

    def _silence(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None

    def close(self) -> None:
        """Take nothing more; threads that run go on."""
        self._silence()
        for _ in range(self._made):
            self._work.put(None)


def _contained(function: Callable[..., Any], args: Any) -> Any:
    try:
        return function(*args)
    except (StopIteration, asyncio.CancelledError) as error:  # neither can be the exception of a future
        raise WeftError(f"{type(error).__name__} was raised in a thread") from error


def _tell(loop: asyncio.AbstractEventLoop, callback: Callable[[], None]) -> None:
    with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
        loop.call_soon_threadsafe(callback)


async def in_threads(source: Any, threads: Threads) -> Any:
    """The items of a plain iterable, taken in a thread a few at a time."""
    iterator = iter(source)
    try:
        while True:
            items, over, error = await threads.run(_some, iterator)
            for item in items:
                yield item
            if error is not None:
                await threads.run(_throw, error)
            if over:
                return
    finally:
        if hasattr(iterator, "close"):
            await threads.run(iterator.close)


def _some(iterator: Any) -> Any:
    """Items that come without delay, at least one; whether there are no more; and what was raised after them."""
    items, until = [], time.monotonic() + _WITHIN
    try:
        for item in iterator:
            items.append(item)
            if len(items) == _BATCH or time.monotonic() > until:
                return items, False, None
    except BaseException as error:
        return items, True, error
    return items, True, None


def _throw(error: BaseException) -> None:
    raise error


class blocking:  # noqa: N801 (used like a function)
    """The items of an asynchronous iterator for a ``def`` method, which takes them in its thread.

    ``give_up()`` ends them there with Unavailable: nobody waits for the method any longer.
    """

    def __init__(self, incoming: Any) -> None:
        self._loop = asyncio.get_running_loop()
        self._incoming = incoming
        self._waiting: Optional[Future[Any]] = None
        self._given_up = False

    def __iter__(self) -> blocking:
        """It is its own iterator."""
        return self

    def __next__(self) -> Any:
        """The next item, once it is there."""
        self._waiting = waiting = asyncio.run_coroutine_threadsafe(self._one(), self._loop)
        if self._given_up:
            waiting.cancel()
        try:
            item = waiting.result()
        except CancelledError:
            raise Unavailable("the call that this stream was given to has ended") from None
        if item is _END:
            raise StopIteration
        return item

    async def _one(self) -> Any:
        try:
            return await self._incoming.__anext__()
        except StopAsyncIteration:
            return _END

    def give_up(self) -> None:
        """The method's caller has left."""
        self._given_up = True
        if self._waiting is not None:
            self._waiting.cancel()
