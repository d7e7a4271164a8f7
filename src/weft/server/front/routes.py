"""Where a request goes when it takes more than a look at its Host: management, trusted proxies, unknown domains."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple, Protocol

from weft.calls.channel import Channel
from weft.server.front.forwarded import Hop, resolve
from weft.server.front.request import FORWARDED, Refusal, Request, check_host

if TYPE_CHECKING:
    from weft.server.front.connection import Connection

Address = tuple[str, int] | None


class Origin(NamedTuple):
    """Who asks, and how."""

    scheme: str
    client: Address
    server: Address


class Named(Protocol):
    """What a plugin and management have in common."""

    @property
    def name(self) -> str:
        """The name in counters."""

    @property
    def call_timeout(self) -> float:
        """See Service."""


Route = tuple[Named, Callable[[], Channel], Origin]


def route(connection: Connection, request: Request) -> Route:
    """The target of a request. Raises Refusal: 400 for an invalid host, 404 for an unknown one."""
    hop = Hop()
    if connection.proxied and request.forwarded:
        hop = resolve(request.headers, connection.front.trusted)
    host = hop.host or request.host
    service = None if connection.control else connection.front.router.lookup(host)
    if service is None:
        return _to_management(connection, host, _origin(connection, hop))
    if request.forwarded and not connection.proxied:
        request.headers[:] = [field for field in request.headers if field[0] not in FORWARDED]
    return service, service.pick, _origin(connection, hop)


def _origin(connection: Connection, hop: Hop) -> Origin:
    own = connection.origin
    return Origin(hop.scheme or own.scheme, hop.client or own.client, own.server)


def _to_management(connection: Connection, host: bytes, origin: Origin) -> Route:
    front = connection.front
    management = front.management
    if not connection.control:
        name = check_host(host) if host else ""
        if management is None or not front.is_management(name):
            raise Refusal(404, f"No plugin is served at the domain {name or 'that was not named'}.")
    if management is None:
        raise Refusal(404, "This server has no management.")
    peer = connection.peer
    return management, lambda: management.pick_for(peer), origin
