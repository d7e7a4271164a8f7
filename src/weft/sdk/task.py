"""Provides the contract ``task`` with a function ``Execute(ctx)``, or an object that has ``execute`` or ``Execute``."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import threading
from typing import Any, Awaitable, Callable, Dict, Optional, Set, Tuple

from weft.calls.deadline import time_left
from weft.calls.threads import Threads
from weft.contracts import dynamic
from weft.contracts.description import Contract
from weft.contracts.implementation import Implementation, Implemented, kind_of
from weft.contracts.mismatch import Mismatch
from weft.contracts.sealed import Sealed
from weft.contracts.supervision import supervised
from weft.contracts.task import TASK
from weft.contracts.task_context import TaskContext
from weft.errors import ContractMismatch, TaskCancelled, WrongResult

NAMES = ("execute", "Execute")
Execute = Callable[[TaskContext], Any]


def is_task(contract: Contract) -> bool:
    """Whether it is the built-in contract, and no other one of that name."""
    return contract.key == TASK.key and contract.describe() == TASK.describe()


def implement_task(provider: Any, threads: Threads) -> Tuple[Implementation, Tasks]:
    """The contract ``task``, by what the plugin's entry is, and what runs it. Raises ContractMismatch."""
    tasks = Tasks(_execute_of(provider), threads)
    method = Implemented(TASK.methods["execute"], tasks.execute, asynchronous=True, generator=False)
    return Implementation(TASK, provider, {"execute": method}, (), {}), tasks


def _execute_of(provider: Any) -> Execute:
    named = (getattr(provider, name, None) for name in NAMES)
    execute: Any = next(filter(callable, named), provider)
    if not callable(execute):
        what = f"module {provider.__name__}" if inspect.ismodule(provider) else f"a {type(provider).__qualname__}"
        raise ContractMismatch(
            f"{what} does not provide {TASK.key}: expected a function Execute(ctx), or an object with execute(ctx)"
        )
    try:
        inspect.signature(execute).bind(None)
    except TypeError:
        signature = f"{getattr(execute, '__name__', 'execute')}{inspect.signature(execute)}"
        raise ContractMismatch(
            f"execute: the contract {TASK.key} says execute(ctx), the plugin has {signature}"
        ) from None
    except ValueError:
        pass  # a builtin, which does not say what it takes
    found: Execute = execute
    return found


class Tasks:
    """Runs one plugin's ``Execute``."""

    def __init__(self, execute: Execute, threads: Threads) -> None:
        self._function = execute
        self._threads = threads
        self._awaited, _ = kind_of(execute)
        self._running: Set[TaskContext] = set()

    async def execute(self, values: Any, changed: Callable[[Any], Awaitable[None]]) -> Any:
        """Run it on a context of the caller's, or on the values of one that came from afar."""
        if isinstance(values, TaskContext):
            return await self._run(values)
        changes = _Changes(changed)
        context = TaskContext.arrived(values, changes.put)
        context.begin(time_left())
        try:
            result = _sealed(await supervised(context, self._run, context))
        except asyncio.CancelledError:
            changes.drop()
            raise
        except BaseException:
            await changes.told()  # what was set before it failed
            raise
        await changes.told()
        return result

    async def _run(self, context: TaskContext) -> Any:
        self._running.add(context)
        try:
            result = self._function(context) if self._awaited else await self._threads.run(self._function, context)
            return await result if inspect.isawaitable(result) else result
        finally:
            self._running.discard(context)

    def wind_down(self) -> None:
        """The plugin is about to be stopped: what runs is told so, and goes on as long as it is let."""
        for context in list(self._running):
            context.wind_down(TaskCancelled("the plugin is unloaded: what still runs ends with limits.drain"))


def _sealed(result: Any) -> Sealed:
    try:
        return Sealed(dynamic.pack(result))
    except Mismatch as mismatch:
        raise WrongResult(f"task.execute returned what cannot cross: {mismatch}") from None


class _Changes:
    """What a task sets, on its way to the caller: one batch at a time, of each key the latest."""

    def __init__(self, changed: Callable[[Dict[str, Sealed]], Awaitable[None]]) -> None:
        self._changed = changed
        self._loop = asyncio.get_running_loop()
        self._lock = threading.Lock()
        self._waiting: Dict[str, Sealed] = {}
        self._called = False
        self._telling: Optional[asyncio.Task[None]] = None

    def put(self, key: str, plain: Any) -> None:
        """A value was set, in any thread."""
        with self._lock:
            self._waiting[key] = Sealed(plain)
            called, self._called = self._called, True
        if not called:
            with contextlib.suppress(RuntimeError):  # the loop has ended, and the call with it
                self._loop.call_soon_threadsafe(self._begin)

    def _begin(self) -> None:
        self._telling = self._loop.create_task(self._tell())

    async def _tell(self) -> None:
        while batch := self._take():
            await self._changed(batch)

    def _take(self) -> Dict[str, Sealed]:
        with self._lock:
            batch, self._waiting = self._waiting, {}
            self._called = bool(batch)
        return batch

    async def told(self) -> None:
        """The task is over: returns when the caller has everything. Raises why it cannot have it."""
        try:
            if self._telling is not None:
                await self._telling
            await self._tell()
        finally:
            self.drop()

    def drop(self) -> None:
        """Nobody waits for the task any longer, nor for what it still sets."""
        self._called = True
        if self._telling is not None and not self._telling.cancel() and not self._telling.cancelled():
            self._telling.exception()  # it was raised where somebody waited, or nobody does
