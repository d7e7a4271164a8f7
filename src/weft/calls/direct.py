"""Calls of an object that lives in this interpreter: values are handed over as they are."""

from __future__ import annotations

import asyncio
import threading
from typing import Any, AsyncIterator, Callable, Iterator, List

from weft.calls.checks import Checks
from weft.calls.dispatcher import caller_of
from weft.calls.faults import DeclaredError, Faults
from weft.calls.proxy import Target
from weft.calls.threads import Threads, blocking, in_threads
from weft.contracts.description import Method
from weft.contracts.implementation import Implementation, Implemented
from weft.errors import WrongArgument, WrongResult


class Direct:
    """Targets that call a provider's own methods. ``running`` grows by one thing for each call under way.

    ``checked``: arguments and results are looked at as if they crossed to a process.
    """

    def __init__(
        self, implementation: Implementation, faults: Faults, threads: Threads, *, checked: bool = False
    ) -> None:
        self.implementation = implementation
        self.running: List[None] = []
        self._faults = faults
        self._threads = threads
        self._checked = checked

    def waits(self, name: str) -> bool:
        """Whether the provider implements that method with ``async def``: only an event loop can call it."""
        return self.implementation.methods[name].asynchronous

    def target(self, declared: Method) -> Target:
        """A target for a method as the host declares it. ``def`` can lead to a ``def`` implementation only."""
        implemented = self.implementation.methods[declared.name]
        name = f"{self.implementation.contract.name}.{declared.name}"
        translated = self._translated(declared)
        if declared.streams:
            make = self._stream if declared.asynchronous else self._plain_stream
            call = make(implemented, translated)
        else:
            call = self._call(declared, implemented)
        return Target(Checks(declared, name).around(call) if self._checked else call, self.running, translated)

    def _call(self, declared: Method, implemented: Implemented) -> Callable[..., Any]:
        call = caller_of(implemented)
        if implemented.asynchronous == declared.asynchronous:
            return call
        place, run = declared.stream_in, self._threads.run

        async def in_thread(*values: Any) -> Any:
            if place is None:
                return await run(call, *values)
            items = blocking(values[place])
            try:
                return await run(call, *values[:place], items, *values[place + 1 :])
            except asyncio.CancelledError:
                items.give_up()
                raise

        return in_thread

    def _stream(
        self, implemented: Implemented, translated: Callable[[BaseException], BaseException]
    ) -> Callable[..., Any]:
        call, running, threads = caller_of(implemented), self.running, self._threads

        async def stream(*values: Any) -> AsyncIterator[Any]:
            running.append(None)
            source: Any = None
            try:
                source = call(*values)
                if hasattr(source, "__await__"):
                    source = await source
                if not hasattr(source, "__aiter__"):
                    source = in_threads(source, threads)
                async for item in source:
                    yield item
            except BaseException as error:
                raise translated(error) from error.__cause__
            finally:
                running.pop()
                if hasattr(source, "aclose"):
                    await _closed(source, translated)

        return stream

    def _plain_stream(
        self, implemented: Implemented, translated: Callable[[BaseException], BaseException]
    ) -> Callable[..., Any]:
        call, running = caller_of(implemented), self.running

        def stream(*values: Any) -> Iterator[Any]:
            running.append(None)
            try:
                yield from call(*values)
            except BaseException as error:
                raise translated(error) from error.__cause__
            finally:
                running.pop()

        return stream

    def _translated(self, declared: Method) -> Callable[[BaseException], BaseException]:
        names, classes, faults = declared.raises_names, declared.raises, self._faults

        def translated(error: BaseException) -> BaseException:
            if isinstance(error, GeneratorExit) or _interrupted(error, declared.asynchronous) or _cancelled(error):
                return error
            if isinstance(error, (*classes, WrongArgument, WrongResult)):
                return error
            ours = next((each.__name__ for each in type(error).__mro__ if each.__name__ in names), None)
            if ours is not None:
                return DeclaredError.of(error, ours).itself(classes)
            made = faults.error(Faults.describe(error))
            made.__cause__ = error
            return made

        return translated


def _interrupted(error: BaseException, asynchronous: bool) -> bool:
    """Whether the host was interrupted in plain code of the plugin's; on an event loop the host itself is told so."""
    here = threading.current_thread() is threading.main_thread()
    return isinstance(error, KeyboardInterrupt) and not asynchronous and here


async def _closed(source: Any, translated: Callable[[BaseException], BaseException]) -> None:
    """End a stream; what the provider raises then is its error too."""
    try:
        await source.aclose()
    except BaseException as error:
        raise translated(error) from error.__cause__


def _cancelled(error: BaseException) -> bool:
    """Whether the caller was cancelled, and not only something of the plugin's."""
    if not isinstance(error, asyncio.CancelledError):
        return False
    try:
        task = asyncio.current_task()
    except RuntimeError:  # a thread without an event loop: nobody can have cancelled it
        return False
    cancelling = getattr(task, "cancelling", None)
    return cancelling is None or cancelling() > 0
