"""The callee's side of typed calls: from the channel to the methods of a provider, and back.

For each call: the arguments are made and checked, the method is called (a ``def`` one in a thread), and what it gives
is sent. A wrong argument never reaches the method; whatever it raises is the call's error, and no other call's.
"""

from __future__ import annotations

import asyncio
from typing import Any, Callable, List, Optional, Sequence

from weft.calls.callbacks import END, ITEM, RAISE, RETURN, Invocations
from weft.calls.channel import Consumer, Methods, Reply, Request, Serve
from weft.calls.deadline import inherit
from weft.calls.faults import DeclaredError, Faults
from weft.calls.streams import Incoming, Outgoing
from weft.calls.threads import Threads, blocking, in_threads
from weft.calls.workers import Job, Workers
from weft.contracts.description import Mismatch
from weft.contracts.implementation import Implementation, Implemented
from weft.errors import WrongArgument, WrongResult
from weft.wire.frames import FrameError


class Dispatcher:
    """Serves contracts' methods. ``threads`` runs ``def`` code; ``faults`` names the other side in its errors."""

    def __init__(self, threads: Threads, faults: Faults) -> None:
        self.workers = Workers()
        self.threads = threads
        self.faults = faults
        self.ending = False

    async def close(self) -> None:
        """Cancel what is served, and answer no more."""
        self.ending = True
        await self.workers.close()
        self.threads.close()

    def methods(self, implementation: Implementation) -> Methods:
        """What a channel serves for one implemented contract: by ``contract.method``."""
        name = implementation.contract.name
        return {f"{name}.{each}": self._serve(name, how) for each, how in implementation.methods.items()}

    def _serve(self, contract: str, implemented: Implemented) -> Serve:
        method = implemented.method
        entire = _Entire(self, contract, implemented)
        if method.streams or method.stream_in is not None or method.callbacks:
            return lambda request, reply: _Exchange(entire, request, reply)
        answer, workers = entire.answer if implemented.asynchronous else entire.answer_from_thread, self.workers

        def serve(request: Request, reply: Reply) -> Consumer:
            job = _Plain(answer(request, reply))
            workers.run(job)
            return job

        return serve


class _Plain(Job):
    """The consumer of a call without items."""

    __slots__ = ()

    def on_item(self, item: Any, size: int) -> None:
        """A plain call takes none."""

    def on_end(self) -> None:
        """A plain call takes none."""

    def on_credit(self) -> None:
        """A plain call sends no items."""

    def on_cancel(self) -> None:
        """See channel.Consumer."""
        self.cancel()


def caller_of(implemented: Implemented) -> Callable[..., Any]:
    """The provider's method, to be called with every argument in its place, even those that go by name."""
    call = implemented.call
    named = [each.name for each in implemented.method.parameters if each.keyword_only]
    if not named:
        return call
    return lambda *values: call(*values[: -len(named)], **dict(zip(named, values[-len(named) :])))


class _Entire:
    """One method of a provider: how its plain calls are answered, and what its errors say."""

    def __init__(self, dispatcher: Dispatcher, contract: str, implemented: Implemented) -> None:
        self.dispatcher = dispatcher
        self.asynchronous = implemented.asynchronous
        self.call = caller_of(implemented)
        self.method = implemented.method
        self.name = f"{contract}.{implemented.method.name}"

    async def answer(self, request: Request, reply: Reply) -> None:
        """A call of an ``async def`` method."""
        try:
            if request.timeout is not None:
                inherit(request.timeout)
            result = await self.call(*self.arguments(request.args))
            reply.result(self.plain(result))
        except asyncio.CancelledError as error:
            self.cancelled(reply, error)
        except BaseException as error:
            self.failed(reply, error)

    async def answer_from_thread(self, request: Request, reply: Reply) -> None:
        """A call of a ``def`` method."""
        try:
            if request.timeout is not None:
                inherit(request.timeout)
            arguments = self.arguments(request.args)
            reply.result(self.plain(await self.dispatcher.threads.run(self.call, *arguments)))
        except asyncio.CancelledError as error:
            self.cancelled(reply, error)
        except BaseException as error:
            self.failed(reply, error)

    def arguments(self, plain: Any) -> Sequence[Any]:
        """Typed arguments. Raises WrongArgument."""
        try:
            return self.method.unpack_arguments(plain)
        except Mismatch as mismatch:
            raise WrongArgument(f"{self.name}: {mismatch}") from None

    def plain(self, result: Any) -> Any:
        """A result, or an item of the result, as it crosses. Raises WrongResult."""
        try:
            return self.method.pack_result(result)
        except Mismatch as mismatch:
            raise WrongResult(f"{self.name} returned what its contract does not say: {mismatch}") from None

    def failed(self, reply: Reply, error: BaseException) -> None:
        """The call ends with an error."""
        if isinstance(error, (FrameError, Mismatch)):
            error = WrongResult(f"{self.name} returned what cannot be sent: {error}")
        names = {each.__name__ for each in type(error).__mro__}
        declared = next((name for name in self.method.raises_names if name in names), None)
        reply.error(error if declared is None else DeclaredError.of(error, declared))

    def cancelled(self, reply: Reply, error: asyncio.CancelledError) -> None:
        """Either nobody waits for the answer any more, and none is sent, or the method cancelled itself.

        When everything ends, the caller learns that from the channel's end.
        """
        if not self.dispatcher.ending:
            reply.error(error)


class _Exchange:
    """A call with items, in one direction or both, or with callbacks. See channel.Consumer."""

    def __init__(self, entire: _Entire, request: Request, reply: Reply) -> None:
        self._entire = entire
        self._method = entire.method
        self._reply = reply
        self._tagged = bool(self._method.callbacks)
        self._outgoing = Outgoing(reply)
        self._incoming: Optional[Incoming] = None
        self._blocking: Optional[blocking] = None
        self._invocations: Optional[Invocations] = None
        if self._method.stream_in is not None:
            self._incoming = Incoming(self._item, reply.grant)
        if self._tagged:
            self._invocations = Invocations(self._method, reply, self._outgoing, entire.dispatcher.faults)
        self._job = Job(self._run(request))
        entire.dispatcher.workers.run(self._job)

    def _item(self, plain: Any) -> Any:
        try:
            return self._method.unpack_item(plain)
        except Mismatch as mismatch:
            assert self._method.stream_in is not None
            parameter = self._method.parameters[self._method.stream_in].name
            raise WrongArgument(f"{self._entire.name}: {parameter}: {mismatch}") from None

    async def _run(self, request: Request) -> None:
        entire = self._entire
        try:
            if request.timeout is not None and not self._method.streams:
                inherit(request.timeout)  # of a stream it bounds the first item alone
            arguments = self._arguments(request.args)
            if self._method.streams:
                await self._stream(arguments)
                self._reply.result(None)
            else:
                self._reply.result(entire.plain(await self._call(arguments)))
        except asyncio.CancelledError as error:
            entire.cancelled(self._reply, error)
        except BaseException as error:
            entire.failed(self._reply, error)
        finally:
            if self._invocations is not None:
                self._invocations.end()

    def _arguments(self, plain: Any) -> List[Any]:
        arguments = list(self._entire.arguments(plain))
        place = self._method.stream_in
        if self._incoming is not None and place is not None:
            if not self._entire.asynchronous:
                self._blocking = blocking(self._incoming)
            arguments[place] = self._blocking or self._incoming
        for place in self._method.callbacks:
            assert self._invocations is not None
            arguments[place] = self._invocations.callback(place) if arguments[place] else None
        return arguments

    async def _call(self, arguments: List[Any]) -> Any:
        entire = self._entire
        if entire.asynchronous:
            return await entire.call(*arguments)
        return await entire.dispatcher.threads.run(entire.call, *arguments)

    async def _stream(self, arguments: List[Any]) -> None:
        source = self._entire.call(*arguments)
        if hasattr(source, "__await__"):
            source = await source
        if not hasattr(source, "__aiter__"):
            source = in_threads(source, self._entire.dispatcher.threads)
        iterator = source.__aiter__()
        plain, send, tagged = self._entire.plain, self._outgoing.send, self._tagged
        try:
            async for item in iterator:
                await send([ITEM, plain(item)] if tagged else plain(item))
        finally:
            if hasattr(iterator, "aclose"):
                await iterator.aclose()

    # See channel.Consumer.

    def on_item(self, item: Any, size: int) -> None:
        """See channel.Consumer."""
        if not self._tagged:
            self._take(item, size)
            return
        kind = item[0]
        if kind == ITEM:
            self._take(item[1], size)
            return
        self._reply.grant(size)
        if kind == END:
            self.on_end()
        elif kind in (RETURN, RAISE) and self._invocations is not None:
            self._invocations.on_item(item)

    def _take(self, item: Any, size: int) -> None:
        if self._incoming is not None:
            self._incoming.put(item, size)

    def on_end(self) -> None:
        """See channel.Consumer."""
        if self._incoming is not None:
            self._incoming.end()

    def on_credit(self) -> None:
        """See channel.Consumer."""
        self._outgoing.on_credit()

    def on_cancel(self) -> None:
        """See channel.Consumer."""
        self._job.cancel()
        if self._invocations is not None:
            self._invocations.end()
        if self._blocking is not None:
            self._blocking.give_up()
        self._outgoing.on_credit()  # a thread that waits for it learns that the call is over
