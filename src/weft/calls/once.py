"""The two sides of a plain call: a receiver of one answer, awaited, and a consumer that has nothing to do."""

from __future__ import annotations

import asyncio
from typing import Any

from weft.errors import ProtocolError, WeftError


class Once:
    """See channel.Receiver. ``answer`` is a future of the result."""

    __slots__ = ("answer",)

    def __init__(self) -> None:
        self.answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

    def on_item(self, item: Any, size: int) -> None:  # noqa: ARG002 (the interface's)
        """A plain call has no items."""
        self.on_error(ProtocolError(f"sent an item of {size} bytes where one result was expected"))

    def on_result(self, value: Any) -> None:
        """See channel.Receiver."""
        if not self.answer.done():
            self.answer.set_result(value)

    def on_error(self, error: WeftError) -> None:
        """See channel.Receiver."""
        if not self.answer.done():
            self.answer.set_exception(error)

    def on_credit(self) -> None:
        """Nothing waits for credit here."""


class Unattended:
    """See channel.Consumer: of a call that takes no items, and that runs to its end whatever its caller does."""

    def on_item(self, item: Any, size: int) -> None:
        """Nothing takes items here."""

    def on_end(self) -> None:
        """Nothing takes items here."""

    def on_credit(self) -> None:
        """Nothing waits for credit here."""

    def on_cancel(self) -> None:
        """It runs to its end."""
