"""Tasks that are kept: calls run in them one after another, since making a task costs more than most calls do.

Each call has a task to itself for as long as it runs (``asyncio.current_task()``, timeouts and task groups work as they
should), and a context of its own, so that no context variable leaks into the next.
"""

from __future__ import annotations

import asyncio
import contextvars
import types
from collections import deque
from typing import Any, Callable, Coroutine, Deque, Generator, List, Optional, Set

MOST_IDLE = 64
"""Tasks that are kept when they have nothing to do."""


class Job:
    """One coroutine that is run. It handles its own exceptions: nobody looks at how it ends."""

    __slots__ = ("_coroutine", "_task")

    def __init__(self, coroutine: Coroutine[Any, Any, None]) -> None:
        self._coroutine: Optional[Coroutine[Any, Any, None]] = coroutine
        self._task: Optional[asyncio.Task[None]] = None

    def cancel(self) -> None:
        """Cancel it where it waits; before it began, it never does. Nothing to do once it has ended."""
        if self._task is not None:
            self._task.cancel()
        elif self._coroutine is not None:
            self._coroutine.close()
            self._coroutine = None

    def take(self, task: asyncio.Task[None]) -> Optional[Coroutine[Any, Any, None]]:
        """Begin, in ``task``; None when it was cancelled before."""
        self._task = task if self._coroutine is not None else None
        return self._coroutine

    def done(self) -> None:
        """It has ended."""
        self._coroutine = self._task = None


class Workers:
    """Runs jobs on the running loop: in the order in which they came, each until it first waits, then side by side."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._jobs: Deque[Job] = deque()
        self._idle: List[asyncio.Future[None]] = []
        self._called = False
        self._tasks: Set[asyncio.Task[None]] = set()

    def run(self, job: Job) -> None:
        """Run ``job`` from a later turn of the loop on."""
        self._jobs.append(job)
        if not self._called:
            self._call()

    def _call(self) -> None:
        """See to it that one worker comes for the jobs; one is enough until a job makes it wait."""
        self._called = True
        while self._idle:
            idle = self._idle.pop()
            if not idle.done():  # a call may have left something behind that cancels its task later
                idle.set_result(None)
                return
        task = self._loop.create_task(self._work())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _work(self) -> None:
        task = asyncio.current_task()
        assert task is not None
        while True:
            self._called = False
            if not await self._all(task) or len(self._idle) >= MOST_IDLE:
                break
            idle: asyncio.Future[None] = self._loop.create_future()
            self._idle.append(idle)
            try:
                await idle
            except asyncio.CancelledError:
                if idle.done() and not idle.cancelled():  # it was called, and does not come
                    self._called = False
                    if self._jobs:
                        self._call()
                raise

    async def _all(self, task: asyncio.Task[None]) -> bool:
        """Run what there is. False: this task was cancelled on the way, and is not to be used again."""
        jobs = self._jobs
        while jobs:
            job = jobs.popleft()
            if jobs and not self._called:
                self._call()
            coroutine = job.take(task)
            if coroutine is not None:
                await _drive(contextvars.copy_context().run, coroutine)
                job.done()
                if _spoilt(task):
                    return False
        return True

    async def close(self) -> None:
        """Cancel everything, and wait for its end."""
        while self._jobs:
            self._jobs.popleft().cancel()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


@types.coroutine
def _drive(run: Callable[..., Any], coroutine: Coroutine[Any, Any, None]) -> Generator[Any, Any, None]:
    """Await ``coroutine``, each of its steps within the context whose ``run`` is given."""
    step, value = coroutine.send, None
    while True:
        try:
            waits_for = run(step, value)
        except StopIteration:
            return
        try:
            step, value = coroutine.send, (yield waits_for)
        except BaseException as error:
            step, value = coroutine.throw, error


def _spoilt(task: asyncio.Task[None]) -> bool:
    cancelling = getattr(task, "cancelling", None)  # from Python 3.11 on
    return bool(cancelling() if cancelling is not None else task._must_cancel)  # type: ignore[attr-defined]  # noqa: SLF001
