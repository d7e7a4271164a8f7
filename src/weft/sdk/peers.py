"""Other plugins, as a plugin in its own process sees them: every call goes by the host, which looks who may call whom.

``weft.use`` ``[number, description of the contract, name or None]`` names a peer; its answer is how the host finds it.
``weft.peer`` ``[number, method, arguments]`` calls it: items go both ways as they are.
"""

from __future__ import annotations

from typing import Any, Callable, Optional, Sequence

from weft.calls.channel import Call, Channel, Receiver
from weft.calls.faces import faced_targets
from weft.calls.once import Once
from weft.calls.proxy import proxy
from weft.calls.tally import Tally
from weft.contracts.declare import contract_of
from weft.contracts.face import shown

USE = "weft.use"
PEER = "weft.peer"


class Peers:
    """The peers that one plugin asked for, numbered in that order."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._last = 0

    def use(self, contract: Callable[..., Any], name: Optional[str]) -> Any:
        """A proxy of the peer that provides ``contract``. What is wrong with it is the error of its first call."""
        described = contract_of(contract)
        self._last += 1
        peer = _Peer(self._channel, self._last, name or f"of {described.key}")
        self._channel.open(USE, [peer.number, described.describe(), name], Once())
        made, _ = proxy(shown(described), peer.name, faced_targets(described, peer))
        return made


class _Peer:
    """See calls.proxy.Callee, and calls.channel.Channel as far as proxies need it."""

    call_timeout: Optional[float] = None
    """The host sees to the peer's own limit."""
    version = ""

    def __init__(self, channel: Channel, number: int, name: str) -> None:
        self.number = number
        self.name = name
        self.tally = Tally()
        self._channel = channel

    def pick(self) -> Any:
        """It is its own channel."""
        return self

    def open(
        self,
        method: str,
        args: Sequence[Any],
        receiver: Receiver,
        *,
        streaming: bool = False,
        timeout: Optional[float] = None,
    ) -> Call:
        """See channel.Channel."""
        return self._channel.open(
            PEER, [self.number, method, list(args)], receiver, streaming=streaming, timeout=timeout
        )

    async def call(self, method: str, args: Sequence[Any] = (), *, timeout: Optional[float] = None) -> Any:
        """See channel.Channel."""
        return await self._channel.call(PEER, [self.number, method, list(args)], timeout=timeout)
