"""The channel over the wire, the same on both sides: it makes calls and serves them on one connection."""

from __future__ import annotations

import asyncio
import os
import sys
from typing import Any, Callable, Dict, Mapping, Optional, Sequence, Tuple

from weft.calls.channel import Methods, Receiver
from weft.calls.credit import Credit
from weft.calls.expiry import Expiry
from weft.calls.faults import Faults
from weft.calls.hands import Hand, WiredCall, WiredReply
from weft.calls.once import Once
from weft.contracts.mismatch import Mismatch
from weft.errors import (
    DeadlineExceeded,
    InstanceLost,
    Overloaded,
    ProtocolError,
    Unavailable,
    WeftError,
    WrongArgument,
)
from weft.wire import frames
from weft.wire.codec import decode, decode_call
from weft.wire.connection import Connection
from weft.wire.pieces import MAX_VALUE

MOST_WAITING = 32 * 1024 * 1024
"""Bytes that the other side has not taken, past which no call is begun: callers that leave take none of them along."""

MOST_CUT = 4 * MAX_VALUE
"""The same, of large values in pieces."""

OnFault = Callable[[BaseException], None]
"""Told of an exception in a callback: it ends that callback's call and nothing else."""


class WiredRequest:
    """See channel.Request."""

    __slots__ = ("args", "method", "streaming", "timeout", "trace")

    def __init__(self, method: str, streaming: bool, timeout: Optional[float], trace: Any, args: Sequence[Any]) -> None:
        self.method = method
        self.args = args
        self.streaming = streaming
        self.timeout = timeout
        self.trace = trace


class WiredChannel:
    """One end of the wire: a Channel to the other side, and the other side's calls to ``methods``.

    ``faults`` turns the other side's errors into exceptions that name the plugin. ``first_id`` is 1 for the side that
    made the socket pair, 2 for the other. ``on_lost(error)`` is told when the connection is over.
    """

    def __init__(
        self,
        methods: Methods,
        faults: Faults,
        *,
        first_id: int,
        on_fault: OnFault,
        on_lost: Callable[[Optional[Exception]], None],
    ) -> None:
        self.connection = Connection(self._deliver, self._on_connection_lost, self._on_relieved)
        self.closed = False
        self._methods = methods
        self._faults = faults
        self._next_id = first_id
        self._odd = first_id % 2
        self._on_fault = on_fault
        self._on_lost = on_lost
        self._calls: Dict[int, WiredCall] = {}
        self._serving: Dict[int, WiredReply] = {}
        self._expiry = Expiry(self._calls.values)
        self._idle: Optional[asyncio.Future[None]] = None
        self._pings = 0
        self._pongs: Dict[int, asyncio.Future[None]] = {}
        self._owed_pong: Tuple[Any, ...] = ()
        self._hello: Optional[asyncio.Future[Mapping[str, Any]]] = None
        self._handlers = (
            self._take_hello, self._take_call, self._take_result, self._take_error, self._take_cancel,
            self._take_item, self._take_end, self._take_credit, self._take_ping, self._take_pong,
        )  # fmt: skip

    # The caller's side: see channel.Channel.

    @property
    def in_flight(self) -> int:
        """See channel.Channel."""
        return len(self._calls)

    @property
    def serving(self) -> int:
        """Calls of the other side that are being served."""
        return len(self._serving)

    def open(
        self,
        method: str,
        args: Sequence[Any],
        receiver: Receiver,
        *,
        streaming: bool = False,
        timeout: Optional[float] = None,
        trace: Any = None,
    ) -> WiredCall:
        """See channel.Channel. ``timeout`` and ``trace`` travel to the other side."""
        if self.closed:
            raise Unavailable(f"{self._faults.who} is not running")
        if self.connection.congested and (self.connection.waiting > MOST_WAITING or self.connection.cut > MOST_CUT):
            raise Overloaded(f"{self._faults.who} does not take the calls that wait for it")
        call_id = self._next_id
        while call_id in self._calls:  # open since before the ids began anew
            call_id = frames.next_id(call_id)
        self._next_id = frames.next_id(call_id)
        call = WiredCall(self, call_id, receiver)
        try:
            self._send(frames.CALL, call_id, (method, streaming, timeout, trace, args))
        except (frames.FrameError, Mismatch) as error:
            raise WrongArgument(f"{method}: its arguments cannot be sent: {error}") from None
        self._calls[call_id] = call
        if timeout is not None:
            call.limit = method, timeout
            call.expires = self._expiry.after(timeout)
        return call

    async def call(self, method: str, args: Sequence[Any] = (), *, timeout: Optional[float] = None) -> Any:
        """See channel.Channel."""
        once = Once()
        call = self.open(method, args, once, timeout=timeout)
        try:
            return await once.answer
        except BaseException:  # its own end, or of an item where none belongs, which ended nothing over there
            call.cancel()
            raise

    async def close(self) -> None:
        """See channel.Channel."""
        self._end(InstanceLost("the channel was closed", **self._faults.plugin))
        self.connection.close()

    def abort(self, error: Optional[Exception] = None) -> None:
        """End the connection at once."""
        self.connection.abort(error)

    def fail(self, error: WeftError) -> None:
        """End every call in flight with ``error``; the other side is told that nobody wants them any longer."""
        calls = dict(self._calls)
        self._calls.clear()
        for call_id, call in calls.items():
            self._send_cancel(call_id)
            self._guard(call.party.on_error, error)
        self._settle()

    async def drained(self) -> None:
        """Wait until no call is in flight."""
        while self._calls and not self.closed:
            if self._idle is None or self._idle.done():
                self._idle = asyncio.get_running_loop().create_future()
            await asyncio.shield(self._idle)  # others may wait for it too

    async def greet(self, timeout: float) -> Mapping[str, Any]:
        """Exchange hellos; returns the other side's. Raises ProtocolError, DeadlineExceeded or InstanceLost."""
        hello = {"wire": frames.VERSION, "python": ".".join(map(str, sys.version_info[:3])), "pid": os.getpid()}
        if self.closed:
            raise InstanceLost("the connection is closed", **self._faults.plugin)
        self._hello = self._hello or asyncio.get_running_loop().create_future()
        self.connection.send(frames.HELLO, 0, hello)
        try:
            theirs = await asyncio.wait_for(self._hello, timeout)
        except asyncio.TimeoutError:
            raise DeadlineExceeded(f"{self._faults.who} sent no hello within {round(timeout, 3):g} s") from None
        if theirs.get("wire") != frames.VERSION:
            found = theirs.get("wire")
            raise ProtocolError(f"speaks wire version {found!r:.100}, expected {frames.VERSION}", **self._faults.plugin)
        return theirs

    async def ping(self, timeout: float) -> None:
        """Ask for a sign of life. Raises DeadlineExceeded, or InstanceLost when the connection ends."""
        if self.closed:
            raise InstanceLost("the connection is closed", **self._faults.plugin)
        self._pings = number = self._pings + 1
        pong = self._pongs[number] = asyncio.get_running_loop().create_future()
        self.connection.send(frames.PING, 0, number)
        try:
            await asyncio.wait_for(pong, timeout)
        except asyncio.TimeoutError:
            raise DeadlineExceeded(f"{self._faults.who} did not answer a ping within {round(timeout, 3):g} s") from None
        finally:
            self._pongs.pop(number, None)

    def _send(self, kind: int, call_id: int, value: Any) -> int:
        """Send a value; one that the encoder does not know is made plain first. Raises Mismatch for what cannot be."""
        try:
            return self.connection.send(kind, call_id, value)
        except (TypeError, OverflowError, ValueError, RecursionError):
            from weft.contracts.plain import plainly  # most values never need it

            plain = plainly(value)
        try:
            return self.connection.send(kind, call_id, plain)
        except UnicodeEncodeError as error:
            raise Mismatch("text", f"a lone surrogate, {error.object[error.start]!a}") from None

    # What WiredCall and WiredReply do.

    def send_item(self, call_id: int, item: Any, credit: Credit) -> bool:
        """Send one item of a call; False: wait for credit."""
        if self.closed:
            return True
        allowed = credit.spend(self._send(frames.ITEM, call_id, item))
        return allowed and not self.connection.congested

    def forget(self, call_id: int) -> None:
        """The caller cancels: no callback comes any more."""
        if self._calls.pop(call_id, None) is not None:
            self._send_cancel(call_id)
            self._settle()

    def _send_cancel(self, call_id: int) -> None:
        self.connection.drop(call_id)
        self.connection.send(frames.CANCEL, call_id, None)

    def expire(self, call: WiredCall) -> None:
        """The call was not answered in time: the caller gets its error, and the other side is told to stop."""
        method, timeout = call.limit
        party = call.party
        call.cancel()
        late = f"{self._faults.who} did not answer {method} within {round(timeout, 3):g} s"
        self._guard(party.on_error, DeadlineExceeded(late))

    def serves(self, call_id: int) -> bool:
        """Whether that call of the other side still wants an answer."""
        return call_id in self._serving

    def finish(self, call_id: int, kind: int, value: Any) -> None:
        """Answer a call of the other side, once. A value that cannot be sent raises, and the call waits on."""
        reply = self._serving.get(call_id)
        if reply is not None:
            self._send(kind, call_id, value)
            del self._serving[call_id]
            reply.party = None  # the consumer holds the reply: together they would wait for the garbage collector

    # What arrives.

    def _deliver(self, kind: int, call_id: int, payload: frames.Payload) -> None:
        value = decode(payload) if kind != frames.CALL else decode_call(payload)
        self._handlers[kind](call_id, value, len(payload))

    def _take_hello(self, _id: int, value: Any, _size: int) -> None:
        if not isinstance(value, dict) or (self._hello is not None and self._hello.done()):
            raise frames.FrameError("a hello must be a map, and come once")
        self._hello = self._hello or asyncio.get_running_loop().create_future()
        self._hello.set_result(value)

    def _take_call(self, call_id: int, value: Any, _size: int) -> None:
        if call_id % 2 == self._odd or call_id in self._serving:
            raise frames.FrameError(f"call id {call_id} is not the other side's to use now")
        if self._odd and self.connection.congested and self.connection.waiting > MOST_WAITING:
            raise frames.FrameError("calls, and does not read the answers")  # a host grows for no plugin
        self._serving[call_id] = reply = WiredReply(self, call_id, None)
        serve = self._methods.get(value[0])
        if serve is None:
            if self.connection.congested:
                raise frames.FrameError("calls what is not there, and does not read the answers")
            reply.error(Unavailable(f"there is no method {value[0]!r} here"))
            return
        try:
            consumer = serve(WiredRequest(*value), reply)
            if call_id in self._serving:
                reply.party = consumer
        except Exception as error:
            reply.error(error)

    def _take_result(self, call_id: int, value: Any, _size: int) -> None:
        call = self._calls.pop(call_id, None)
        if call is not None:
            try:
                call.party.on_result(value)
            except Exception as error:
                self._on_fault(error)
            if self._idle is not None:
                self._settle()

    def _take_error(self, call_id: int, value: Any, _size: int) -> None:
        call = self._calls.pop(call_id, None)
        if call is not None:
            self._guard(call.party.on_error, self._faults.error(value))
            self._settle()

    def _take_cancel(self, call_id: int, _value: Any, _size: int) -> None:
        self.connection.drop(call_id)
        reply = self._serving.pop(call_id, None)
        if reply is not None and reply.party is not None:
            self._guard(reply.party.on_cancel)

    def _take_item(self, call_id: int, value: Any, size: int) -> None:
        hand = self._hand(call_id)
        if hand is None:
            return
        if not hand.credit.receive(size):
            raise frames.FrameError(f"an item of {size} bytes for call {call_id} came without credit")
        self._tell(call_id, hand.party.on_item, value, size)

    def _take_end(self, call_id: int, _value: Any, _size: int) -> None:
        reply = self._serving.get(call_id)
        if reply is not None and reply.party is not None:
            self._tell(call_id, reply.party.on_end)

    def _take_credit(self, call_id: int, value: Any, _size: int) -> None:
        if type(value) is not int or value <= 0:
            raise frames.FrameError(f"credit must be a positive number of bytes, found {value!r}")
        hand = self._hand(call_id)
        if hand is not None and hand.credit.arrive(value):
            self._tell(call_id, hand.party.on_credit)

    def _take_ping(self, _id: int, value: Any, _size: int) -> None:
        if self.connection.congested:
            self._owed_pong = (value,)  # the latest is enough: whoever does not read must not make this side grow
        else:
            self.connection.send(frames.PONG, 0, value)

    def _take_pong(self, _id: int, value: Any, _size: int) -> None:
        pong = self._pongs.get(value) if isinstance(value, int) else None
        if pong is not None and not pong.done():
            pong.set_result(None)

    def _hand(self, call_id: int) -> Optional[Hand]:
        hands: Mapping[int, Hand] = self._calls if call_id % 2 == self._odd else self._serving
        hand = hands.get(call_id)
        return hand if hand is not None and hand.party is not None else None

    # The end, and what holds on the way.

    def _on_relieved(self) -> None:
        if self._owed_pong:
            self.connection.send(frames.PONG, 0, *self._owed_pong)
            self._owed_pong = ()
        for call_id in (*self._calls, *self._serving):
            hand = self._hand(call_id)
            if hand is not None and hand.credit.left:
                self._tell(call_id, hand.party.on_credit)

    def _on_connection_lost(self, error: Optional[Exception]) -> None:
        lost: WeftError
        if isinstance(error, (frames.FrameError, ValueError, TypeError, RecursionError)):
            lost = ProtocolError(f"broke the wire protocol: {error}", **self._faults.plugin)
        else:
            lost = InstanceLost("its process ended", **self._faults.plugin)
        self._end(lost)
        self._on_lost(lost if isinstance(lost, ProtocolError) else error)

    def _end(self, error: WeftError) -> None:
        self.closed = True
        calls = tuple(self._calls.values())
        self._calls.clear()
        self._expiry.stop()
        serving, self._serving = self._serving, {}
        for call in calls:
            self._guard(call.party.on_error, error)
        for reply in serving.values():
            if reply.party is not None:
                self._guard(reply.party.on_cancel)
        for waiting in (self._hello, *self._pongs.values()):
            if waiting is not None and not waiting.done():
                waiting.set_exception(error)
        self._settle()

    def _settle(self) -> None:
        if self._idle is not None and not self._calls and not self._idle.done():
            self._idle.set_result(None)

    def _tell(self, call_id: int, callback: Callable[..., None], *args: Any) -> None:
        """A callback of a call that goes on after it; an exception ends that call, on both sides."""
        try:
            callback(*args)
        except Exception as error:
            self._on_fault(error)
            self.finish(call_id, frames.ERROR, Faults.describe(error))
            call = self._calls.get(call_id)
            if call is not None:
                self.forget(call_id)
                self._guard(call.party.on_error, WeftError(f"a call of {self._faults.who} was broken off: {error!r}"))

    def _guard(self, callback: Callable[..., None], *args: Any) -> None:
        try:
            callback(*args)
        except Exception as error:
            self._on_fault(error)
