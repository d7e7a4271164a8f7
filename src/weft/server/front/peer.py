"""Who is at the other end of a connection, and the seam to management.

Management is served through the same contract ``web`` as plugins, but it must know who asks. The front hands it a
``Peer``: facts of the kernel about the connection, that no header can forge. One Peer lives as long as its connection
and is hashed by identity, so what is found out about it can be kept in a ``WeakKeyDictionary``.
"""

from __future__ import annotations

import socket
import struct
import time
from asyncio import BaseTransport
from dataclasses import dataclass, field
from typing import Protocol

from weft.calls.channel import Channel

_CREDENTIALS = struct.Struct("3i")


def seconds_since_boot() -> float:
    """Now, on the clock of the kernel's start times of processes."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


@dataclass(frozen=True, eq=False, slots=True, weakref_slot=True)
class Peer:
    """Raw facts of one connection, as they were at accept.

    On a Unix socket ``pid`` and ``uid`` are the kernel's (None where it cannot tell), ``remote`` and ``local`` None.
    On TCP ``remote`` and ``local`` are (address, port), ``pid`` and ``uid`` None.
    ``trusted_proxy``: the peer is one of ``http.trusted_proxies``, so the one who really asks is unknown.
    """

    remote: tuple[str, int] | None
    local: tuple[str, int] | None
    pid: int | None = None
    uid: int | None = None
    tls: bool = False
    trusted_proxy: bool = False
    accepted: float = field(default_factory=seconds_since_boot)
    """A process that started later is not the one that connected, whatever its number."""


class Management(Protocol):
    """What serves the management domains and the control socket.

    The front passes requests on with all their headers (``x-forwarded-*`` included) and checks no leave: who may
    manage is decided behind ``pick_for``.
    """

    @property
    def name(self) -> str:
        """The name in the front's counters."""

    @property
    def call_timeout(self) -> float:
        """Seconds from a request's last body byte to the response's start."""

    def pick_for(self, peer: Peer) -> Channel:
        """The channel for the next request of this connection."""


def _address(name: object) -> tuple[str, int] | None:
    return (name[0], name[1]) if isinstance(name, tuple) and len(name) >= 2 else None


def _credentials(connection: socket.socket | None) -> tuple[int | None, int | None]:
    option = getattr(socket, "SO_PEERCRED", None)
    if connection is None or option is None:
        return None, None
    pid, uid, _ = _CREDENTIALS.unpack(connection.getsockopt(socket.SOL_SOCKET, option, _CREDENTIALS.size))
    return pid, uid


def peer_of(transport: BaseTransport, *, unix: bool, trusted_proxy: bool = False) -> Peer:
    """The facts of an accepted connection."""
    if unix:
        pid, uid = _credentials(transport.get_extra_info("socket"))
        return Peer(None, None, pid, uid)
    return Peer(
        _address(transport.get_extra_info("peername")),
        _address(transport.get_extra_info("sockname")),
        tls=transport.get_extra_info("sslcontext") is not None,
        trusted_proxy=trusted_proxy,
    )
