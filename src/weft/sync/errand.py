"""One coroutine that runs on the loop for a thread that waits for it, and may ask things of that thread."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Awaitable, Callable
from queue import Empty, SimpleQueue
from typing import Any, Generic, Protocol, TypeVar, Union

from weft.errors import Unavailable

T = TypeVar("T")
Mail = SimpleQueue[Union["Errand[Any]", "Request"]]
"""What comes for one thread: the end of what it waits for, and before it requests, as many as the channel lets by."""
LOOK_UP = 1.0
"""Seconds after which a thread that waits looks up: a signal that came while it fell asleep did not wake it."""


class Request(Protocol):
    """What a thread that waits is asked to do meanwhile."""

    def serve(self) -> None:
        """Do it; what it raises ends the wait."""


class Errand(Generic[T]):
    """``await function()``, in the context of the thread that makes it.

    That thread calls ``wait`` and then ``result``; all else belongs to the loop. The end comes in ``mail``, where the
    thread serves the requests before it. ``done(errand)`` is told at the end too.
    """

    __slots__ = ("_context", "_done", "_error", "_function", "_mail", "_task", "_value")
    _value: T

    def __init__(self, function: Callable[[], Awaitable[T]], mail: Mail, done: Callable[[Errand[Any]], None]) -> None:
        self._function = function
        self._mail = mail
        self._done = done
        self._context = contextvars.copy_context()
        self._error: BaseException | None = None
        self._task: asyncio.Task[None] | None = None

    def wait(self) -> None:
        """Serve what is asked, until the end."""
        while (arrived := self._arrived()) is not self:
            if not isinstance(arrived, Errand):  # an earlier one, that the thread did not wait for to its end
                arrived.serve()

    def _arrived(self) -> Errand[Any] | Request:
        while True:
            try:
                return self._mail.get(timeout=LOOK_UP)
            except Empty:
                continue  # the interpreter has had the occasion to raise what a signal's handler does

    def result(self) -> T:
        """What the function returned; raises what it raised."""
        try:
            if self._error is not None:
                raise self._error
            return self._value
        finally:
            self._error = None  # or it and its traceback would hold each other

    def begin(self) -> None:
        """Start the coroutine."""
        self._task = asyncio.get_running_loop().create_task(self._run(), context=self._context)

    def cancel(self) -> None:
        """Nobody waits any longer."""
        if self._task is not None:  # its first step goes first: a task cancelled before never runs, nor ends the errand
            asyncio.get_running_loop().call_soon(self._task.cancel)

    def fail(self, error: BaseException) -> None:
        """It will not be done."""
        self._error = error
        self._end()

    async def _run(self) -> None:
        try:
            self._value = await self._function()
        except asyncio.CancelledError:
            self._error = Unavailable("the engine was closed before this was done")
        except BaseException as error:  # noqa: BLE001 (it is the waiting thread's, SystemExit too)
            self._error = error
        self._end()

    def _end(self) -> None:
        self._done(self)
        self._mail.put(self)
