"""One coroutine that runs on the loop for a thread that waits for it."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Awaitable, Callable, Mapping
from queue import SimpleQueue
from typing import Any, Generic, TypeVar

from weft.errors import Unavailable

T = TypeVar("T")


class Errand(Generic[T]):
    """``await function(*args, **kwargs)``, in the context of the thread that makes it.

    That thread calls ``wait`` and then ``result``; all else belongs to the loop. ``done(errand)`` is told at its end.
    """

    __slots__ = ("_args", "_context", "_done", "_error", "_function", "_kwargs", "_over", "_task", "_value")
    _value: T

    def __init__(
        self,
        function: Callable[..., Awaitable[T]],
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
        done: Callable[[Errand[Any]], None],
    ) -> None:
        self._function = function
        self._args = args
        self._kwargs = kwargs
        self._done = done
        self._context = contextvars.copy_context()
        self._over: SimpleQueue[None] = SimpleQueue()  # woken through it, a thread still takes signals
        self._error: BaseException | None = None
        self._task: asyncio.Task[None] | None = None

    def wait(self) -> None:
        """Wait for the end."""
        self._over.get()

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
            self._value = await self._function(*self._args, **self._kwargs)
        except asyncio.CancelledError:
            self._error = Unavailable("the engine was closed before this was done")
        except BaseException as error:  # noqa: BLE001 (it is the waiting thread's, SystemExit too)
            self._error = error
        self._end()

    def _end(self) -> None:
        self._done(self)
        self._over.put(None)
