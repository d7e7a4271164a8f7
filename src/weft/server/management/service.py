"""Management as the front sees it: an ASGI application in this process, with a channel per connection."""

from __future__ import annotations

import logging
from weakref import WeakKeyDictionary, ref

from fastapi import FastAPI

from weft.calls.channel import Channel
from weft.calls.faults import Faults
from weft.calls.workers import Workers
from weft.runtimes.inline.channel import InlineChannel
from weft.sdk.asgi import AsgiProvider
from weft.server.front.peer import Peer
from weft.server.management.api.context import Context
from weft.server.management.guard import PEER, Application, Message, Receive, Send

logger = logging.getLogger("weft.management")


class ManagementService:
    """See front.peer.Management. ``application`` is what build_management made."""

    name = "management"
    call_timeout = 3600.0
    """A deploy answers GLoom's clients only when it is done, and environments can take their time."""

    def __init__(self, application: FastAPI) -> None:
        self._application = application
        self._context: Context = application.state.context
        self._channels: WeakKeyDictionary[Peer, InlineChannel] = WeakKeyDictionary()
        self._workers: Workers | None = None

    def pick_for(self, peer: Peer) -> Channel:
        """The channel for the next request of this connection."""
        channel = self._channels.get(peer)
        if channel is None:
            # Those of one connection would be forgotten with it, and their tasks complained of.
            self._workers = self._workers or Workers()
            provider = AsgiProvider(_introduce(self._application, peer), self._workers)
            channel = self._channels[peer] = InlineChannel(provider.methods, Faults(self.name), on_fault=_report)
        return channel

    def drain(self) -> None:
        """End the streams of those who follow logs and events; everything else is answered."""
        self._context.stopping.set()

    async def close(self) -> None:
        """End what is still being answered."""
        self.drain()
        await self._context.deploys.close()
        for channel in list(self._channels.values()):
            await channel.close()
        if self._workers is not None:
            await self._workers.close()


def _report(error: BaseException) -> None:
    logger.error("management failed within a call", exc_info=error)


def _introduce(application: Application, peer: Peer) -> Application:
    """``application``, told who asks. The channel must not keep the Peer alive by which it is kept itself."""
    known = ref(peer)

    async def introduced(scope: Message, receive: Receive, send: Send) -> None:
        scope.setdefault("extensions", {})[PEER] = known()
        await application(scope, receive, send)

    return introduced
