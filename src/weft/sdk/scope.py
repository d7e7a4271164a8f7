"""What ASGI requests and websockets share: the scope, the header block, waiting."""

from __future__ import annotations

import asyncio
from typing import Any, Dict, List, Mapping, MutableMapping, Optional

Message = MutableMapping[str, Any]
MAX_HEAD = 1024 * 1024
"""Bytes of response headers."""

_ASGI = {
    "http": {"version": "3.0", "spec_version": "2.3"},
    "websocket": {"version": "3.0", "spec_version": "2.4"},
}
"""From 2.4 on Starlette notices only by its next ``send`` that the client of a stream left; before, at once."""


class ClientLeft(OSError):  # noqa: N818 - what happened, not what is wrong
    """What ``send`` raises once nobody is there to receive: a loop that only sends would never end."""


def build_scope(
    kind: str,
    target: bytes,
    headers: List[Any],
    scheme: str,
    http_version: str,
    client: Optional[List[Any]],
    server: Optional[List[Any]],
    state: Dict[str, Any],
    root_path: str = "",
) -> Message:
    """The ASGI scope that requests and websockets share; the arguments are those of contract ``web``."""
    path, _, query = target.partition(b"?")
    return {
        "type": kind,
        "asgi": _ASGI[kind],
        "http_version": http_version,
        "server": server and tuple(server),
        "client": client and tuple(client),
        "scheme": scheme,
        "root_path": root_path,
        "path": _unquoted(path) if b"%" in path else path.decode("utf-8", "replace"),
        "raw_path": path,
        "query_string": query,
        "headers": headers,
        "state": state.copy(),
    }


def path_below(scope: Mapping[str, Any]) -> str:
    """The path below the one at which the application is mounted."""
    path: str = scope["path"]
    root = scope.get("root_path", "")
    return (path[len(root) :] or "/") if root else path


def _unquoted(path: bytes) -> str:
    from urllib.parse import unquote_to_bytes  # an instance without such paths does without the module

    return unquote_to_bytes(path).decode("utf-8", "replace")


def format_head(headers: Any) -> bytes:
    """Headers, an iterable of (name, value) bytes, as a header block.

    Raises ValueError for a line break in one, and for more than MAX_HEAD bytes of them.
    """
    lines = [b"%b: %b\r\n" % (name.lower(), value) for name, value in headers]
    head = b"".join(lines)
    if head.count(b"\n") != len(lines):  # only here is it known where each header ends
        raise ValueError(f"ASGI: a header's name or value holds a line break: {headers!r}")
    if len(head) > MAX_HEAD:
        raise ValueError(f"ASGI: {len(head)} bytes of headers: at most {MAX_HEAD} are sent")
    return head


class Waiters:
    """Coroutines that wait for the next change of a cycle's state, whatever it is."""

    __slots__ = ("_futures",)

    def __init__(self) -> None:
        self._futures: List[asyncio.Future[None]] = []

    async def change(self) -> None:
        """Wait for the next ``notify``."""
        future = asyncio.get_running_loop().create_future()
        self._futures.append(future)
        await future

    def notify(self) -> None:
        """Something changed: everybody looks again."""
        if self._futures:
            futures, self._futures = self._futures, []
            for future in futures:
                if not future.done():
                    future.set_result(None)
