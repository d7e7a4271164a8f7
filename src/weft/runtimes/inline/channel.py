"""The channel to methods in the host's own process: values are handed over as they are."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from weft.calls.channel import Consumer, Methods, Receiver
from weft.calls.credit import Credit
from weft.calls.expiry import NEVER, Expiry
from weft.calls.faults import Faults
from weft.calls.once import Once
from weft.errors import DeadlineExceeded, InstanceLost, Unavailable, WeftError

_PLAIN_ITEM = 64
"""Bytes of credit that an item other than bytes or text counts as, besides the bytes and text that it lists."""


class InlineChannel:
    """See calls.channel.Channel. Callbacks come in a later turn of the event loop, as they would from a process."""

    def __init__(self, methods: Methods, faults: Faults, *, on_fault: Callable[[BaseException], None]) -> None:
        self.closed = False
        self.faults = faults
        self._methods = methods
        self._on_fault = on_fault
        self._calls: set[InlineCall] = set()
        self._expiry = Expiry(lambda: self._calls)
        self._loop = asyncio.get_running_loop()
        self._idle: asyncio.Event | None = None

    @property
    def in_flight(self) -> int:
        """See calls.channel.Channel."""
        return len(self._calls)

    def open(
        self,
        method: str,
        args: Sequence[Any],
        receiver: Receiver,
        *,
        streaming: bool = False,
        timeout: float | None = None,
    ) -> InlineCall:
        """See calls.channel.Channel."""
        if self.closed:
            raise Unavailable(f"{self.faults.who} is not running")
        call = InlineCall(self, receiver)
        self._calls.add(call)
        self._loop.call_soon(self._serve, call, InlineRequest(method, args, streaming, timeout))
        if timeout is not None:
            call.limit = method, timeout
            call.expires = self._expiry.after(timeout)
        return call

    async def call(self, method: str, args: Sequence[Any] = (), *, timeout: float | None = None) -> Any:
        """See calls.channel.Channel."""
        once = Once()
        call = self.open(method, args, once, timeout=timeout)
        try:
            return await once.answer
        except asyncio.CancelledError:
            call.cancel()
            raise

    async def close(self) -> None:
        """See calls.channel.Channel."""
        self.closed = True
        self._expiry.stop()
        self.fail(InstanceLost("the channel was closed", **self.faults.plugin))

    async def drained(self) -> None:
        """Wait until no call is in flight."""
        while self._calls:
            self._idle = self._idle or asyncio.Event()
            self._idle.clear()
            await self._idle.wait()

    def fail(self, error: WeftError) -> None:
        """End every call in flight with ``error``."""
        for call in list(self._calls):
            receiver = call.receiver
            call.cancel()
            self._guard(receiver.on_error, error)

    def expire(self, call: InlineCall) -> None:
        """The call was not answered in time: the caller gets its error, and the callee is told to stop."""
        method, timeout = call.limit
        call.cancel()
        late = f"{self.faults.who} did not answer {method} within {round(timeout, 3):g} s"
        self._guard(call.receiver.on_error, DeadlineExceeded(late))

    def _serve(self, call: InlineCall, request: InlineRequest) -> None:
        if call not in self._calls:
            return
        serve = self._methods.get(request.method)
        if serve is None:
            call.reply.error(Unavailable(f"there is no method {request.method!r} here"))
            return
        try:
            call.reply.consumer = serve(request, call.reply)
        except Exception as error:
            call.reply.error(error)

    def alive(self, call: InlineCall) -> bool:
        """Whether that call has neither ended nor been cancelled."""
        return call in self._calls

    def to_caller(self, call: InlineCall, callback: Callable[..., None], *args: Any) -> None:
        """Call the caller back in a later turn, if the call is still alive then."""
        self._loop.call_soon(self._if_alive, call, self._caller_broke, callback, *args)

    def to_callee(self, call: InlineCall, callback: Callable[..., None], *args: Any) -> None:
        """Call the callee back in a later turn, if the call is still alive then."""
        self._loop.call_soon(self._if_alive, call, self._callee_broke, callback, *args)

    def _if_alive(
        self,
        call: InlineCall,
        broke: Callable[[InlineCall, Exception], None],
        callback: Callable[..., None],
        *args: Any,
    ) -> None:
        if call in self._calls:
            try:
                callback(*args)
            except Exception as error:
                self._on_fault(error)
                broke(call, error)

    def _caller_broke(self, call: InlineCall, error: Exception) -> None:
        self.cancel(call)
        self._guard(call.receiver.on_error, WeftError(f"a call of {self.faults.who} was broken off: {error!r}"))

    def _callee_broke(self, call: InlineCall, error: Exception) -> None:
        self.end(call, call.receiver.on_error, self.faults.error(Faults.describe(error)))

    def end(self, call: InlineCall, callback: Callable[..., None], *args: Any) -> None:
        """The call's last callback; after it the call is forgotten."""
        if call in self._calls:
            self._forget(call)
            self._guard(callback, *args)

    def cancel(self, call: InlineCall) -> None:
        """The caller no longer wants it."""
        if call in self._calls:
            self._forget(call)
            if call.reply.consumer is not None:
                self._guard(call.reply.consumer.on_cancel)

    def _forget(self, call: InlineCall) -> None:
        self._calls.discard(call)
        if self._idle is not None and not self._calls:
            self._idle.set()

    def _guard(self, callback: Callable[..., None], *args: Any) -> None:
        try:
            callback(*args)
        except Exception as error:
            self._on_fault(error)


class InlineRequest:
    """See calls.channel.Request."""

    __slots__ = ("args", "method", "streaming", "timeout")

    def __init__(self, method: str, args: Sequence[Any], streaming: bool, timeout: float | None) -> None:
        self.method = method
        self.args = args
        self.streaming = streaming
        self.timeout = timeout


class InlineCall:
    """See calls.channel.Call."""

    __slots__ = ("_channel", "credit", "expires", "limit", "receiver", "reply")
    limit: tuple[str, float]

    def __init__(self, channel: InlineChannel, receiver: Receiver) -> None:
        self._channel = channel
        self.expires = NEVER
        self.receiver = receiver
        self.credit = Credit()
        self.reply = InlineReply(channel, self)

    def expire(self) -> None:
        """See calls.expiry.Expiring."""
        self._channel.expire(self)

    def began(self) -> None:
        """See calls.channel.Call."""
        self.expires = NEVER

    def send(self, item: Any) -> bool:
        """See calls.channel.Call."""
        size = _size(item)
        self._channel.to_callee(self, self._arrive, item, size)
        return self.credit.spend(size)

    def _arrive(self, item: Any, size: int) -> None:
        self.reply.credit.receive(size)
        if self.reply.consumer is not None:
            self.reply.consumer.on_item(item, size)

    def end(self) -> None:
        """See calls.channel.Call."""
        self._channel.to_callee(self, self._ended)

    def _ended(self) -> None:
        if self.reply.consumer is not None:
            self.reply.consumer.on_end()

    def grant(self, size: int) -> None:
        """See calls.channel.Call."""
        report = self.credit.consume(size)
        if report and self.reply.credit.arrive(report):
            self._channel.to_callee(self, self._granted)

    def _granted(self) -> None:
        if self.reply.consumer is not None:
            self.reply.consumer.on_credit()

    def cancel(self) -> None:
        """See calls.channel.Call."""
        self._channel.cancel(self)


class InlineReply:
    """See calls.channel.Reply."""

    __slots__ = ("_call", "_channel", "consumer", "credit")

    def __init__(self, channel: InlineChannel, call: InlineCall) -> None:
        self._channel = channel
        self._call = call
        self.consumer: Consumer | None = None
        self.credit = Credit()

    def send(self, item: Any) -> bool:
        """See calls.channel.Reply."""
        size = _size(item)
        self._channel.to_caller(self._call, self._arrive, item, size)
        return self.credit.spend(size) or not self._channel.alive(self._call)

    def _arrive(self, item: Any, size: int) -> None:
        self._call.credit.receive(size)
        self._call.receiver.on_item(item, size)

    def grant(self, size: int) -> None:
        """See calls.channel.Reply."""
        report = self.credit.consume(size)
        if report and self._call.credit.arrive(report):
            self._channel.to_caller(self._call, self._call.receiver.on_credit)

    def result(self, value: Any) -> None:
        """See calls.channel.Reply."""
        self._channel.to_caller(self._call, self._channel.end, self._call, self._call.receiver.on_result, value)

    def error(self, error: BaseException) -> None:
        """See calls.channel.Reply."""
        fault = self._channel.faults.error(Faults.describe(error))
        self._channel.to_caller(self._call, self._channel.end, self._call, self._call.receiver.on_error, fault)


def _size(item: Any) -> int:
    if isinstance(item, (bytes, str)):
        return len(item)
    parts = item if isinstance(item, (list, tuple)) else ()
    return _PLAIN_ITEM + sum(len(part) for part in parts if isinstance(part, (bytes, str)))
