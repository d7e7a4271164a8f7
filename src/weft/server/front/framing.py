"""What the parser's errors mean to a client, and the measure of a chunked body. Pure."""

from __future__ import annotations

import re

import httptools

from weft.server.front.request import Refusal

_REQUEST_LINE = re.compile(rb"[\r\n]*([!#$%&'*+\-.^_`|~0-9A-Za-z]{1,64}) ")


class BodyGauge:
    """Weighs the bytes of a chunked body against their framing, so that chunk extensions and trailers stay small."""

    __slots__ = ("body", "chunks", "raw", "slack")

    def __init__(self, slack: int) -> None:
        self.slack = slack
        self.raw = 0
        self.body = 0
        self.chunks = 0

    def take(self, raw: int) -> bool:
        """Count ``raw`` bytes of the connection; True when too many of them were no body."""
        self.raw += raw
        return self.raw > self.slack + 2 * self.body + 16 * self.chunks


def refusal_of(error: httptools.HttpParserError, data: bytes) -> Refusal:
    """The answer to what the parser refused; ``data`` is what it was fed last."""
    cause = error.__context__
    if isinstance(cause, Refusal):
        return cause
    if isinstance(error, httptools.HttpParserCallbackError) and cause is not None:
        raise cause
    if "PRI/Upgrade" in str(error):  # the first line of HTTP/2
        return Refusal(505, "HTTP/2 is not spoken here; use HTTP/1.1.")
    if isinstance(error, httptools.HttpParserInvalidMethodError) and _REQUEST_LINE.match(data):
        return Refusal(501, "The request's method is not known here.")
    return Refusal(400, f"The request is malformed: {error}.")
