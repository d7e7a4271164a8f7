"""What a call asks of the thread that made it, while that thread waits: its callbacks, and the items of its stream."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any

from weft.sync.errand import Mail
from weft.sync.portal import Portal
from weft.sync.reader import Reader


class Visits:
    """One call's way to its caller. ``mail`` is what the caller has to serve."""

    def __init__(self, portal: Portal[Any]) -> None:
        self.mail: Mail = SimpleQueue()
        self._portal = portal

    def callback(self, function: Any) -> Any:
        """For the loop, in the place of ``function``: an ``async def`` runs there itself, another in the caller."""
        if not callable(function) or inspect.iscoroutinefunction(function):
            return function

        def visit(*args: Any) -> asyncio.Future[Any]:
            asked = _Visit(self._portal, function, args)
            self.mail.put(asked)
            return asked.answer

        return visit

    def items(self, source: Any) -> Any:
        """For the loop, in the place of an iterable that the caller's thread is to read."""
        return Reader(source, self._portal, self.mail).items() if hasattr(source, "__iter__") else source


class _Visit:
    """See errand.Request. ``answer`` is a future of what the function returns."""

    def __init__(self, portal: Portal[Any], function: Callable[..., Any], args: tuple[Any, ...]) -> None:
        self.answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._portal = portal
        self._function = function
        self._args = args

    def serve(self) -> None:
        """See errand.Request. An interrupt is the thread's own; any other exception goes to who asked."""
        try:
            self._portal.post(self._returned, self._function(*self._args))
        except Exception as error:  # noqa: BLE001
            self._portal.post(self._raised, error)

    def _returned(self, value: Any) -> None:
        if not self.answer.done():
            self.answer.set_result(value)

    def _raised(self, error: Exception) -> None:
        if not self.answer.done():
            stopped = isinstance(error, StopIteration)  # which no future takes
            self.answer.set_exception(RuntimeError("a callback raised StopIteration") if stopped else error)
            self.answer.exception()  # the call may have ended, with nobody left to look at it
