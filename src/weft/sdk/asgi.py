"""Serves contract ``web`` with an ASGI application: calls become scopes, items become messages."""

from __future__ import annotations

import asyncio
import logging
from typing import Any, Awaitable, Callable, Optional

from weft.calls.channel import Consumer, Methods, Reply, Request
from weft.calls.workers import Job, Workers
from weft.contracts.web import REQUEST, WEBSOCKET
from weft.sdk.lifespan import Lifespan
from weft.sdk.request import RequestCycle
from weft.sdk.scope import ClientLeft, Message

Application = Callable[[Any, Callable[[], Awaitable[Message]], Callable[[Message], Awaitable[None]]], Awaitable[None]]

logger = logging.getLogger("weft.web")


class AsgiProvider:
    """An ASGI application as a provider of ``web``. Requests run in tasks of ``workers``, else of its own."""

    def __init__(self, application: Application, workers: Optional[Workers] = None) -> None:
        self._application = application
        self._lifespan = Lifespan(application)
        self._workers = workers or Workers()
        self.methods: Methods = {REQUEST: self._request, WEBSOCKET: self._websocket}

    async def start(self) -> None:
        """Lifespan startup. Raises StartFailed when the application says that it failed."""
        await self._lifespan.startup()

    async def stop(self) -> None:
        """Lifespan shutdown, after which whatever still runs is cancelled."""
        await self._lifespan.shutdown()
        await self._workers.close()

    def _request(self, request: Request, reply: Reply) -> Consumer:
        cycle = RequestCycle(request.args, reply, self._lifespan.state)
        self._workers.run(Job(self._run(cycle)))
        return cycle

    def _websocket(self, request: Request, reply: Reply) -> Consumer:
        from weft.sdk.websocket import WebsocketCycle  # most instances never see one

        cycle = WebsocketCycle(request.args, reply, self._lifespan.state)
        self._workers.run(Job(self._run(cycle)))
        return cycle

    async def _run(self, cycle: Any) -> None:
        try:
            await self._application(cycle.scope, cycle.receive, cycle.send)
        except ClientLeft:
            cycle.returned()
        except (Exception, SystemExit, KeyboardInterrupt):  # a request ends nobody but itself
            logger.exception("the application raised while it served %s", cycle.scope["path"])
            cycle.failed()
        except asyncio.CancelledError:
            cycle.failed()
            raise
        else:
            cycle.returned()
