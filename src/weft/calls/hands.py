"""One call over the wire, in the caller's hand and in the callee's: what each may do to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Optional, Tuple

from weft.calls.credit import Credit
from weft.calls.expiry import NEVER
from weft.calls.faults import Faults
from weft.wire import frames

if TYPE_CHECKING:
    from weft.calls.wired import WiredChannel


class Hand:
    """What both hands of a call share: its id, whom its items are for, and their credit."""

    __slots__ = ("_channel", "_credit", "_id", "expires", "party")

    def __init__(self, channel: WiredChannel, call_id: int, party: Any) -> None:
        self._channel = channel
        self._id = call_id
        self._credit: Optional[Credit] = None
        self.expires = NEVER
        self.party = party

    @property
    def credit(self) -> Credit:
        """Made on first use: most calls carry no items."""
        if self._credit is None:
            self._credit = Credit()
        return self._credit


class WiredCall(Hand):
    """See channel.Call. Its ``party`` is the caller's Receiver; ``limit`` is its method and the seconds it may take."""

    __slots__ = ("limit",)
    limit: Tuple[str, float]

    def expire(self) -> None:
        """See expiry.Expiring."""
        self._channel.expire(self)

    def began(self) -> None:
        """See channel.Call."""
        self.expires = NEVER

    def send(self, item: Any) -> bool:
        """See channel.Call."""
        return self._channel.send_item(self._id, item, self.credit)

    def end(self) -> None:
        """See channel.Call."""
        self._channel.connection.send(frames.END, self._id, None)

    def grant(self, size: int) -> None:
        """See channel.Call."""
        report = self.credit.consume(size)
        if report:
            self._channel.connection.send(frames.CREDIT, self._id, report)

    def cancel(self) -> None:
        """See channel.Call."""
        self._channel.forget(self._id)


class WiredReply(Hand):
    """See channel.Reply. Its ``party`` is the callee's Consumer; None until there is one."""

    __slots__ = ()

    def send(self, item: Any) -> bool:
        """See channel.Reply."""
        return not self._channel.serves(self._id) or self._channel.send_item(self._id, item, self.credit)

    def grant(self, size: int) -> None:
        """See channel.Reply."""
        report = self.credit.consume(size)
        if report and self._channel.serves(self._id):
            self._channel.connection.send(frames.CREDIT, self._id, report)

    def result(self, value: Any) -> None:
        """See channel.Reply."""
        self._channel.finish(self._id, frames.RESULT, value)

    def error(self, error: BaseException) -> None:
        """See channel.Reply."""
        self._channel.finish(self._id, frames.ERROR, Faults.describe(error))
