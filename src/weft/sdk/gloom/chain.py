"""One request's way through its handlers: ``async def`` on the event loop, ``def`` in a thread."""

from __future__ import annotations

import asyncio
import inspect
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, Callable, Dict, List, Optional, Tuple

from weft.sdk.gloom.failures import HttpError
from weft.sdk.gloom.requests import Request
from weft.sdk.scope import path_below

if TYPE_CHECKING:
    from weft.sdk.gloom.responses import Response
    from weft.sdk.gloom.router import Router


class _WaitingThread:
    """A thread whose ``def`` handler waits for the next one: it runs what must be in a thread meanwhile.

    So one request never has two threads, and middleware that waits cannot use up all that its next handlers need.
    """

    def __init__(self) -> None:
        self._jobs: SimpleQueue[Optional[Callable[[], None]]] = SimpleQueue()

    def submit(self, function: Callable[..., Any], *arguments: Any) -> "Future[Any]":
        """As of an Executor."""
        future: Future[Any] = Future()
        self._jobs.put(partial(_run, future, function, arguments))
        return future

    def until(self, awaited: "Future[Any]") -> Any:
        """The result of ``awaited``."""
        awaited.add_done_callback(lambda _: self._jobs.put(None))
        while True:
            job = self._jobs.get()  # ends with ``awaited``, which the request's end cancels
            if job is None:
                return awaited.result()
            job()


def _run(future: "Future[Any]", function: Callable[..., Any], arguments: Any) -> None:
    if not future.set_running_or_notify_cancel():
        return
    try:
        future.set_result(function(*arguments))
    except BaseException as error:  # whoever waits for it raises it
        future.set_exception(error)


def _guarded(function: Callable[..., Any], arguments: Any) -> Any:
    try:
        return function(*arguments)
    except StopIteration as error:  # no future can hold it
        raise RuntimeError("the handler raised StopIteration") from error


class Chain:
    """The handlers that one request meets. ``pool``: the threads for ``def``."""

    def __init__(self, router: "Router", scope: Dict[str, Any], body: bytes, pool: ThreadPoolExecutor) -> None:
        self.request = Request(scope, body, self)
        self._router = router
        self._steps = router.steps(scope["method"], path_below(scope))
        self._pool = pool
        self._loop = asyncio.get_running_loop()
        self._waiting: List[_WaitingThread] = []
        self._awaited: List[Future[Any]] = []
        self._matched = False
        self._over = False

    def next(self) -> Any:
        """On the event loop a coroutine, in a thread what it returns."""
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            return self._next_in_thread()
        return self.advance()

    async def advance(self) -> "Response":
        """Let the next handler answer."""
        step = next(self._steps, None)
        if step is None:
            raise self._missing()
        route, handler, self.request.params = step
        self._matched = self._matched or not route.middleware
        return self.request.response.take(await self.call(handler, self.request))

    async def call(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Call a function of the plugin's where it belongs."""
        called = function(*arguments) if is_async(function) else self.in_thread(function, *arguments)
        answer = await called
        return await answer if inspect.isawaitable(answer) else answer

    async def in_thread(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Call a function that may block."""
        submit = self._waiting[-1].submit if self._waiting else self._pool.submit
        return await asyncio.wrap_future(submit(_guarded, function, arguments))

    def _next_in_thread(self) -> "Response":
        thread = _WaitingThread()
        self._waiting.append(thread)
        awaited = asyncio.run_coroutine_threadsafe(self._outcome(), self._loop)
        self._awaited.append(awaited)
        try:
            if self._over:
                awaited.cancel()
            response, error = thread.until(awaited)
        finally:
            self._awaited.remove(awaited)
            self._waiting.remove(thread)
        if error is not None:
            raise error
        its: Response = response
        return its

    async def _outcome(self) -> Tuple[Any, Optional[BaseException]]:
        """As ``advance``; what would end the event loop, were it a task's, is given back."""
        try:
            return await self.advance(), None
        except (SystemExit, KeyboardInterrupt) as error:
            return None, error

    def close(self) -> None:
        """The request is over: no thread waits for it any more."""
        self._over = True
        for awaited in list(self._awaited):
            awaited.cancel()

    def _missing(self) -> HttpError:
        method, path = self.request.method, self.request.path
        others = [] if self._matched else self._router.methods(path)
        if others:
            return HttpError(405, headers={"allow": ", ".join(others)})
        return HttpError(404, f"Cannot {method} {path}")


def is_async(function: Any) -> bool:
    """Whether calling it gives a coroutine at once."""
    call = function if inspect.isroutine(function) or isinstance(function, partial) else type(function).__call__
    return inspect.iscoroutinefunction(call)
