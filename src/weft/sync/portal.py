"""An event loop in a thread of its own, and the way into it for every other thread."""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
from asyncio import _get_running_loop
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from queue import SimpleQueue
from typing import Any, Generic, ParamSpec, TypeVar

from weft.errors import DeadlineExceeded, Unavailable, UsageError
from weft.sync.errand import Errand, Mail
from weft.sync.loop import new_loop, run_to_end

P = ParamSpec("P")
R = TypeVar("R")
T = TypeVar("T")

_NOT_STARTED = "the engine is not started: use it in a `with` block, or call start()"
_STARTED = "the engine was started before: it runs once, make another one"
_CLOSED = "the engine is closed"
_FORKED = (
    "the engine belongs to process {}, and this is process {}, forked from it: a fork has no share in the engine's "
    "thread and plugins; start an engine after the fork (gunicorn: in post_fork; uWSGI: in @postfork)"
)
_OWN_LOOP = (
    "called on the engine's own loop, which would wait for itself for ever: callbacks and `async def` plugins run "
    "there; hand the work to another thread, or do it after the call"
)
_OTHER_LOOP = (
    "called where an event loop runs, which would stand still meanwhile: use weft.Engine with await, or call it in a "
    "thread (asyncio.to_thread)"
)


class Portal(Generic[R]):
    """Keeps ``resource()`` entered on a loop of its own from ``open`` to ``close``, and runs coroutines beside it.

    Any number of threads may use it at once. The interpreter's exit does not wait for it.
    """

    def __init__(self, resource: Callable[[], AbstractAsyncContextManager[R]]) -> None:
        self._enter = resource
        self._resource: R | None = None
        self._owner: int | None = None
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._over = asyncio.Event()
        self._failure: BaseException | None = None
        self._waiting: set[Errand[Any]] = set()

    # For the other threads.

    @property
    def resource(self) -> R:
        """What the portal keeps. Raises UsageError when it was never opened."""
        if self._resource is None:
            raise UsageError(_NOT_STARTED)
        return self._resource

    def open(self) -> None:
        """Start the thread and enter the resource. Raises what entering raises, and UsageError the second time."""
        if self._thread is not None:
            raise UsageError(_STARTED)
        self._refuse_loops()
        self._owner, self._loop = os.getpid(), new_loop()
        opened: SimpleQueue[None] = SimpleQueue()
        self._thread = threading.Thread(target=self._serve, args=(opened,), name="weft-sync", daemon=True)
        self._thread.start()
        try:
            opened.get()
        except BaseException:
            self.post(self._over.set)
            raise
        self._raise_failure()

    def run(self, function: Callable[P, Awaitable[T]], *args: P.args, **kwargs: P.kwargs) -> T:
        """``await function(...)`` on the loop, in the caller's context; returns or raises what it does.

        An exception in the wait (KeyboardInterrupt) cancels it. Raises UsageError where nobody may wait.
        """
        return self.wait(self.begin(lambda: function(*args, **kwargs)))

    def begin(self, function: Callable[[], Awaitable[T]], mail: Mail | None = None) -> Errand[T]:
        """As ``run``, without waiting yet; who does then serves the requests that come in ``mail``."""
        self._check()
        assert self._loop is not None
        errand = Errand(function, mail if mail is not None else SimpleQueue(), self._waiting.discard)
        self._waiting.add(errand)
        try:
            self._loop.call_soon_threadsafe(errand.begin)
        except RuntimeError as error:
            self._waiting.discard(errand)
            raise Unavailable(_CLOSED) from error
        return errand

    def wait(self, errand: Errand[T]) -> T:
        """The second half of ``run``."""
        try:
            errand.wait()
        except BaseException:
            self.post(errand.cancel)
            raise
        return errand.result()

    def post(self, callback: Callable[..., object], *args: Any) -> None:
        """Have ``callback`` called on the loop, soon; never once the loop has ended, nor in a forked child."""
        if self._loop is not None and self._owner == os.getpid():
            with contextlib.suppress(RuntimeError):  # closed
                self._loop.call_soon_threadsafe(callback, *args)

    def close(self, timeout: float) -> None:
        """Leave the resource and end the thread. Safe to call twice; nothing to do in a forked child.

        Raises what leaving raises, and DeadlineExceeded after ``timeout`` seconds: then the thread lives as long as
        the process, and nobody waits for it.
        """
        if self._thread is None or self._owner != os.getpid():
            return
        if self._thread is threading.current_thread():
            raise UsageError(_OWN_LOOP)
        self.post(self._over.set)
        self._thread.join(timeout)
        if self._thread.is_alive():
            self._fail_waiting()
            raise DeadlineExceeded(f"the engine did not close within {timeout:g} s; its plugins end with this process")
        self._raise_failure()

    def _check(self) -> None:
        if self._owner != os.getpid():
            raise UsageError(_FORKED.format(self._owner, os.getpid()))
        self._refuse_loops()

    def _refuse_loops(self) -> None:
        running = _get_running_loop()
        if running is not None:
            raise UsageError(_OWN_LOOP if running is self._loop else _OTHER_LOOP)

    def _raise_failure(self) -> None:
        failure, self._failure = self._failure, None
        if failure is not None:
            raise failure

    # The thread.

    def _serve(self, opened: SimpleQueue[None]) -> None:
        # A forked child keeps this stack, and never unwinds it. So it finalizes nothing that is reached from here,
        # which is all that the loop owns, and takes no descriptor away that it shares with the parent's loop.
        assert self._loop is not None
        try:
            run_to_end(self._loop, self._hold(opened))
        except BaseException as error:  # noqa: BLE001 (it is the closing thread's)
            self._failure = error
        finally:
            opened.put(None)
            self._fail_waiting()

    async def _hold(self, opened: SimpleQueue[None]) -> None:
        async with self._enter() as self._resource:
            opened.put(None)
            await self._over.wait()

    def _fail_waiting(self) -> None:
        for errand in list(self._waiting):
            errand.fail(Unavailable(_CLOSED))
