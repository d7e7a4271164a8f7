"""RPC as one server has it: on its port, for whom it may serve, and what there is to say where it cannot be had."""

from __future__ import annotations

import errno
import os
import ssl
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from weft.errors import UsageError
from weft.server.front.peer import Peer
from weft.server.management.access import is_beyond_loopback
from weft.server.management.peers import PeerJudge
from weft.server.rpc.gloom_rpc import GloomRpc
from weft.server.rpc.listener import Listener
from weft.settings import RpcSettings, ServerSettings

if TYPE_CHECKING:
    from weft.server.operator import Operator

PORT = 7143
"""GLoom's."""
SERVICE = "GloomRPC"


@dataclass(frozen=True)
class Served:
    """``port`` None: RPC is not served. ``told``: where it is, or why not."""

    port: int | None
    told: str


@asynccontextmanager
async def serving(
    settings: ServerSettings,
    operator: Operator,
    uploads: Path,
    managers: Callable[[], Collection[int]],
    *,
    grace: float,
) -> AsyncIterator[Served]:
    """Serve RPC meanwhile; at the end calls under way have ``grace`` seconds. Raises UsageError where it may not be."""
    check(settings.rpc)
    judge = PeerJudge(managers)

    async def is_welcome(peer: Peer) -> bool:
        return peer.tls or await judge.is_own_program(peer)

    most = settings.management.max_upload_bytes
    services = {SERVICE: GloomRpc(operator, uploads, most).methods}
    listener = Listener(settings.rpc, services, most=most, is_welcome=is_welcome)
    served = await _start(listener, settings)
    try:
        yield served
    finally:
        await listener.drain(grace)


def check(settings: RpcSettings) -> None:
    """Raises UsageError for what must not be served: beyond loopback without clients' certificates."""
    files = {"rpc.certificate": settings.certificate, "rpc.key": settings.key, "rpc.client_ca": settings.client_ca}
    missing = [name for name, file in files.items() if file is None]
    if missing and is_beyond_loopback(settings.host):
        raise UsageError(
            f"rpc.host is {settings.host}: beyond loopback RPC is served under TLS alone, to clients with certificates:"
            f" set {', '.join(missing)}, or leave rpc.host at 127.0.0.1"
        )
    if 0 < len(missing) < len(files):
        raise UsageError(f"rpc.certificate, rpc.key and rpc.client_ca go together: set {', '.join(missing)} too")


async def _start(listener: Listener, settings: ServerSettings) -> Served:
    """Where nobody chose the port, another server on it is no reason not to start."""
    host, wanted = settings.rpc.host, PORT if settings.rpc_port is None else settings.rpc_port
    try:
        port = await listener.start(wanted)
    except ssl.SSLError as error:
        raise UsageError(f"rpc.certificate, rpc.key and rpc.client_ca cannot be used: {error}") from error
    except OSError as error:
        if error.errno == errno.EADDRINUSE and settings.rpc_port is None and not settings.strict:
            told = f"not served: another program listens on {host} port {wanted}; --rpc-port chooses another"
            return Served(None, told)
        raise UsageError(_reason(error, host, wanted)) from error
    scheme = "tls" if settings.rpc.certificate else "tcp"
    return Served(port, f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}")


def _reason(error: OSError, host: str, port: int) -> str:
    if error.filename is not None or error.errno == errno.ENOENT:
        return f"rpc.certificate, rpc.key and rpc.client_ca cannot be read: {error}"
    where = f"cannot listen on {host} port {port} for RPC"
    if error.errno == errno.EADDRINUSE:
        return f"{where}: another program listens there; end it, or choose another --rpc-port"
    number = error.errno or 0  # below 0 for a name that is not found
    return f"{where}: {os.strerror(number) if number > 0 else error.strerror}; choose another rpc.host or --rpc-port"
