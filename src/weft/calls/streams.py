"""Items of one call: those that come in, as an asynchronous iterator; those that go out, as fast as they are taken."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any, Callable, Deque, Optional, Tuple

Grant = Callable[[int], None]
TURN = 64
"""Items that are handed over in one go before others have their turn on the event loop."""


class Incoming:
    """Items as they arrive, in order, each granted when it is taken. One reader at a time.

    ``unpack`` makes and checks the typed item. It ends with ``end()``, or with what ``fail(error)`` is given; items
    that came before are still handed out.
    """

    __slots__ = ("_ended", "_error", "_grant", "_items", "_taken", "_unpack", "_waiting")

    def __init__(self, unpack: Callable[[Any], Any], grant: Grant) -> None:
        self._items: Deque[Tuple[Any, int]] = deque()
        self._unpack = unpack
        self._grant = grant
        self._ended = False
        self._error: Optional[BaseException] = None
        self._waiting: Optional[asyncio.Future[None]] = None
        self._taken = 0

    def put(self, item: Any, size: int) -> None:
        """An item of ``size`` bytes came."""
        self._items.append((item, size))
        if self._waiting is not None:
            self._wake()

    def end(self) -> None:
        """No more will come."""
        self._ended = True
        self._wake()

    def fail(self, error: BaseException) -> None:
        """No more will come, because of ``error``."""
        self._error, self._ended = self._error or error, True
        self._wake()

    def _wake(self) -> None:
        waiting, self._waiting = self._waiting, None
        if waiting is not None and not waiting.done():
            waiting.set_result(None)

    def __aiter__(self) -> Incoming:
        """It is its own iterator."""
        return self

    async def __anext__(self) -> Any:
        """The next item. Raises what the stream failed with."""
        if not self._items:
            await self._more()
        elif self._taken >= TURN:
            self._taken = 0
            await asyncio.sleep(0)
        self._taken += 1
        item, size = self._items.popleft()
        self._grant(size)
        return self._unpack(item)

    async def _more(self) -> None:
        self._taken = 0
        while not self._items:
            if self._error is not None:
                raise self._error
            if self._ended:
                raise StopAsyncIteration
            self._waiting = asyncio.get_running_loop().create_future()
            await self._waiting


class Outgoing:
    """Sends items, and waits while the other side does not take them. ``hand`` is the call's or the reply's."""

    __slots__ = ("_hand", "_paused", "_sent")

    def __init__(self, hand: Any) -> None:
        self._hand = hand
        self._paused: Optional[asyncio.Future[None]] = None
        self._sent = 0

    async def send(self, item: Any) -> None:
        """Send one item; returns when another one may be sent."""
        if not self._hand.send(item):
            await self.credit()
        elif self._sent >= TURN:
            self._sent = 0
            await asyncio.sleep(0)
        else:
            self._sent += 1

    async def credit(self) -> None:
        """Wait until the other side has taken something."""
        self._sent = 0
        if self._paused is None or self._paused.done():
            self._paused = asyncio.get_running_loop().create_future()
        await asyncio.shield(self._paused)  # a call may have several senders: its stream and its callbacks

    def on_credit(self) -> None:
        """Something was taken."""
        if self._paused is not None and not self._paused.done():
            self._paused.set_result(None)
