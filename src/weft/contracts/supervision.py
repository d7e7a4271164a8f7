"""Work and its context end together."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any, Awaitable, Callable, Optional, Tuple

from weft.contracts.task_context import TaskContext


async def supervised(context: TaskContext, function: Callable[..., Awaitable[Any]], *args: Any) -> Any:
    """``await function(*args)`` as the work of a context; returns or raises what it does.

    Whoever cancels this ends the context first, and then the work. A context that ends, by its deadline too, cancels
    the work, and its error is raised.
    """
    loop = asyncio.get_running_loop()
    work = loop.create_task(_outcome(function, args))

    def cancel() -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended, and the work with it
            loop.call_soon_threadsafe(work.cancel)

    with context.watched(cancel, cuts=True):
        try:
            await asyncio.wait({work}, timeout=context.time_left())
        except asyncio.CancelledError:
            await _abandon(context, work)
            raise
        late = not work.done()
        if late:
            await _abandon(context, work)
    if late or work.cancelled():
        raise context.err or asyncio.CancelledError
    result, error = work.result()
    if error is not None:
        raise error
    return result


async def _abandon(context: TaskContext, work: asyncio.Task[Any]) -> None:
    context.abandon()
    work.cancel()
    await asyncio.wait({work})


async def _outcome(function: Callable[..., Awaitable[Any]], args: Any) -> Tuple[Any, Optional[BaseException]]:
    """What it returns or raises: in a task of its own, a SystemExit would end the event loop."""
    try:
        return await function(*args), None
    except asyncio.CancelledError:
        raise
    except BaseException as error:
        return None, error
