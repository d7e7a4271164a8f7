"""Which plugin serves a host name: one snapshot of routes, replaced whole.

A route exists only here. The front looks hosts up for each request; the operator assigns and releases them.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from typing import Protocol

from weft.calls.channel import Channel
from weft.errors import Conflict, UsageError

_SEEN_HOSTS = 4096
"""Spellings of known hosts (ports, capitals) remembered between two changes of the routes."""
_HOST = re.compile(rb"([A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,252})|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{0,5})?")
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")


class Service(Protocol):
    """What serves a domain: a plugin of the engine, as the front sees it."""

    @property
    def name(self) -> str:
        """The plugin's name."""

    @property
    def call_timeout(self) -> float:
        """Seconds from a request's last body byte to the response's start (``limits.call``)."""

    def pick(self) -> Channel:
        """The instance that is to serve the next request. Raises Unavailable when none is live."""


def host_name(host: bytes) -> str | None:
    """The name in a Host header's value: no port, no trailing dot, lower case; None when it is no valid host."""
    match = _HOST.fullmatch(host)
    return match[1].decode("ascii").rstrip(".").lower() or None if match else None


def is_address(host: str) -> bool:
    """Whether ``host`` is an IPv4 address, or an IPv6 one in brackets."""
    bracketed = host.startswith("[") and host.endswith("]")
    try:
        return (ipaddress.ip_address(host[1:-1] if bracketed else host).version == 6) == bracketed
    except ValueError:
        return False


def domain_name(domain: str) -> str:
    """``domain`` as routes know it: lower case, no trailing dot. Raises UsageError when it is no host name."""
    name = domain.strip().lower().removesuffix(".")
    if len(name) > 253 or not all(_LABEL.fullmatch(label) for label in name.split(".")):
        raise UsageError(
            f"Domain {domain!r} is not a host name: expected letters, digits and '-' in labels parted by '.', "
            "such as shop.localhost (write international names in their xn-- form)"
        )
    return name


class Router:
    """Host name → Service.

    ``reserved`` are the domains of the server's own management: no plugin can have them.
    """

    def __init__(self, reserved: Iterable[str] = ()) -> None:
        self._reserved = frozenset(domain_name(domain) for domain in reserved)
        self._routes: dict[str, Service] = {}
        self._owners: dict[str, str] = {}
        self._seen: dict[bytes, Service] = {}

    def lookup(self, host: bytes) -> Service | None:
        """The service of a Host header's value, as received; None when no plugin has that domain."""
        return self._seen.get(host) or self._search(host)

    def _search(self, host: bytes) -> Service | None:
        name = host_name(host)
        service = self._routes.get(name) if name else None
        if service is not None:
            if len(self._seen) >= _SEEN_HOSTS:
                self._seen.clear()
            self._seen[host] = service
        return service

    def __len__(self) -> int:
        return len(self._routes)

    def assign(self, name: str, service: Service, domains: Iterable[str]) -> None:
        """Serve exactly ``domains`` by ``service`` under the plugin's ``name``, at once.

        Raises Conflict when another plugin (or management) has one of them, UsageError when one is no host name;
        the routes are then as before.
        """
        wanted = list(dict.fromkeys(domain_name(domain) for domain in domains))
        for domain in wanted:
            if domain in self._reserved or self._owners.get(domain, name) != name:
                raise Conflict(f"Domain {domain} already exists")
        self._replace(name, dict.fromkeys(wanted, service))

    def release(self, name: str) -> None:
        """Take away every domain of the plugin ``name``."""
        self._replace(name, {})

    def owner(self, domain: str) -> str | None:
        """The name of the plugin that has ``domain``, or None."""
        return self._owners.get(domain.lower().removesuffix("."))

    def domains(self, name: str) -> tuple[str, ...]:
        """The domains of the plugin ``name``, as assigned."""
        return tuple(domain for domain, owner in self._owners.items() if owner == name)

    def _replace(self, name: str, routes: dict[str, Service]) -> None:
        kept = {domain: owner for domain, owner in self._owners.items() if owner != name}
        self._routes = {domain: self._routes[domain] for domain in kept} | routes
        self._owners = kept | dict.fromkeys(routes, name)
        self._seen = {}
