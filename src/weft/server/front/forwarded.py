"""What proxies say of the request they pass on: ``Forwarded`` (RFC 7239) and ``X-Forwarded-*``. Pure.

Only believed from ``http.trusted_proxies``. Then client, scheme and host are those that the nearest untrusted hop is
said to have used: hops are read from the right, and trusted ones among them are skipped. The host is used for
routing; the headers reach the application as they came. From anybody else all of them are dropped, so that an
application that believes them without asking cannot be lied to.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_PAIR = re.compile(r"""\s*([!#$%&'*+\-.^_`|~\w]+)=(?:"((?:[^"\\]|\\.)*)"|([^\s",;]*))\s*""", re.ASCII)
_NODE = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([0-9.]+))(?::([0-9]{1,5}))?|([0-9A-Fa-f:.]+)")
_MAX_HOPS = 32


@dataclass(frozen=True, slots=True)
class Hop:
    """One proxy's word: what it is said to have received. None: it said nothing."""

    client: tuple[str, int] | None = None
    scheme: str | None = None
    host: bytes | None = None


class TrustedProxies:
    """Addresses and networks (``10.0.0.0/8``) whose word is believed. Raises ValueError for what is neither."""

    def __init__(self, networks: Iterable[str]) -> None:
        self._networks: tuple[_Network, ...] = tuple(ipaddress.ip_network(text, strict=False) for text in networks)

    def __contains__(self, address: str) -> bool:
        if not self._networks:
            return False
        parsed = _ip(address)
        return parsed is not None and any(parsed in network for network in self._networks)


def _ip(text: str) -> _Address | None:
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def resolve(headers: Iterable[Sequence[bytes]], trusted: TrustedProxies) -> Hop:
    """The hop to believe, from lower-case headers of a trusted proxy's request."""
    values: dict[bytes, list[bytes]] = {}
    for name, value in headers:
        values.setdefault(name, []).append(value)
    if b"forwarded" in values:
        hops = parse_forwarded(b",".join(values[b"forwarded"]).decode("latin-1"))
    else:
        hops = _parse_x_forwarded({name: b",".join(parts).decode("latin-1") for name, parts in values.items()})
    return _nearest_untrusted(hops, trusted)


def _nearest_untrusted(hops: list[Hop], trusted: TrustedProxies) -> Hop:
    """An unreadable hop ends the chain: what lies beyond it is nobody's word."""
    chosen = Hop()
    for hop in reversed(hops[-_MAX_HOPS:]):
        chosen = Hop(hop.client or chosen.client, hop.scheme or chosen.scheme, hop.host or chosen.host)
        if hop.client is None or hop.client[0] not in trusted:
            break
    return chosen


def parse_forwarded(value: str) -> list[Hop]:
    """The hops of a ``Forwarded`` header, the client's first; [] when it is malformed."""
    hops: list[Hop] = []
    pairs: dict[str, str] = {}
    position = 0
    while position < len(value):
        match = _PAIR.match(value, position)
        if match is not None:
            name, quoted, token = match.groups()
            pairs[name.lower()] = re.sub(r"\\(.)", r"\1", quoted) if quoted is not None else token
            position = match.end()
        elif value[position] not in ",; \t":
            return []
        if value[position : position + 1] == "," or position >= len(value):
            hops.append(_hop(pairs))
            pairs = {}
        if position < len(value) and value[position] not in ",; \t":
            return []
        position += 1
    return hops


def _parse_x_forwarded(values: dict[bytes, str]) -> list[Hop]:
    """Proto and host, where listed per hop, are matched to the clients from the right; a single one is for all."""
    clients = _items(values.get(b"x-forwarded-for", ""))
    schemes = _items(values.get(b"x-forwarded-proto", ""))
    hosts = _items(values.get(b"x-forwarded-host", ""))
    count = max(len(clients), 1)
    return [
        Hop(
            parse_node(clients[index]) if clients else None,
            _scheme(_nth(schemes, index - count)),
            _host(_nth(hosts, index - count)),
        )
        for index in range(count)
    ]


def _items(value: str) -> list[str]:
    return [item.strip() for item in value.split(",")][-_MAX_HOPS:] if value.strip() else []


def _nth(items: list[str], from_right: int) -> str:
    if len(items) >= -from_right:
        return items[from_right]
    return items[0] if items else ""


def _hop(pairs: dict[str, str]) -> Hop:
    return Hop(parse_node(pairs.get("for", "")), _scheme(pairs.get("proto", "")), _host(pairs.get("host", "")))


def parse_node(text: str) -> tuple[str, int] | None:
    """``192.0.2.1``, ``192.0.2.1:80``, ``2001:db8::1``, ``[2001:db8::1]:80`` → (address, port or 0); else None."""
    match = _NODE.fullmatch(text)
    if match is None:
        return None
    bracketed, plain, port, bare = match.groups()
    address = _ip(bracketed or plain or bare)
    return (str(address), int(port or 0)) if address is not None and int(port or 0) < 65536 else None


def _scheme(text: str) -> str | None:
    return {"http": "http", "https": "https", "ws": "http", "wss": "https"}.get(text.lower())


def _host(text: str) -> bytes | None:
    return text.encode("latin-1", "replace") or None
