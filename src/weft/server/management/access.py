"""Who may manage: a decision table over the facts of one request. Pure; peers.py finds the facts.

The rules are tried in order, and the first that speaks against the request is the answer.
"""

from __future__ import annotations

import hmac
import ipaddress
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from enum import Enum

from weft.server.router import is_address

_FORWARDED = (b"forwarded", b"x-forwarded-")
_SAME_SITE = frozenset({b"none", b"same-origin"})
_DEFAULT_PORT = {"http": ":80", "https": ":443"}


class Token(Enum):
    """What a request says of the token in STATE/token."""

    ABSENT = "absent"
    RIGHT = "right"
    WRONG = "wrong"


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What is known of one request and of the one who asks."""

    own_program: bool
    """The peer is a program of the server's user, and neither a plugin nor descended from one that may not manage."""
    token: Token
    host_known: bool
    """Host is a management domain or an address (or the request came over the control socket)."""
    same_origin: bool
    """No ``Origin``, or the request's own scheme and Host."""
    same_site: bool
    """``Sec-Fetch-Site`` is absent, ``none`` or ``same-origin``."""
    forwarded: bool
    """Sent with ``Forwarded`` or ``X-Forwarded-*``, or by a trusted proxy."""
    exposed: bool
    """Management is bound beyond loopback, and this request came over TCP."""


@dataclass(frozen=True)
class Denial:
    """Why a request may not manage: an HTTP status, the reason, and the remedy."""

    status: int
    reason: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.reason}: {self.remedy}"


_SEND_TOKEN = "send the token of STATE/token as `Authorization: Bearer TOKEN`"  # noqa: S105 - names no secret
_OWN_PAGE = "open the management pages themselves, or use the commands"
RULES: tuple[tuple[Callable[[Facts], bool], Denial], ...] = (
    (lambda facts: not facts.host_known, Denial(403, "this Host is not management's", "ask for a management domain")),
    (lambda facts: not facts.same_origin, Denial(403, "a page of another origin may not manage", _OWN_PAGE)),
    (lambda facts: not facts.same_site, Denial(403, "a page of another site may not manage", _OWN_PAGE)),
    (lambda facts: facts.token is Token.WRONG, Denial(401, "the token is not this server's", _SEND_TOKEN)),
    (lambda facts: facts.token is Token.RIGHT, Denial(200, "", "")),
    (lambda facts: facts.exposed, Denial(401, "management beyond loopback needs the token", _SEND_TOKEN)),
    (lambda facts: facts.forwarded, Denial(401, "a forwarded request needs the token", _SEND_TOKEN)),
    (
        lambda facts: not facts.own_program,
        Denial(401, "the peer is a plugin, another user's program, or cannot be told", _SEND_TOKEN),
    ),
)
"""(Does the rule speak?, what it says), in order; status 200 allows."""


def decide(facts: Facts) -> Denial | None:
    """Why the request may not manage; None: it may."""
    verdict = next((says for speaks, says in RULES if speaks(facts)), None)
    return None if verdict is None or verdict.status == 200 else verdict


# --- facts that the request itself states ---------------------------------------------------------------------------


def read_token(headers: Iterable[tuple[bytes, bytes]], token: str) -> Token:
    """Compares ``Authorization: Bearer`` in constant time; two of them, or another scheme, are wrong."""
    given = _values(headers, b"authorization")
    if not given:
        return Token.ABSENT
    scheme, _, value = given[0].partition(b" ")
    right = hmac.compare_digest(value.strip(), token.encode()) and bool(token)
    return Token.RIGHT if right and len(given) == 1 and scheme.lower() == b"bearer" else Token.WRONG


def is_forwarded(headers: Iterable[tuple[bytes, bytes]]) -> bool:
    """Whether a proxy had this request in its hands."""
    return any(name.startswith(_FORWARDED) for name, _ in headers)


def is_same_origin(headers: Iterable[tuple[bytes, bytes]], scheme: str) -> bool:
    """Whether ``Origin``, where sent, is this request's own scheme and Host."""
    fields = list(headers)
    hosts = _values(fields, b"host")
    own = f"{scheme}://{_text(hosts[0])}".lower().removesuffix(_DEFAULT_PORT.get(scheme, "")) if hosts else ""
    return all(own != "" and _text(origin).lower() == own for origin in _values(fields, b"origin"))


def is_same_site(headers: Iterable[tuple[bytes, bytes]]) -> bool:
    """Whether the browser, where it is one, says that no other site had a hand in this."""
    return all(value.strip().lower() in _SAME_SITE for value in _values(headers, b"sec-fetch-site"))


def is_known_host(host: str | None, domains: Collection[str]) -> bool:
    """Whether ``host`` (no port, lower case) is one of management's ``domains`` or an address."""
    return host is not None and (host in domains or is_address(host))


def is_beyond_loopback(host: str) -> bool:
    """Whether listening at ``host`` lets other machines in; a name that is not ``localhost`` counts as that."""
    if host == "localhost":
        return False
    try:
        return not ipaddress.ip_address(host).is_loopback
    except ValueError:
        return True


def _values(headers: Iterable[tuple[bytes, bytes]], wanted: bytes) -> list[bytes]:
    return [value for name, value in headers if name == wanted]


def _text(value: bytes) -> str:
    return value.decode("latin-1").strip()
