"""One client's connection: its bytes in, its calls begun, their answers out."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Coroutine
from functools import partial
from typing import TYPE_CHECKING, Any, cast

import structlog

from weft.errors import UsageError, WeftError
from weft.gob import LARGE, NEED_DATA, Sign
from weft.server.front.peer import peer_of
from weft.server.gloom import told_in_short
from weft.server.rpc.calls import Call, Codec, Method, Ready, Taken, prepare
from weft.server.rpc.gate import Gate, Reason
from weft.server.rpc.gob_codec import GobCodec
from weft.server.rpc.json_codec import JsonCodec

if TYPE_CHECKING:
    from weft.server.rpc.listener import Listener

LARGE_BYTES = 1024 * 1024
"""Bytes of a call from which on it must be its connection's turn."""
_AT_ONCE = 256
"""Calls that one connection has answered in one turn of the loop."""
_LINGER = 2.0
"""Seconds for which a client may go on sending what nobody reads, once it was told that its connection ends."""

_LOGGED = 500
"""Characters of what a client is told of its bytes that are logged: some of them are its own."""

_log = structlog.get_logger("weft.rpc")


class Connection(asyncio.Protocol):
    """``deadline``: when it is cut, on the loop's clock, unless something happens before."""

    def __init__(self, listener: Listener) -> None:
        self._listener = listener
        self._codec: Codec | None = None
        self._out: list[bytes] = []
        self._under_way = 0
        self._eof = False
        self._ended = False
        self._large = False
        """Whether it has, or waits for, the turn for a large call."""
        self.deadline = math.inf

    # --- its life ---------------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See asyncio."""
        self._transport = cast("asyncio.Transport", transport)
        self._gate = Gate(self._transport, self._advance)
        self.peer = peer_of(transport, unix=False)
        self._gate.shut(Reason.JUDGED)
        self._listener.welcome(self)

    def admit(self) -> None:
        """The client may call."""
        self._gate.release(Reason.JUDGED)
        self._wait()

    def connection_lost(self, _error: Exception | None) -> None:
        """See asyncio. What is under way is carried through; nobody hears of it."""
        self._ended = True
        self._leave()
        self._listener.forget(self)

    def eof_received(self) -> bool:
        """See asyncio. A client that sends no more still gets its answers."""
        self._eof = True
        self._advance()
        if self._codec is None:
            self.close()
        return not self._ended and not self.peer.tls

    def close(self) -> None:
        """Send what is left, and end it."""
        self._ended = True
        self._transport.close()

    def abort(self) -> None:
        """End it now, whatever is left."""
        self._ended = True
        self._transport.abort()

    def expire(self) -> None:
        """The deadline has come."""
        if not self._ended:
            waiting = self._codec.waiting if self._codec else 0
            _log.info("a client was silent for too long", peer=self.peer.remote, within=f"{waiting} bytes of a call")
        self.abort()

    def _fail(self, error: WeftError) -> None:
        """The client's bytes make no sense: this connection ends, and nothing else."""
        _log.warning("a client sent what is no call", peer=self.peer.remote, reason=str(error)[:_LOGGED])
        if self._codec is not None:
            self._out.append(self._codec.last_words(str(error)))
        self._flush()
        if self._transport.can_write_eof() and not self._eof:
            self._linger()
        else:
            self.close()

    def _linger(self) -> None:
        """Closed with bytes unread, the client would lose its last answer: drop for a while what it still sends."""
        self._ended = True
        self._codec = None
        self._leave()
        self._transport.write_eof()
        self.deadline = self._listener.loop.time() + _LINGER

    # --- reading ----------------------------------------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        """See asyncio."""
        if self._ended or not data:
            return
        if self._codec is None:
            # Go's streams of gob begin with the length of a description, 53; a list is no call, and is told so.
            json = data[0] in b"{["
            self._codec = JsonCodec(self._listener.most_json) if json else GobCodec(self._listener.most_gob)
        self._codec.feed(data)
        self._advance()

    def _advance(self) -> None:
        """Begin every whole call that may be begun now, and send what is answered at once."""
        codec = self._codec
        if codec is None or self._ended:
            return
        try:
            if self._begin_some(codec) is LARGE:
                self._take_large(codec)
        except WeftError as error:
            self._fail(error)
            return
        self._flush()
        if self._gate.open:
            self._look_ahead(codec)
        self._wait()

    def _begin_some(self, codec: Codec) -> Sign:
        """Begin whole calls until there are none, or it is others' turn."""
        for _ in range(_AT_ONCE):
            if not self._gate.open:
                return NEED_DATA
            call = codec.next_call(LARGE_BYTES)
            if isinstance(call, Sign):
                return call
            self._begin(codec, prepare(codec, call, self._listener.services), _nothing)
        self._gate.shut(Reason.TURN)
        self._listener.loop.call_soon(self._gate.release, Reason.TURN)
        return NEED_DATA

    def _look_ahead(self, codec: Codec) -> None:
        """Every whole call is begun: what is to come of the next, if there is one?"""
        large = codec.waiting > LARGE_BYTES
        if self._eof and codec.waiting:
            self._fail(UsageError(f"the stream ended within a call, of which {codec.waiting} bytes had come"))
        elif self._eof and not self._under_way:
            self.close()
        elif large and not self._large:
            self._ask_turn()
        elif not large:
            self._leave()

    def _ask_turn(self) -> None:
        self._large = True
        if not self._listener.turns.ask(self, partial(self._gate.release, Reason.LARGE)):
            self._gate.shut(Reason.LARGE)

    def _take_large(self, codec: Codec) -> None:
        """A large call is whole: decode it apart, once it is its turn."""
        if not self._large:
            self._ask_turn()
        if self._gate.open:
            self._gate.shut(Reason.LARGE)
            self._listener.carry(self._begin_large(codec))

    async def _begin_large(self, codec: Codec) -> None:
        try:
            ready = await asyncio.to_thread(self._decode, codec)
        except WeftError as error:
            self._fail(error)
            return
        if not self._ended:
            self._begin(codec, ready, self._leave)
            self._flush()

    def _decode(self, codec: Codec) -> Ready:
        """In a thread, while nothing else arrives."""
        call = codec.next_call()
        assert isinstance(call, Call)
        return prepare(codec, call, self._listener.services)

    def _leave(self) -> None:
        """The large call is kept elsewhere, or will not be."""
        if self._large:
            self._large = False
            self._listener.turns.leave(self)
            self._gate.release(Reason.LARGE)

    def _wait(self) -> None:
        """Set the deadline by what is waited for."""
        settings, now = self._listener.settings, self._listener.loop.time()
        if self._ended:
            return
        if Reason.UNREAD in self._gate:
            self.deadline = now + settings.read_timeout
        elif self._under_way or not self._gate.open:
            self.deadline = math.inf
        elif self._codec is not None and self._codec.waiting:
            self.deadline = now + settings.read_timeout
        else:
            self.deadline = now + settings.idle_timeout

    # --- calls ------------------------------------------------------------------------------------------------------

    def _begin(self, codec: Codec, ready: Ready, taken: Taken) -> None:
        call, method, argument = ready
        answer = method if isinstance(method, WeftError) else _called(method, argument, taken)
        if isinstance(answer, WeftError):
            self._out.append(codec.refuse(call, told_in_short(answer)))
            taken()
            return
        assert isinstance(method, Method)
        if isinstance(answer, Coroutine):
            self._follow(self._carry(codec, call, method, answer, taken))
        else:
            self._out.append(codec.answer(call, method.gives, answer))
            taken()

    def _follow(self, answering: Coroutine[Any, Any, None]) -> None:
        self._under_way += 1
        if self._under_way >= self._listener.settings.max_in_flight:
            self._gate.shut(Reason.BUSY)
        self._listener.carry(answering)

    async def _carry(
        self, codec: Codec, call: Call, method: Method, answer: Coroutine[Any, Any, Any], taken: Taken
    ) -> None:
        """Answer one call when that can be done."""
        try:
            out = codec.answer(call, method.gives, await answer)
        except WeftError as error:
            out = codec.refuse(call, told_in_short(error))
        except Exception as error:  # noqa: BLE001 - whatever it is, it is answered, and ends no more than this call
            _log.exception("a call failed within the server", method=call.method)
            out = codec.refuse(call, f"{call.method} failed within the server: {error!r}")
        self._under_way -= 1
        taken()
        self._out.append(out)
        self._flush()
        self._gate.release(Reason.BUSY)
        self._advance()

    # --- writing ----------------------------------------------------------------------------------------------------

    def _flush(self) -> None:
        if self._out and not self._ended and not self._transport.is_closing():
            self._transport.write(b"".join(self._out))
        self._out.clear()

    def pause_writing(self) -> None:
        """See asyncio."""
        self._gate.shut(Reason.UNREAD)
        self._wait()

    def resume_writing(self) -> None:
        """See asyncio."""
        self._gate.release(Reason.UNREAD)
        self._wait()


def _nothing() -> None:
    """Small calls take no turn."""


def _called(method: Method, argument: Any, taken: Taken) -> Any:
    """What the method answers; what it raises, as a value."""
    try:
        return method.call(argument, taken)
    except WeftError as error:
        return error
