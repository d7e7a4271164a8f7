"""The HTTP front: listeners, the connections they accept, and the sweep that keeps their deadlines."""

from __future__ import annotations

import asyncio
import logging
import ssl
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

from weft.server.front.access_log import AccessLog, Sink
from weft.server.front.clock import Clock
from weft.server.front.connection import Connection
from weft.server.front.forwarded import TrustedProxies
from weft.server.front.peer import Management
from weft.server.front.response import Heads
from weft.server.front.traffic import Traffic
from weft.server.front.websocket import Websocket
from weft.server.router import Router, is_address
from weft.settings import HttpSettings

_SWEEP = 0.25
"""Seconds between two looks at all deadlines, and the precision of every timeout."""
_BACKLOG = 2048
_BYE = 2.0
"""Seconds for which a TLS client may take to say goodbye."""

Report = Callable[[str, str], None]
"""Told (plugin, what it did) when a plugin breaks the contract ``web``."""


def _log_report(plugin: str, message: str) -> None:
    logging.getLogger("weft.front").warning("plugin %s %.500s", plugin, message)


class Front:
    """Client connections in, calls of contract ``web`` out.

    ``management`` serves ``management_domains`` and every Host that is an address; see ``peer.Management``.
    ``access`` takes batches of access records in a thread; None keeps none. Used on one event loop.
    """

    def __init__(
        self,
        settings: HttpSettings,
        router: Router,
        *,
        management: Management | None = None,
        management_domains: Iterable[str] = ("localhost",),
        access: Sink | None = None,
        report: Report = _log_report,
    ) -> None:
        self.loop = asyncio.get_running_loop()
        self.settings = settings
        self.router = router
        self.management = management
        self.report = report
        self.trusted = TrustedProxies(settings.trusted_proxies)
        self.heads = Heads()
        self.clock = Clock(self.loop.time(), time.time())
        self.access = AccessLog(access) if access is not None and settings.access_log else None
        self.connections: set[Connection | Websocket] = set()
        self.traffic: dict[str, Traffic] = {}
        """Counters by plugin."""
        self.refusals: dict[int, int] = {}
        """Answers to requests that reached no plugin because they were malformed, by status."""
        self.draining = False
        self._management_domains = frozenset(management_domains)
        self._servers: list[asyncio.AbstractServer] = []
        self._fewer = asyncio.Event()
        self._sweeping: asyncio.TimerHandle | None = None

    async def start(self, host: str, port: int) -> tuple[str, int]:
        """Listen on TCP, with TLS where the settings name a certificate; returns the address. Raises OSError."""
        server = await self.loop.create_server(lambda: Connection(self), host, port, backlog=_BACKLOG, **self._tls())
        self._listen(server)
        name = server.sockets[0].getsockname()
        return name[0], name[1]

    async def start_unix(self, path: Path) -> None:
        """Listen on the control socket (mode 0600), which serves management whatever the Host. Raises OSError."""
        server = await self.loop.create_unix_server(
            lambda: Connection(self, control=True), path, backlog=_BACKLOG, start_serving=False
        )
        await asyncio.to_thread(path.chmod, 0o600)
        await server.start_serving()
        self._listen(server)

    def _listen(self, server: asyncio.AbstractServer) -> None:
        self._servers.append(server)
        if self._sweeping is None:
            self._sweep()

    def _tls(self) -> dict[str, Any]:
        certificate = self.settings.tls_certificate
        if certificate is None:
            return {}
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(certificate, self.settings.tls_key)
        context.set_alpn_protocols(["http/1.1"])
        return {"ssl": context, "ssl_handshake_timeout": self.settings.header_timeout, "ssl_shutdown_timeout": _BYE}

    def is_management(self, name: str) -> bool:
        """Whether a host name (lower case, no port) is management's: one of its domains, or an address."""
        return name in self._management_domains or is_address(name)

    def count(self, name: str) -> Traffic:
        """The counters of a plugin, made on first use. Those of plugins without routes go when there are many."""
        if len(self.traffic) >= 2 * len(self.router) + 256:
            self.traffic = {key: kept for key, kept in self.traffic.items() if kept.in_flight or kept.websockets}
        return self.traffic.setdefault(name, Traffic(name))

    def _sweep(self) -> None:
        self._sweeping = self.loop.call_later(_SWEEP, self._sweep)
        now = self.loop.time()
        self.clock.tick(now, time.time())
        for connection in [each for each in self.connections if each.deadline <= now]:
            connection.expire()
        if self.access is not None:
            self.access.flush()

    def forget(self, connection: Connection | Websocket) -> None:
        """It is over."""
        self.connections.discard(connection)
        self._fewer.set()

    async def drain(self, seconds: float) -> None:
        """Stop accepting, finish the requests under way (at most ``seconds``), then close idle connections."""
        self.draining = True
        for server in self._servers:
            server.close()
        for connection in list(self.connections):
            if isinstance(connection, Websocket):
                connection.drain()
        with suppress(TimeoutError):  # what is still open then is the caller's to close
            async with asyncio.timeout(seconds):
                await self._wait_while(self._busy)
                for connection in list(self.connections):
                    connection.drain()
                await self._wait_while(lambda: bool(self.connections))

    async def _wait_while(self, condition: Callable[[], bool]) -> None:
        while condition():
            self._fewer.clear()
            await self._fewer.wait()

    def _busy(self) -> bool:
        return any(isinstance(each, Connection) and each.exchange is not None for each in self.connections)

    async def close(self) -> None:
        """End every connection and listener at once."""
        self.draining = True
        for server in self._servers:
            server.close()
        while self.connections:
            for connection in list(self.connections):
                connection.abort()
            await asyncio.sleep(0)
        for server in self._servers:
            await server.wait_closed()
        self._servers.clear()
        if self._sweeping is not None:
            self._sweeping.cancel()
            self._sweeping = None
        if self.access is not None:
            await self.access.close()
