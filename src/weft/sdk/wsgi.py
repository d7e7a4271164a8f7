"""A WSGI application as an ASGI one, whose thread is set free when its client leaves."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any, Iterator, Optional

from weft.sdk.lifespan import live

_QUEUED = 10
"""Messages that wait between the application's thread and the event loop."""


class _Audience:
    """Who one request's thread speaks to. A thread that waits for somebody who left would be lost to all others."""

    def __init__(self, entry: Any, send: Any) -> None:
        self._entry = entry
        self._send = send
        self.failure: Optional[Exception] = None
        """What ``send`` raised; from then on nothing is sent."""

    async def send(self, message: Any) -> None:
        """For the adapter: always takes the message."""
        if self.failure is None:
            try:
                await self._send(message)
            except Exception as error:
                self.failure = error

    def pieces(self, environ: Any, start_response: Any) -> Iterator[bytes]:
        """The WSGI application, which ends with ``failure`` once there is one."""
        iterable = self._entry(environ, start_response)
        try:
            for piece in iterable:
                yield piece
                self.check()
        finally:
            getattr(iterable, "close", lambda: None)()

    def check(self) -> None:
        """Raise ``failure``, where there is one."""
        if self.failure is not None:
            raise self.failure


def adapt(entry: Any, threads: int) -> Any:
    """The ASGI application of a WSGI one, of which ``threads`` requests run at once. Raises ImportError: no adapter."""
    from a2wsgi.wsgi import WSGIResponder

    executor = ThreadPoolExecutor(threads, thread_name_prefix="WSGI")

    async def application(scope: Any, receive: Any, send: Any) -> None:
        # The adapter answers anything but HTTP with an error of its own; a websocket is simply not there.
        if scope["type"] == "http":
            audience = _Audience(entry, send)
            await WSGIResponder(audience.pieces, executor, _QUEUED)(scope, receive, audience.send)
            audience.check()
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close"})
        else:
            await live(receive, send)
            executor.shutdown(wait=False, cancel_futures=True)

    return application
