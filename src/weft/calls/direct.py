"""Calls of an object that lives in this interpreter: values are handed over as they are."""

from __future__ import annotations

import asyncio
from typing import Any, AsyncIterator, Callable, Dict, Iterator, List

from weft.calls.dispatcher import caller_of
from weft.calls.faults import DeclaredError, Faults
from weft.calls.proxy import Target
from weft.calls.threads import Threads, blocking, in_threads
from weft.contracts.description import Mismatch
from weft.errors import ContractError, WrongArgument, WrongResult


class Direct:
    """Targets that call a provider's own methods. ``running`` grows by one thing for each call under way.

    ``checked``: arguments and results are looked at as if they crossed to a process.
    """

    def __init__(self, implementation: Any, faults: Faults, threads: Threads, *, checked: bool = False) -> None:
        self.implementation = implementation
        self.running: List[None] = []
        self._faults = faults
        self._threads = threads
        self._checked = checked

    def targets(self, contract: Any) -> Dict[str, Target]:
        """By method, for those that the provider has, as ``contract`` declares them. Raises ContractError."""
        return {
            name: self._target(contract, contract.methods[name], each)
            for name, each in self.implementation.methods.items()
        }

    def _target(self, contract: Any, declared: Any, implemented: Any) -> Target:
        name = f"{contract.name}.{declared.name}"
        translated = self._translated(declared)
        if declared.streams:
            make = self._stream if declared.asynchronous else self._plain_stream
            return Target(make(implemented, translated), self.running, translated)
        call = self._call(declared, implemented, name)
        return Target(_checking(call, declared, name) if self._checked else call, self.running, translated)

    def _call(self, declared: Any, implemented: Any, name: str) -> Callable[..., Any]:
        call = caller_of(implemented)
        if implemented.asynchronous == declared.asynchronous:
            return call
        if not declared.asynchronous:
            raise ContractError(
                f"{name} is declared with def, and {self._faults.who} implements it with async def: "
                "declare it async def, or use weft.sync"
            )
        place, run = declared.stream_in, self._threads.run

        async def in_thread(*values: Any) -> Any:
            if place is not None:
                values = (*values[:place], blocking(values[place]), *values[place + 1 :])
            return await run(call, *values)

        return in_thread

    def _stream(self, implemented: Any, translated: Callable[[BaseException], BaseException]) -> Callable[..., Any]:
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
                    await source.aclose()

        return stream

    def _plain_stream(
        self, implemented: Any, translated: Callable[[BaseException], BaseException]
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

    def _translated(self, declared: Any) -> Callable[[BaseException], BaseException]:
        names, classes, faults = declared.raises_names, declared.raises, self._faults

        def translated(error: BaseException) -> BaseException:
            if isinstance(error, (GeneratorExit, KeyboardInterrupt)) or _cancelled(error):
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


def _cancelled(error: BaseException) -> bool:
    """Whether the caller was cancelled, and not only something of the plugin's."""
    if not isinstance(error, asyncio.CancelledError):
        return False
    task = asyncio.current_task()
    cancelling = getattr(task, "cancelling", None)
    return cancelling is None or cancelling() > 0


def _checking(call: Callable[..., Any], declared: Any, name: str) -> Callable[..., Any]:
    def arguments(values: Any) -> None:
        try:
            declared.unpack_arguments(declared.pack_arguments(values))
        except Mismatch as mismatch:
            raise WrongArgument(f"{name}: {mismatch}") from None

    def result(value: Any) -> Any:
        try:
            declared.unpack_result(declared.pack_result(value))
        except Mismatch as mismatch:
            raise WrongResult(f"{name} returned what its contract does not say: {mismatch}") from None
        return value

    async def later(*values: Any) -> Any:
        arguments(values)
        return result(await call(*values))

    def now(*values: Any) -> Any:
        arguments(values)
        return result(call(*values))

    return later if declared.asynchronous else now
