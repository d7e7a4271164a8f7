"""The caller's side of a call with items: its stream argument, its callbacks, its stream of results."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any, Callable, Optional, Sequence

from weft.calls.callbacks import END, INVOKE, ITEM, Callbacks
from weft.calls.channel import Call, Channel
from weft.calls.faults import Faults
from weft.calls.streams import Incoming, Outgoing
from weft.contracts.description import Method, Mismatch
from weft.errors import ProtocolError, WeftError, WrongArgument


class Exchange:
    """One call that carries items. See channel.Receiver.

    ``answer`` is a future of its result; ``incoming`` has its items where the method gives a stream.
    """

    def __init__(self, method: Method, values: Sequence[Any], faults: Faults, unpack: Callable[[Any], Any]) -> None:
        self.answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self.incoming: Optional[Incoming] = None
        if method.streams:
            self.incoming = Incoming(unpack, self._grant)
            self.answer.cancel()
        self._method = method
        self._faults = faults
        self._tagged = bool(method.callbacks)
        self._source = values[method.stream_in] if method.stream_in is not None else None
        self._callbacks = Callbacks(method, values, faults, self.broken) if self._tagged else None
        self._pump: Optional[asyncio.Task[None]] = None
        self._call: Optional[Call] = None
        self._outgoing: Optional[Outgoing] = None

    def open(self, channel: Channel, name: str, args: Sequence[Any], timeout: Optional[float]) -> None:
        """Begin the call."""
        streaming = self._source is not None or self._tagged
        self._call = channel.open(name, args, self, streaming=streaming, timeout=timeout)
        self._outgoing = Outgoing(self._call)
        if self._source is not None:
            self._pump = asyncio.get_running_loop().create_task(self._send(name, self._source))

    async def _send(self, name: str, source: Any) -> None:
        """Send the caller's own stream; what it raises is the call's error."""
        assert self._outgoing is not None
        assert self._method.stream_in is not None
        try:
            async for item in _each(source, self._method.name):
                plain = self._method.pack_item(item)
                await self._outgoing.send([ITEM, plain] if self._tagged else plain)
        except Mismatch as mismatch:
            parameter = self._method.parameters[self._method.stream_in].name
            self.broken(WrongArgument(f"{name}: {parameter}: {mismatch}"))
        except Exception as error:
            self.broken(error)
        else:
            self._end_items()

    def _end_items(self) -> None:
        assert self._call is not None
        if self._tagged:
            self._call.send([END])
        else:
            self._call.end()

    def _grant(self, size: int) -> None:
        if self._call is not None:
            self._call.grant(size)

    def broken(self, error: BaseException) -> None:
        """Something of the caller's own failed: the call is given up with it."""
        if self._call is not None:
            self._call.cancel()
        self._over(error)

    def cancel(self) -> None:
        """The caller no longer wants it."""
        if self._call is not None:
            self._call.cancel()
        self.answer.cancel()
        self._close()

    def _over(self, error: BaseException) -> None:
        if self.incoming is not None:
            self.incoming.fail(error)
        elif not self.answer.done():
            self.answer.set_exception(error)
        self._close()

    def _close(self) -> None:
        if self._pump is not None:
            self._pump.cancel()
        if self._callbacks is not None:
            self._callbacks.end()

    # See channel.Receiver.

    def on_item(self, item: Any, size: int) -> None:
        """See channel.Receiver."""
        if not self._tagged:
            self._take(item, size)
        elif _is(item, INVOKE, 4) and self._callbacks is not None and self._call is not None:
            self._callbacks.invoke(item, self._call, size)
        elif _is(item, ITEM, 2):
            self._take(item[1], size)
        else:
            self.broken(ProtocolError(f"sent an item that is none: {item!r:.100}", **self._faults.plugin))

    def _take(self, item: Any, size: int) -> None:
        if self.incoming is None:
            self.broken(ProtocolError("sent an item where one result was expected", **self._faults.plugin))
        else:
            if self._call is not None:
                self._call.began()
            self.incoming.put(item, size)

    def on_result(self, value: Any) -> None:
        """See channel.Receiver."""
        if self.incoming is not None:
            self.incoming.end()
        elif not self.answer.done():
            self.answer.set_result(value)
        self._close()

    def on_error(self, error: WeftError) -> None:
        """See channel.Receiver."""
        self._over(error)

    def on_credit(self) -> None:
        """See channel.Receiver."""
        if self._outgoing is not None:
            self._outgoing.on_credit()
        if self._callbacks is not None and self._call is not None:
            self._callbacks.on_credit(self._call)


class Stream:
    """The items that a method gives: an asynchronous iterator, which begins its call when it is first asked.

    Leaving it unread stops its producer; ``aclose()``, or letting go of it, cancels the call.
    """

    def __init__(self, begin: Callable[[], Exchange], failed: Callable[[BaseException], BaseException]) -> None:
        self._begin: Optional[Callable[[], Exchange]] = begin
        self._failed = failed
        self._exchange: Optional[Exchange] = None
        self._loop: Optional[asyncio.AbstractEventLoop] = None

    def __aiter__(self) -> Stream:
        """It is its own iterator."""
        return self

    async def __anext__(self) -> Any:
        """The next item."""
        exchange = self._exchange or self._start()
        assert exchange.incoming is not None
        try:
            return await exchange.incoming.__anext__()
        except StopAsyncIteration:
            self._exchange = None
            raise
        except BaseException as error:
            self._exchange = None
            exchange.cancel()
            raise self._failed(error) from None

    def _start(self) -> Exchange:
        begin, self._begin = self._begin, None
        if begin is None:
            raise StopAsyncIteration
        self._loop = asyncio.get_running_loop()
        self._exchange = begin()
        return self._exchange

    async def aclose(self) -> None:
        """Cancel the call, if it is under way."""
        exchange, self._exchange, self._begin = self._exchange, None, None
        if exchange is not None:
            exchange.cancel()

    def __del__(self) -> None:
        """Nobody can read it any longer."""
        if self._exchange is not None and self._loop is not None:
            with contextlib.suppress(RuntimeError):  # the loop has ended, and the call with it
                self._loop.call_soon_threadsafe(self._exchange.cancel)


def _is(item: Any, kind: int, length: int) -> bool:
    return isinstance(item, list) and len(item) == length and item[0] == kind


async def _each(source: Any, name: str) -> Any:
    """The items of whatever the caller gave as a stream."""
    if hasattr(source, "__aiter__"):
        async for item in source:
            yield item
    elif hasattr(source, "__iter__"):
        for item in source:
            yield item
    else:
        raise WrongArgument(f"{name}: expected an asynchronous iterator as its stream, found {type(source).__name__}")
