"""Every setting, once: its name, type, default and meaning.

``weft.toml`` holds them under these names, ``WEFT_*`` in the environment beats the file, flags beat both.
Sizes are bytes, times seconds.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from msgspec import Struct

LogLevel = Literal["trace", "debug", "info", "warning", "error"]


class HttpSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[http]``: what the front allows of clients."""

    max_header_bytes: int = 64 * 1024
    """Request line and headers together; past it 431 (414 when the request line alone is longer)."""
    max_headers: int = 100
    """Number of header fields; past it 431."""
    max_body_bytes: int = 1024 * 1024 * 1024
    """Request body; past it 413."""
    max_message_bytes: int = 16 * 1024 * 1024
    """One websocket message; past it close code 1009."""
    header_timeout: float = 10.0
    """From a request's first byte to the end of its headers; past it the connection is closed with 408."""
    body_timeout: float = 60.0
    """Longest silence within a request body; past it 408 and the connection is closed."""
    send_timeout: float = 120.0
    """Longest time that a client may take nothing of a response that waits for it; past it the connection is cut."""
    keep_alive_timeout: float = 75.0
    """Idle time of a keep-alive connection between requests."""
    websocket_ping: float = 20.0
    """Seconds between pings on an open websocket; a client silent for two of them is cut. 0: none."""
    max_connections: int = 10_000
    """Open client connections; past it new ones are answered 503 and closed."""
    max_in_flight: int = 1_000
    """Requests in flight per plugin; past it 503 with Retry-After."""
    trusted_proxies: tuple[str, ...] = ()
    """Addresses or networks whose ``Forwarded`` and ``X-Forwarded-*`` are believed."""
    tls_certificate: Path | None = None
    """PEM file; with ``tls_key``, the port speaks TLS."""
    tls_key: Path | None = None
    access_log: bool = True


class ManagementSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[management]``"""

    domains: tuple[str, ...] = ("localhost",)
    """Where management is served, besides every Host that is an address."""
    max_upload_bytes: int = 256 * 1024 * 1024
    """Largest archive that can be uploaded."""


class PolicySettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[policy]``: the most that a plugin that arrives (deploy, upload, RPC, URL) may have without a grant.

    The names are those of ``weft deploy --allow KEY=VALUE`` too.
    """

    runtimes: tuple[str, ...] = ("process", "executable", "wasm")
    read: tuple[str, ...] = ()
    write: tuple[str, ...] = ()
    network: Literal["none", "loopback", "outbound"] = "outbound"
    env: tuple[str, ...] = ()
    exec: tuple[str, ...] = ()
    plugins: tuple[str, ...] = ()
    manage: bool = False
    memory: int = 512 * 1024 * 1024
    cpu: float | None = None
    """Cores; None: no limit."""
    processes: int = 64
    threads: int = 16
    open_files: int = 1024
    startup: float = 30.0
    call: float = 30.0
    drain: float = 30.0
    instances: int = 8


class PluginSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[plugins.NAME]``: what the operator says of one plugin."""

    file: Path | None = None
    """Where it is (a plugin in any form): loaded with the PATHs of ``weft serve``. None: it is deployed."""
    domains: tuple[str, ...] | None = None
    allow: tuple[str, ...] = ()
    """What it may have beyond ``[policy]``, as ``KEY=VALUE``."""
    config: dict[str, Any] = {}
    env: dict[str, str] = {}


class Preload(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One plugin, or folder of plugins, that is loaded first and that no client can replace or remove.

    GLoom's ``[[plugins]]`` and ``PRELOADED_PLUGINS`` are lists of these.
    """

    file: Path
    name: str | None = None
    domains: tuple[str, ...] | None = None


class ServerSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The server's settings: the top level of ``weft.toml``."""

    host: str = "127.0.0.1"
    port: int = 3000
    """0: any free port."""
    rpc_port: int = 7143
    state: Path
    log_level: LogLevel = "info"
    strict: bool = False
    keep_releases: int = 10
    """Releases kept per plugin for roll-back; older ones are pruned."""
    log_bytes: int = 8 * 1024 * 1024
    """Output kept on disk per plugin; the oldest goes first."""
    http: HttpSettings = HttpSettings()
    management: ManagementSettings = ManagementSettings()
    policy: PolicySettings = PolicySettings()
    plugins: dict[str, PluginSettings] = {}
    preload: tuple[Preload, ...] = ()
    """Written ``[[plugins]]`` in the file."""
