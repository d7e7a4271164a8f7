r"""Response heads of plugins, checked before a client sees them. Pure.

A plugin's head is a block of ``name: value\r\n`` lines that nobody has looked at. ``prepare`` checks it once and
makes the bytes that go out; ``Heads`` remembers the last ones, since applications repeat their heads.
"""

from __future__ import annotations

import re
from http import HTTPStatus

from weft.errors import ProtocolError

_LINES = re.compile(rb"(?:[!#$%&'*+\-.^_`|~0-9A-Za-z]++:[^\x00-\x08\x0a-\x1f\x7f]*+\r\n)*+")
_SPECIAL = re.compile(
    rb"^(connection|keep-alive|proxy-connection|te|trailer|transfer-encoding|upgrade|content-length|date):([^\r]*)\r\n",
    re.IGNORECASE | re.MULTILINE,
)
_LENGTH = re.compile(rb"[ \t]*([0-9]{1,18})[ \t]*")
_REASONS = {status.value: status.phrase for status in HTTPStatus}
_CACHED_HEADS = 512
_CACHED_HEAD_BYTES = 2048


class Head:
    """A checked head. ``start``: status line and lines, without a length, a ``connection`` and the empty line."""

    __slots__ = ("bodyless", "dated", "length", "ready", "start", "status", "tail")

    def __init__(self, status: int, start: bytes, length: int | None, *, dated: bool) -> None:
        self.status = status
        self.start = start
        self.length = length
        """The declared content-length (not in ``start``), or None."""
        self.dated = dated
        """``start`` has a ``date`` of the application's own."""
        self.bodyless = status in (204, 304)
        self.ready = -1 if length is None or dated or self.bodyless else length
        """Bytes of body with which ``start``, a date line and ``tail`` are all there is to say; -1: never."""
        self.tail = b"content-length: %d\r\n\r\n" % (length or 0)


def status_line(status: int) -> bytes:
    r"""``HTTP/1.1 200 OK\r\n``"""
    return f"HTTP/1.1 {status} {_REASONS.get(status, 'Status')}\r\n".encode("ascii")


def prepare(status: object, head: object) -> Head:
    """Check an answer's status and head. Raises ProtocolError that says what is wrong."""
    if type(status) is not int or not 200 <= status <= 599:
        raise ProtocolError(f"the response's status must be a number from 200 to 599, found {status!r}")
    special: list[tuple[bytes, bytes]] = _SPECIAL.findall(_lines(head))
    lengths = [value for name, value in special if name.lower() == b"content-length"]
    dated = any(name.lower() == b"date" for name, _ in special)
    return Head(status, status_line(status) + check_lines(head), _length(status, lengths), dated=dated)


def check_lines(head: object) -> bytes:
    """Header lines fit for a client: checked, without lengths and hop-by-hop ones. Raises ProtocolError."""
    return _SPECIAL.sub(_keep_date, _lines(head))


def _lines(head: object) -> bytes:
    if type(head) is not bytes or _LINES.fullmatch(head) is None:
        raise ProtocolError("the response's headers must be name: value lines without control characters")
    return head


def _keep_date(match: re.Match[bytes]) -> bytes:
    return match[0] if match[1].lower() == b"date" else b""


def _length(status: int, lengths: list[bytes]) -> int | None:
    if not lengths or status == 204:
        return None
    match = _LENGTH.fullmatch(lengths[0])
    if len(lengths) > 1 or match is None:
        raise ProtocolError("the response's content-length must be one number")
    return int(match[1])


class Heads:
    """Prepared heads by status and head: at most 512 small ones."""

    def __init__(self) -> None:
        self._known: dict[tuple[object, object], Head] = {}

    def get(self, status: object, head: object) -> Head:
        """See ``prepare``."""
        try:
            return self._known[status, head]
        except (KeyError, TypeError):
            return self._add(status, head)

    def _add(self, status: object, head: object) -> Head:
        prepared = prepare(status, head)
        if len(prepared.start) <= _CACHED_HEAD_BYTES:
            if len(self._known) >= _CACHED_HEADS:
                self._known.clear()
            self._known[status, head] = prepared
        return prepared
