"""Where RPC is served: who may connect, how many, and for how long."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from typing import Any

import structlog

from weft.server.front.peer import Peer
from weft.server.rpc.calls import Services
from weft.server.rpc.connection import Connection
from weft.server.rpc.turns import Turns
from weft.settings import RpcSettings

_SWEEP = 0.25
"""Seconds between two looks at all deadlines, and the precision of every timeout."""
_BACKLOG = 128
_LARGE_AT_ONCE = 2
_OVERHEAD = 64 * 1024
"""Bytes of a call besides the plugin that it uploads."""
_HANDSHAKE = 10.0
_BYE = 2.0
"""Seconds that TLS may take to begin, and to end."""

_log = structlog.get_logger("weft.rpc")


class Listener:
    """``most``: bytes of a plugin that is uploaded. ``is_welcome(peer)`` says whether a client may call."""

    def __init__(
        self,
        settings: RpcSettings,
        services: Services,
        *,
        most: int,
        is_welcome: Callable[[Peer], Awaitable[bool]],
    ) -> None:
        self.loop = asyncio.get_running_loop()
        self.settings = settings
        self.services = services
        self.turns = Turns(_LARGE_AT_ONCE)
        self.most_gob = most + _OVERHEAD
        self.most_json = most * 4 // 3 + 4 + _OVERHEAD
        self.connections: set[Connection] = set()
        self._is_welcome = is_welcome
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._fewer = asyncio.Event()
        self._sweeping: asyncio.TimerHandle | None = None

    async def start(self, port: int) -> int:
        """Listen; returns the port. Raises OSError, and ssl.SSLError for certificates that cannot be used."""
        tls: dict[str, Any] = {}
        if self.settings.certificate is not None:
            context = await asyncio.to_thread(tls_context, self.settings)
            tls = {"ssl": context, "ssl_handshake_timeout": _HANDSHAKE, "ssl_shutdown_timeout": _BYE}
        self._server = await self.loop.create_server(
            lambda: Connection(self), self.settings.host, port, backlog=_BACKLOG, **tls
        )
        self._sweep()
        return int(self._server.sockets[0].getsockname()[1])

    # --- connections ------------------------------------------------------------------------------------------------

    def welcome(self, connection: Connection) -> None:
        """A client connected: find out whether it may."""
        self.connections.add(connection)
        if len(self.connections) > self.settings.max_connections:
            _log.warning("too many clients", peer=connection.peer.remote, most=self.settings.max_connections)
            connection.close()
        else:
            self.carry(self._judge(connection))

    async def _judge(self, connection: Connection) -> None:
        if await self._is_welcome(connection.peer):
            connection.admit()
            return
        _log.warning(
            "refused a client that is a plugin, another user's program, or cannot be told",
            peer=connection.peer.remote,
            remedy="run it as the server's user; give a plugin the permission manage",
        )
        connection.close()

    def forget(self, connection: Connection) -> None:
        """It is over."""
        self.connections.discard(connection)
        self._fewer.set()

    def carry(self, work: Coroutine[Any, Any, None]) -> None:
        """Own a task until it is done."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._carried)

    def _carried(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._fewer.set()
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("a client could not be served", exc_info=error)

    def _sweep(self) -> None:
        self._sweeping = self.loop.call_later(_SWEEP, self._sweep)
        now = self.loop.time()
        for connection in [each for each in self.connections if each.deadline <= now]:
            connection.expire()

    # --- the end ----------------------------------------------------------------------------------------------------

    async def drain(self, seconds: float) -> None:
        """Accept no more, answer what is under way for at most ``seconds``, then end every connection."""
        if self._server is not None:
            self._server.close()
        with suppress(TimeoutError):  # what is under way then is the operator's to finish or to end
            async with asyncio.timeout(seconds):
                while self._tasks:
                    self._fewer.clear()
                    await self._fewer.wait()
        await self._close()

    async def _close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for connection in list(self.connections):
            connection.close()
        with suppress(TimeoutError):
            async with asyncio.timeout(_BYE):
                while self.connections:
                    self._fewer.clear()
                    await self._fewer.wait()
        for connection in list(self.connections):
            connection.abort()
        if self._sweeping is not None:
            self._sweeping.cancel()


def tls_context(settings: RpcSettings) -> ssl.SSLContext:
    """TLS that takes clients with a certificate of the settings' authority alone. Raises OSError, ssl.SSLError."""
    assert settings.certificate is not None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=settings.client_ca)
    context.load_cert_chain(settings.certificate, settings.key)
    context.verify_mode = ssl.CERT_REQUIRED
    return context
