"""ASGI lifespan: startup and shutdown once per instance, for applications that have it."""

from __future__ import annotations

import asyncio
import logging
from typing import Any, Dict, Optional

from weft.errors import StartFailed

logger = logging.getLogger("weft.web")


class Lifespan:
    """The lifespan of one application.

    An application that raises, or sends anything else, before ``startup.complete`` is taken to have no lifespan.
    """

    def __init__(self, application: Any) -> None:
        self._application = application
        self._events: asyncio.Queue[Dict[str, Any]] = asyncio.Queue(maxsize=2)
        self._task: Optional[asyncio.Task[None]] = None
        self._started: Optional[asyncio.Future[bool]] = None
        self._stopped: Optional[asyncio.Future[None]] = None
        self.state: Dict[str, Any] = {}

    async def startup(self) -> None:
        """Returns when the application has started. Raises StartFailed when it says that it could not."""
        loop = asyncio.get_running_loop()
        self._started, self._stopped = loop.create_future(), loop.create_future()
        self._events.put_nowait({"type": "lifespan.startup"})
        self._task = loop.create_task(self._run())
        goes_on = False
        try:
            goes_on = await self._started
        finally:
            if not goes_on:
                await self._abandon()

    async def shutdown(self) -> None:
        """Returns when the application has shut down; nothing to do for one without lifespan."""
        if self._task is None or self._stopped is None:
            return
        self._events.put_nowait({"type": "lifespan.shutdown"})
        await self._stopped
        await self._abandon()

    async def _abandon(self) -> None:
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _run(self) -> None:
        scope = {"type": "lifespan", "asgi": {"version": "3.0", "spec_version": "2.0"}, "state": self.state}
        try:
            await self._application(scope, self._events.get, self._send)
        except (Exception, SystemExit, KeyboardInterrupt) as error:  # it ends nobody but itself
            self._ended(error)
        except asyncio.CancelledError:
            self._ended(None)
            raise
        else:
            self._ended(None)

    async def _send(self, message: Dict[str, Any]) -> None:
        assert self._started is not None
        assert self._stopped is not None
        kind = message["type"]
        if kind == "lifespan.startup.complete":
            _settle(self._started, True)
        elif kind == "lifespan.startup.failed":
            self._fail(message.get("message", ""))
        elif kind in ("lifespan.shutdown.complete", "lifespan.shutdown.failed"):
            if message.get("message"):
                logger.error("lifespan shutdown failed: %s", message["message"])
            _settle(self._stopped, None)
        else:
            self._without(f"it answered with {kind!r}")

    def _fail(self, message: str) -> None:
        assert self._started is not None
        if not self._started.done():
            self._started.set_exception(StartFailed(message or "lifespan.startup.failed", traceback=message))

    def _ended(self, error: Optional[BaseException]) -> None:
        assert self._started is not None
        assert self._stopped is not None
        if not self._started.done():
            self._without(f"it raised {error!r}" if error else "it returned at once")
        elif error is not None and not self._started.cancelled() and self._started.exception() is None:
            logger.error("the application's lifespan raised", exc_info=error)
        _settle(self._stopped, None)

    def _without(self, why: str) -> None:
        assert self._started is not None
        if not self._started.done():
            logger.debug("no lifespan in this application (%s)", why)
            self._started.set_result(False)


def _settle(future: asyncio.Future[Any], value: Any) -> None:
    if not future.done():
        future.set_result(value)


async def live(receive: Any, send: Any) -> None:
    """The lifespan of an application that has nothing to do for it. Returns after the shutdown."""
    for event in ("startup", "shutdown"):
        await receive()
        await send({"type": f"lifespan.{event}.complete"})
