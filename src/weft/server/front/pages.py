"""What the front says when it answers itself: small pages, as HTML, JSON or plain text. Pure."""

from __future__ import annotations

import html
import json
from http import HTTPStatus
from math import ceil

_HTML = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{status} {title}</title><style>
:root{{color-scheme:light dark}}
body{{font:16px/1.6 system-ui,sans-serif;max-width:34rem;margin:18vh auto;padding:0 1.5rem}}
h1{{font-size:1.5rem;margin:0 0 .5rem}}b{{opacity:.45;font-weight:400;margin-right:.5rem}}p{{opacity:.8}}
</style></head><body><h1><b>{status}</b>{title}</h1><p>{detail}</p></body></html>
"""
_COMMON = b"cache-control: no-store\r\nx-content-type-options: nosniff\r\n"


def page(status: int, detail: str, accept: bytes = b"", extra: bytes = b"") -> tuple[bytes, bytes]:
    r"""The header lines and the body of an answer of the front's own.

    ``accept``: the request's Accept header; ``extra``: more header lines, each with its ``\r\n``.
    """
    kind, body = _body(status, detail, accept.lower())
    return b"content-type: " + kind + b"\r\n" + _COMMON + extra, body


def retry_after(seconds: float) -> bytes:
    """A ``retry-after`` line: whole seconds, rounded up, at least one."""
    return b"retry-after: %d\r\n" % max(1, ceil(seconds))


def _body(status: int, detail: str, accept: bytes) -> tuple[bytes, bytes]:
    title = HTTPStatus(status).phrase
    if b"text/html" in accept:
        text = _HTML.format(status=status, title=html.escape(title), detail=html.escape(detail))
        return b"text/html; charset=utf-8", text.encode()
    if b"json" in accept:
        return b"application/json", json.dumps({"error": title, "status": status, "detail": detail}).encode() + b"\n"
    return b"text/plain; charset=utf-8", f"{status} {title}\n{detail}\n".encode()
