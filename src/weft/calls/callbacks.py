"""Callback arguments: they travel as items of the call that they were given to, and end with it.

Items of a call with callbacks are tagged, in both directions; a call without carries its items as they are::

    callee to caller    [ITEM, value]        one item of its stream
                        [INVOKE, number, index of the parameter, arguments]
    caller to callee    [ITEM, value]        one item of the stream argument
                        [END]                no more of them
                        [RETURN, number, value]
                        [RAISE, number, described error]

A callback that returns nothing is told, not asked: it is not waited for, and RETURN only says that it was served.
"""

from __future__ import annotations

import asyncio
import threading
from typing import Any, Callable, Coroutine, Dict, List, Sequence, Set

from weft.calls.channel import Call, Reply
from weft.calls.faults import Faults
from weft.calls.streams import Outgoing
from weft.contracts.description import CallbackShape, Method, Mismatch
from weft.errors import (
    ContractError,
    Overloaded,
    PluginError,
    ProtocolError,
    Unavailable,
    WeftError,
    WrongArgument,
)

ITEM, INVOKE, RETURN, RAISE, END = range(5)
MOST_TOLD = 1000
"""Callbacks that may wait for the caller when the code that calls them does not let the event loop run."""


class Invocations:
    """The callee's side: what it asks of the caller's callbacks within one call."""

    def __init__(self, method: Method, reply: Reply, outgoing: Outgoing, faults: Faults) -> None:
        self._method = method
        self._reply = reply
        self._outgoing = outgoing
        self._faults = faults
        self._loop = asyncio.get_running_loop()
        self._thread = threading.get_ident()
        self._asked: Dict[int, asyncio.Future[Any]] = {}
        """What is waited for, by number."""
        self._number = 0
        self._told = 0
        self._over = False

    def callback(self, index: int) -> Callable[..., Any]:
        """What the method gets as its argument at that place."""
        shape = _shape(self._method, index)

        def told(*args: Any) -> None:
            if threading.get_ident() == self._thread:
                self._tell(index, shape.pack_arguments(args))
            else:
                asyncio.run_coroutine_threadsafe(self._deliver(index, shape.pack_arguments(args)), self._loop).result()

        async def awaited(*args: Any) -> Any:
            result = await self._ask(index, shape.pack_arguments(args))
            try:
                return shape.unpack_result(result)
            except Mismatch as found:
                raise WrongArgument(f"{self._where(index)}: its result: {found}") from None

        def asked(*args: Any) -> Any:
            if threading.get_ident() == self._thread:
                raise ContractError(
                    f"{self._where(index)}: its result cannot be had without waiting: "
                    "declare it as Callable[..., Awaitable[...]], or implement the method with def"
                )
            return asyncio.run_coroutine_threadsafe(awaited(*args), self._loop).result()

        if shape.awaited:
            return awaited
        return told if _silent(shape) else asked

    def _where(self, index: int) -> str:
        return f"{self._method.name}: callback {self._method.parameters[index].name}"

    def _send(self, index: int, args: Sequence[Any]) -> bool:
        if self._over:
            raise Unavailable(f"{self._where(index)}: the call that it belongs to has ended")
        self._number += 1
        return self._reply.send([INVOKE, self._number, index, args])

    def _tell(self, index: int, args: Sequence[Any]) -> None:
        if self._told >= MOST_TOLD:
            raise Overloaded(
                f"{self._where(index)}: the caller has not taken the last {MOST_TOLD}: await something between them"
            )
        self._told = 0 if self._send(index, args) else self._told + 1

    async def _deliver(self, index: int, args: Sequence[Any]) -> None:
        if not self._send(index, args):
            await self._outgoing.credit()

    async def _ask(self, index: int, args: Sequence[Any]) -> Any:
        self._send(index, args)  # who waits for the answer needs no credit: it may come before that does
        number = self._number
        answer = self._asked[number] = asyncio.get_running_loop().create_future()
        try:
            return await answer
        finally:
            self._asked.pop(number, None)

    def on_item(self, item: List[Any]) -> None:
        """RETURN or RAISE came."""
        kind, number, value = item
        answer = self._asked.get(number)
        if answer is None or answer.done():
            return
        if kind == RETURN:
            answer.set_result(value)
        else:
            answer.set_exception(self._raised(value))

    def _raised(self, described: Any) -> WeftError:
        """What the caller's callback raised, as the plugin gets it."""
        error = self._faults.error(described)
        if not isinstance(error, PluginError):
            return error
        what = f"{error.type_name}: {error.message}" if error.type_name else error.message
        return PluginError(f"a callback of {self._method.name} raised {what}", traceback=error.traceback)

    def end(self) -> None:
        """The call is over: nothing more can be asked."""
        self._over = True
        for answer in self._asked.values():
            answer.cancel()


class Callbacks:
    """The caller's side: serves the callbacks that it gave along with one call.

    ``broken(error)`` is told of the exception of a callback whose caller does not wait for it.
    """

    def __init__(
        self, method: Method, values: Sequence[Any], faults: Faults, broken: Callable[[BaseException], None]
    ) -> None:
        self._method = method
        self._values = values
        self._faults = faults
        self._broken = broken
        self._tasks: Set[asyncio.Task[None]] = set()
        self._owed = 0

    def invoke(self, item: List[Any], call: Call, size: int) -> None:
        """Serve one INVOKE; its ``size`` is granted when that is done."""
        _, number, index, args = item
        if index not in self._method.callbacks:
            raise ProtocolError(f"calls back to parameter {index!r:.20}, which is no callback", **self._faults.plugin)
        shape = _shape(self._method, index)
        try:
            result = self._values[index](*self._arguments(shape, index, args))
            if hasattr(result, "__await__"):
                self._spawn(self._later(result, shape, number, call, size))
                return
            taken = call.send([RETURN, number, shape.pack_result(result)])
        except Exception as error:
            taken = self._failed(error, shape, number, call)
        self._grant(size, call, taken=taken)

    def _grant(self, size: int, call: Call, *, taken: bool) -> None:
        """Whoever asks without taking the answers is not to ask more."""
        if taken:
            call.grant(size)
        else:
            self._owed += size

    def on_credit(self, call: Call) -> None:
        """The callee has taken something."""
        owed, self._owed = self._owed, 0
        if owed:
            call.grant(owed)

    def _arguments(self, shape: CallbackShape, index: int, args: Sequence[Any]) -> Sequence[Any]:
        try:
            return shape.unpack_arguments(args)
        except Mismatch as found:
            name = self._method.parameters[index].name
            raise WrongArgument(f"{self._method.name}: callback {name}: {found}") from None

    def _spawn(self, coroutine: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _later(self, result: Any, shape: CallbackShape, number: int, call: Call, size: int) -> None:
        try:
            taken = call.send([RETURN, number, shape.pack_result(await result)])
        except Exception as error:
            taken = self._failed(error, shape, number, call)
        self._grant(size, call, taken=taken)

    def _failed(self, error: Exception, shape: CallbackShape, number: int, call: Call) -> bool:
        if _silent(shape):
            self._broken(error)
            return True
        return call.send([RAISE, number, Faults.describe(error)])

    def end(self) -> None:
        """The call is over: callbacks under way are cancelled."""
        for task in self._tasks:
            task.cancel()


def _shape(method: Method, index: int) -> CallbackShape:
    shape = method.parameters[index].shape
    assert isinstance(shape, CallbackShape)
    return shape


def _silent(shape: CallbackShape) -> bool:
    """Whether nothing comes back, so that nobody waits."""
    return not shape.awaited and shape.result.kinds == {type(None)}
