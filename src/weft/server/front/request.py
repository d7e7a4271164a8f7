"""What a request's head must look like to be passed on: the checks that the parser leaves open.

Pure: from parsed fields to a ``Request`` or a ``Refusal``. The parser (llhttp, strict) has already refused bare CR or
LF, folded lines, control characters, spaces before a colon, two lengths, and a length beside a transfer coding.
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import TYPE_CHECKING

from weft.server.router import host_name

if TYPE_CHECKING:
    from weft.server.front.exchange import Exchange

Headers = list[list[bytes]]

METHODS = {
    name.encode(): name
    for name in (
        "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "QUERY", "PROPFIND", "PROPPATCH", "MKCOL",
        "MKCALENDAR", "COPY", "MOVE", "LOCK", "UNLOCK", "SEARCH", "REPORT", "ACL", "BIND", "UNBIND", "REBIND", "LINK",
        "UNLINK", "CHECKOUT", "MERGE", "PURGE",
    )
}  # fmt: skip
"""Methods that are passed on; any other is answered 501."""
FORWARDED = frozenset((
    b"forwarded", b"x-forwarded-for", b"x-forwarded-host", b"x-forwarded-port", b"x-forwarded-prefix",
    b"x-forwarded-proto", b"x-forwarded-scheme", b"x-forwarded-server", b"x-forwarded-ssl", b"x-real-ip",
))  # fmt: skip
"""What only a trusted proxy may say of a request."""
_HOP_BY_HOP = frozenset(
    (b"connection", b"keep-alive", b"te", b"trailer", b"upgrade", b"transfer-encoding", b"proxy-connection")
)
_END_TO_END = FORWARDED | {
    b"host", b"content-length", b"content-type", b"authorization", b"cookie", b"expect", b"origin", b"sec-fetch-site",
}  # fmt: skip
"""Never dropped because ``Connection`` names them, as little as any other ``X-Forwarded-*``: leave depends on them."""
_SPECIAL = _HOP_BY_HOP | FORWARDED | {b"content-length", b"expect", b"sec-websocket-key", b"sec-websocket-version"}
_ABSOLUTE = re.compile(rb"https?://([^/?#]*)([^#]*)", re.IGNORECASE)
_DEFAULT_PORT = re.compile(rb":(?:80|443)?\Z")


class Refusal(Exception):  # noqa: N818 - it is an answer
    """A request that is answered by the front itself, after which the connection is closed."""

    def __init__(self, status: int, detail: str, *, extra: bytes = b"") -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.extra = extra
        """More header lines for the answer."""


class Request:
    """One parsed request. ``pieces`` collects its body until an exchange takes it over."""

    __slots__ = (
        "complete", "exchange", "expects", "forwarded", "headers", "host", "keep_alive", "length", "method", "pieces",
        "plain", "received", "target", "version", "websocket",
    )  # fmt: skip

    def __init__(
        self, method: str, target: bytes, headers: Headers, version: str, host: bytes, *, keep_alive: bool
    ) -> None:
        self.method = method
        self.target = target
        self.headers = headers
        self.version = version
        self.host = host
        self.keep_alive = keep_alive
        self.plain = version == "1.1" and method != "HEAD"
        """Its answer has a body, and is kept alive without saying so."""
        self.length = 0
        """Declared bytes of body; -1: chunked."""
        self.received = 0
        self.pieces: list[bytes] = []
        self.complete = False
        self.expects = False
        """It waits for ``100 Continue``."""
        self.websocket = False
        self.forwarded = False
        """It carries a header of FORWARDED."""
        self.exchange: Exchange | None = None

    def header(self, name: bytes) -> bytes:
        """The values under a lower-case name, joined by commas; b"" when there is none."""
        return b",".join([field[1] for field in self.headers if field[0] == name])


def examine(method: bytes, target: bytes, headers: Headers, version: str, *, keep_alive: bool) -> Request:
    """The request of a parsed head; ``headers`` have lower-case names. Raises Refusal."""
    name = METHODS.get(method)
    if name is None:
        raise Refusal(501, f"The method {method.decode('latin-1')} is not known here.")
    if version not in ("1.1", "1.0"):
        raise _unknown_version(version)
    hosts: list[bytes] = []
    special: Headers = []
    for field in headers:
        if field[0] in _SPECIAL:
            special.append(field)
        elif field[0] == b"host":
            hosts.append(field[1])
    if len(hosts) != 1 and (hosts or version == "1.1"):
        raise Refusal(400, f"The request has {'two Host headers' if hosts else 'no Host header'}.")
    request = Request(name, target, headers, version, hosts[0] if hosts else b"", keep_alive=keep_alive)
    if target[:1] != b"/" or b"#" in target:
        _to_origin_form(request)
    if special:
        _apply(request, special)
    return request


def check_host(host: bytes) -> str:
    """The name in a Host header. Raises Refusal when it is no host."""
    name = host_name(host)
    if name is None:
        raise Refusal(400, "The Host header is not a valid host name.")
    return name


def _unknown_version(version: str) -> Refusal:
    if version == "0.9":
        return Refusal(400, "The request line names no HTTP version.")
    return Refusal(505, f"HTTP/{version} is not spoken here; use HTTP/1.1.")


def _to_origin_form(request: Request) -> None:
    target = request.target
    if target == b"*":
        if request.method != "OPTIONS":
            raise Refusal(400, "The target * is for OPTIONS only.")
        return
    match = _ABSOLUTE.fullmatch(target)
    if match is None:
        raise Refusal(400, "The request target is not valid.")
    authority, path = match.groups()
    if _DEFAULT_PORT.sub(b"", authority).lower() != _DEFAULT_PORT.sub(b"", request.host).lower():
        raise Refusal(400, "The request target and the Host header disagree.")
    request.target = path if path.startswith(b"/") else b"/" + path


def _apply(request: Request, special: Headers) -> None:
    found = {field[0] for field in special}
    if found & FORWARDED:
        request.forwarded = True
    _apply_framing(request, found)
    if b"expect" in found and request.version == "1.1":
        if request.header(b"expect").lower() != b"100-continue":
            raise Refusal(417, "Only Expect: 100-continue is known here.")
        request.expects = True
    if b"upgrade" in found:
        request.websocket = _is_websocket(request)
        request.keep_alive = request.keep_alive and not request.websocket
    dropped = found & _HOP_BY_HOP
    if b"connection" in found:
        named = _tokens(request.header(b"connection")) - _END_TO_END
        dropped |= {name for name in named if not name.startswith(b"x-forwarded-")}
    if dropped:
        request.headers[:] = [field for field in request.headers if field[0] not in dropped]


def _apply_framing(request: Request, found: set[bytes]) -> None:
    if b"transfer-encoding" in found:
        if b"content-length" in found:
            raise Refusal(400, "The request has both Content-Length and Transfer-Encoding.")
        if request.version == "1.0":
            raise Refusal(400, "Transfer-Encoding needs HTTP/1.1.")
        if request.header(b"transfer-encoding").lower() != b"chunked":
            raise Refusal(501, "No transfer coding but chunked is known here.")
        request.length = -1
    elif b"content-length" in found:
        length = request.header(b"content-length")
        if not length.isdigit():
            raise Refusal(400, "The Content-Length is not one number.")
        request.length = int(length)


def _tokens(value: bytes) -> set[bytes]:
    return {token.strip().lower() for token in value.split(b",")}


def _is_websocket(request: Request) -> bool:
    """Whether it is a sound websocket handshake; False for any other upgrade. Raises Refusal for an unsound one."""
    asked = b"upgrade" in _tokens(request.header(b"connection"))
    if not asked or b"websocket" not in _tokens(request.header(b"upgrade")):
        return False
    if request.method != "GET" or request.version != "1.1" or request.length:
        raise Refusal(400, "A websocket is opened by GET, HTTP/1.1, with no body.")
    if request.header(b"sec-websocket-version").strip() != b"13":
        raise Refusal(426, "Only websocket version 13 is spoken here.", extra=b"sec-websocket-version: 13\r\n")
    try:
        key = base64.b64decode(request.header(b"sec-websocket-key"), validate=True)
    except binascii.Error:
        key = b""
    if len(key) != 16:
        raise Refusal(400, "The Sec-WebSocket-Key is not 16 bytes in base64.")
    return True
