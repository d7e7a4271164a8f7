"""Where a request leads: below which path its plugin is mounted, as both sides write it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, unquote_to_bytes

OF_CONNECTIONS = frozenset(
    {b"connection", b"keep-alive", b"proxy-connection", b"te", b"trailer", b"transfer-encoding", b"upgrade"}
)
"""Headers that are between a client and its server alone."""


def root_of(scope: Mapping[str, Any]) -> str:
    """The path at which the application is mounted; '' at the top."""
    root: str = scope.get("root_path", "").rstrip("/")
    return root


def path_below(scope: Mapping[str, Any]) -> str:
    """The path below that. ASGI has ``root_path`` in ``path``; hosts of before its version 2.4 left it out."""
    path, root = scope["path"], root_of(scope)
    return (path[len(root) :] or "/") if f"{path}/".startswith(f"{root}/") else path


def target_of(scope: Mapping[str, Any]) -> bytes:
    """The path from the top with the query, in the bytes in which the client wrote it, where the host kept them."""
    whole = root_of(scope) + path_below(scope)
    raw = (scope.get("raw_path") or b"").partition(b"?")[0]
    path = raw if unquote_to_bytes(raw) == whole.encode("utf-8", "surrogateescape") else quote(whole).encode()
    return bytes(path + b"?" + scope["query_string"]) if scope["query_string"] else bytes(path)


def headers_of(scope: Mapping[str, Any]) -> list[list[bytes]]:
    """What a plugin gets of the headers."""
    return [[name, value] for name, value in scope["headers"] if name not in OF_CONNECTIONS]


def origin_of(scope: Mapping[str, Any], scheme: str) -> list[Any]:
    """``scheme``, ``http_version``, ``client`` and ``server`` as contract ``web`` has them."""
    client, server = scope.get("client"), scope.get("server")
    version = "1.0" if scope.get("http_version") == "1.0" else "1.1"
    return [scope.get("scheme", scheme), version, client and list(client), server and list(server)]
