"""What comes of a call, in its order, for a coroutine that takes one after the other."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Literal, NamedTuple

from weft.calls.channel import Call
from weft.errors import DeadlineExceeded, Overloaded, Unavailable, WeftError

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Head = list[tuple[bytes, bytes]]


class Came(NamedTuple):
    """One of them; ``left``: the client has gone."""

    kind: Literal["item", "result", "error", "left"]
    value: Any = None
    size: int = 0


class Inbox:
    """See calls.channel.Receiver for what arrives; the call's credit bounds how much of it waits here."""

    call: Call

    def __init__(self) -> None:
        self.came: asyncio.Queue[Came] = asyncio.Queue()
        self._credit = asyncio.Event()

    async def pass_on(self, item: Any) -> None:
        """Send an item; returns when the plugin takes the next."""
        self._credit.clear()
        if not self.call.send(item):
            await self._credit.wait()

    def on_item(self, item: Any, size: int) -> None:
        """See channel.Receiver."""
        self.came.put_nowait(Came("item", item, size))

    def on_result(self, value: Any) -> None:
        """See channel.Receiver."""
        self.came.put_nowait(Came("result", value))

    def on_error(self, error: WeftError) -> None:
        """See channel.Receiver."""
        self.came.put_nowait(Came("error", error))

    def on_credit(self) -> None:
        """See channel.Receiver."""
        self._credit.set()


def parsed_head(head: bytes) -> Head:
    """A header block as ASGI has it."""
    lines = [line.partition(b": ") for line in head.split(b"\r\n") if line]
    return [(name, value) for name, _, value in lines]


def failure(error: WeftError) -> tuple[int, str]:
    """What a client may know of it: a status with its name."""
    if isinstance(error, Unavailable | Overloaded):
        return 503, "Service Unavailable"
    return (504, "Gateway Timeout") if isinstance(error, DeadlineExceeded) else (502, "Bad Gateway")
