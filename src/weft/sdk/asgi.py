"""Serves contract ``web`` with an ASGI application: calls become scopes, items become messages."""

from __future__ import annotations

import asyncio
import logging
import sys
from typing import Any, Awaitable, Callable, Dict

from weft.calls.channel import Consumer, Methods, Reply, Request
from weft.contracts.web import REQUEST, WEBSOCKET
from weft.sdk.lifespan import Lifespan
from weft.sdk.request import RequestCycle
from weft.sdk.scope import ClientLeft, Message

Application = Callable[[Any, Callable[[], Awaitable[Message]], Callable[[Message], Awaitable[None]]], Awaitable[None]]

_EAGER: Dict[str, Any] = {"eager_start": True} if sys.version_info >= (3, 12) else {}
"""A request that never waits then needs no turn of the event loop of its own."""

logger = logging.getLogger("weft.web")


class AsgiProvider:
    """An ASGI application as a provider of ``web``. Every request runs in a task that this object owns."""

    def __init__(self, application: Application) -> None:
        self._application = application
        self._lifespan = Lifespan(application)
        self._running: Dict[Any, asyncio.Task[None]] = {}
        self._loop = asyncio.get_running_loop()
        self.methods: Methods = {REQUEST: self._request, WEBSOCKET: self._websocket}

    async def start(self) -> None:
        """Lifespan startup. Raises StartFailed when the application says that it failed."""
        await self._lifespan.startup()

    async def stop(self) -> None:
        """Lifespan shutdown, after which whatever still runs is cancelled."""
        await self._lifespan.shutdown()
        running = list(self._running.values())
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    def _request(self, request: Request, reply: Reply) -> Consumer:
        cycle = RequestCycle(request.args, reply, self._lifespan.state)
        task = self._spawn(self._run(cycle))
        if not task.done():  # an eager task may have ended already
            self._running[cycle] = task
        return cycle

    def _websocket(self, request: Request, reply: Reply) -> Consumer:
        from weft.sdk.websocket import WebsocketCycle  # most instances never see one

        cycle = WebsocketCycle(request.args, reply, self._lifespan.state)
        self._running[cycle] = self._loop.create_task(self._run(cycle))
        return cycle

    def _spawn(self, coroutine: Any) -> asyncio.Task[None]:
        if _EAGER:
            return asyncio.Task(coroutine, loop=self._loop, **_EAGER)
        return self._loop.create_task(coroutine)

    async def _run(self, cycle: Any) -> None:
        try:
            await self._application(cycle.scope, cycle.receive, cycle.send)
        except ClientLeft:
            cycle.returned()
        except Exception:
            logger.exception("the application raised while it served %s", cycle.scope["path"])
            cycle.failed()
        except asyncio.CancelledError:
            cycle.failed()
            raise
        else:
            cycle.returned()
        finally:
            self._running.pop(cycle, None)
