"""The one small interface between contracts and runtimes: call, open a stream, close.

A contract knows only this; a runtime implements it once. It assumes neither the wire, nor msgpack, nor Python on
the other side: arguments, items and results are plain values (None, bool, int, float, str, bytes, list, dict).

A call has one shape, whatever its kind::

    caller   open(method, args) ─ item … item ─ end         (items only where the method takes a stream)
    callee                        item … item ─ result | error

Items are bounded by credit, counted in bytes of their encoded form: whoever receives an item grants its size back
once it is consumed, and a sender without credit must wait. Everything here happens on one event loop; no callback
may block, and an exception in one call's callback ends that call only.
"""

from __future__ import annotations

from typing import Any, Callable, Mapping, Optional, Protocol, Sequence

from weft.errors import WeftError

WINDOW = 256 * 1024
"""Bytes of items that a sender may have under way in one direction of one call."""


class Receiver(Protocol):
    """What the caller of a call implements. ``on_result`` or ``on_error`` comes exactly once, last."""

    def on_item(self, item: Any, size: int) -> None:
        """One item from the callee; call ``Call.grant(size)`` when it is consumed."""

    def on_result(self, value: Any) -> None:
        """The call is done."""

    def on_error(self, error: WeftError) -> None:
        """The call failed: a PluginError, DeadlineExceeded, InstanceLost, DrainEnded …"""

    def on_credit(self) -> None:
        """The callee consumed something: ``send`` may be tried again."""


class Call(Protocol):
    """One call, in the caller's hand."""

    def send(self, item: Any) -> bool:
        """Send one item. The item is always taken; False says that credit is used up: wait for ``on_credit``."""

    def end(self) -> None:
        """No more items from the caller."""

    def grant(self, size: int) -> None:
        """``size`` bytes of received items are consumed; the callee may send as many again."""

    def began(self) -> None:
        """The answer has begun to come: the call's ``timeout`` counts no longer."""

    def cancel(self) -> None:
        """The caller no longer wants it. No callback comes after this. Safe to call twice and after the end."""


class Channel(Protocol):
    """One running instance, as its callers see it."""

    @property
    def in_flight(self) -> int:
        """Calls opened and not ended (nor cancelled)."""

    @property
    def closed(self) -> bool:
        """No further call can be opened."""

    def open(
        self,
        method: str,
        args: Sequence[Any],
        receiver: Receiver,
        *,
        streaming: bool = False,
        timeout: Optional[float] = None,
    ) -> Call:
        """Begin a call. ``streaming``: the caller will send items, then ``end()``. Raises Unavailable when closed.

        ``timeout``: seconds within which the end must come, or ``Call.began()`` be called, else the call is cancelled,
        and ``on_error`` gets DeadlineExceeded. The callee is told of it.
        """

    async def call(self, method: str, args: Sequence[Any] = (), *, timeout: Optional[float] = None) -> Any:
        """One plain call. Raises what ``on_error`` would be given; DeadlineExceeded after ``timeout`` seconds."""

    async def close(self) -> None:
        """End the channel; calls in flight fail with InstanceLost."""


class Reply(Protocol):
    """One call, in the callee's hand. After ``result``, ``error``, or the caller's cancelling, nothing is sent."""

    def send(self, item: Any) -> bool:
        """Send one item. The item is always taken; False says that credit is used up: wait for ``on_credit``."""

    def grant(self, size: int) -> None:
        """``size`` bytes of received items are consumed; the caller may send as many again."""

    def result(self, value: Any) -> None:
        """The call is done."""

    def error(self, error: BaseException) -> None:
        """The call failed."""


class Consumer(Protocol):
    """What the callee of a call implements."""

    def on_item(self, item: Any, size: int) -> None:
        """One item from the caller; call ``Reply.grant(size)`` when it is consumed."""

    def on_end(self) -> None:
        """No more items from the caller."""

    def on_credit(self) -> None:
        """The caller consumed something: ``send`` may be tried again."""

    def on_cancel(self) -> None:
        """The caller no longer wants it, or is gone. Nothing comes after this."""


class Request(Protocol):
    """What a call begins with, as the callee gets it."""

    method: str
    args: Sequence[Any]
    streaming: bool
    timeout: Optional[float]


Serve = Callable[[Request, Reply], Consumer]
"""Begins to serve one call; an exception is the call's error."""
Methods = Mapping[str, Serve]
"""What one side offers to the other, by method name."""
