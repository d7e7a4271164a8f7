"""What a client may ask of a file: a part of it, or none where it has it already (RFC 9110, sections 13 and 14)."""

from __future__ import annotations

import re
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Mapping, Optional

if TYPE_CHECKING:
    from weft.sdk.gloom.requests import Request
    from weft.sdk.gloom.responses import Response

_RANGE = re.compile(r"\s*bytes\s*=\s*(\d{0,18})\s*-\s*(\d{0,18})\s*", re.ASCII | re.IGNORECASE)


def fit(response: Response, request: Request) -> None:
    """Make a file's response the one that the request asks for: 200, 206, 304 or 416. Others stay as they are."""
    if response.length is None or response.code not in (None, 200) or request.method not in ("GET", "HEAD"):
        return
    etag, modified = response.get("etag"), response.get("last-modified")
    if unchanged(request.headers, etag, modified):
        _without_body(response, 304)
        return
    part = wanted(request.headers, etag, modified, response.length) if request.method == "GET" else None
    if part is None:
        return
    if not part:
        _without_body(response, 416).set("content-range", f"bytes */{response.length}")
        return
    response.status(206).set("content-range", f"bytes {part.start}-{part.stop - 1}/{response.length}")
    response.body.seek(part.start)
    response.length = len(part)


def unchanged(headers: Mapping[str, str], etag: Optional[str], modified: Optional[str]) -> bool:
    """Whether the client has it as it is: by the tag, where the client sent one, else by the time."""
    tags = headers.get("if-none-match")
    if tags is not None:
        return tags.strip() == "*" or _weak(etag) in map(_weak, tags.split(","))
    since = headers.get("if-modified-since")
    if since is None or modified is None:
        return False
    try:
        return parsedate_to_datetime(since) >= parsedate_to_datetime(modified)
    except (TypeError, ValueError):
        return False


def wanted(headers: Mapping[str, str], etag: Optional[str], modified: Optional[str], size: int) -> Optional[range]:
    """Which bytes are asked for; None: all, as for several parts at once; none: it has no such part."""
    found = _RANGE.fullmatch(headers.get("range", ""))
    if found is None or headers.get("if-range", etag) not in (etag, modified):
        return None
    first, last = found.groups()
    if not first:
        return _last_bytes(int(last), size) if last else None
    begin, end = int(first), int(last) + 1 if last else size
    if last and end <= begin:
        return None
    return range(begin, min(end, size))


def _last_bytes(count: int, size: int) -> Optional[range]:
    return range(max(0, size - count), size) if size or not count else None


def _weak(tag: Optional[str]) -> Optional[str]:
    return None if tag is None else tag.strip().removeprefix("W/")


def _without_body(response: Response, status: int) -> Response:
    response.body.close()
    response.body = None
    return response.status(status)
