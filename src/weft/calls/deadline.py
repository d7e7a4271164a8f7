"""Deadlines around a block: they travel with every call that is made within, and end them on the other side."""

from __future__ import annotations

import asyncio
import contextvars
import time
from types import TracebackType
from typing import TYPE_CHECKING, Any, Optional, Type

from weft.errors import DeadlineExceeded

if TYPE_CHECKING:
    from typing import Self

_ends: contextvars.ContextVar[Optional[float]] = contextvars.ContextVar("weft.deadline", default=None)
"""When the present deadline passes, by ``time.monotonic()``."""


class deadline:  # noqa: N801 (used like a function, as suppress() is)
    """``with weft.deadline(seconds):`` whatever is awaited within ends by then, or DeadlineExceeded is raised.

    Calls of plugins take the time that is left along, and are cancelled where they run. An outer deadline that is
    nearer holds. ``async with`` does the same. Without an event loop (``weft.sync``) it bounds the calls themselves.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._token: Optional[contextvars.Token[Optional[float]]] = None
        self._timer: Optional[asyncio.TimerHandle] = None
        self._task: Optional[asyncio.Task[Any]] = None
        self._passed = False

    def __enter__(self) -> Self:
        """From now on."""
        outer = _ends.get()
        ends = time.monotonic() + self._seconds
        self._token = _ends.set(ends if outer is None else min(ends, outer))
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return self
        self._task = asyncio.current_task()
        if self._task is not None:
            self._timer = loop.call_later(max(0.0, self._seconds), self._cancel)
        return self

    def _cancel(self) -> None:
        if self._task is not None:
            self._passed = True
            self._task.cancel()

    def __exit__(
        self, kind: Optional[Type[BaseException]], error: Optional[BaseException], _: Optional[TracebackType]
    ) -> None:
        """Raises DeadlineExceeded in place of the cancelling that it caused."""
        if self._token is not None:
            _ends.reset(self._token)
        if self._timer is not None:
            self._timer.cancel()
        task, self._task = self._task, None
        if self._passed and task is not None and _uncancelled(task) and kind is asyncio.CancelledError:
            raise DeadlineExceeded(f"the deadline of {self._seconds:g} s has passed") from error

    async def __aenter__(self) -> Self:
        """See ``__enter__``."""
        return self.__enter__()

    async def __aexit__(
        self, kind: Optional[Type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        """See ``__exit__``."""
        self.__exit__(kind, error, trace)


def _uncancelled(task: asyncio.Task[Any]) -> bool:
    """Take the deadline's own cancelling back; whether nobody else cancelled the task besides."""
    uncancel = getattr(task, "uncancel", None)  # from Python 3.11 on
    return uncancel is None or uncancel() == 0


def time_left() -> Optional[float]:
    """Seconds until the present deadline, negative once it has passed; None where there is none."""
    ends = _ends.get()
    return None if ends is None else ends - time.monotonic()


def inherit(timeout: float) -> None:
    """Within the present context everything has ``timeout`` seconds: what a call that arrives brings along."""
    _ends.set(time.monotonic() + timeout)


def bounded(limit: Optional[float]) -> Optional[float]:
    """The seconds that a call may take whose own limit is ``limit``. Raises DeadlineExceeded when none are left."""
    ends = _ends.get()
    if ends is None:
        return limit
    left = ends - time.monotonic()
    if left <= 0:
        raise DeadlineExceeded("the deadline has passed before the call was made")
    return left if limit is None else min(left, limit)
