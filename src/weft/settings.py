"""Every setting, once: its name, type, default and meaning.

``weft.toml`` holds them under these names, ``WEFT_*`` in the environment beats the file, flags beat both.
Sizes are bytes, times seconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

LogLevel = Literal["trace", "debug", "info", "warning", "error"]
SandboxMode = Literal["required", "best-effort"]
"""``required``: a plugin is not started where the machine cannot enforce all of its permissions and limits."""

BuildsMode = Literal["confined", "refused", "unconfined"]
"""What becomes of packages that come as source, whose own code builds them."""


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
    """Open client connections, at most half of the files that the server may open; past it they are answered 503."""
    max_in_flight: int = 1_000
    """Requests in flight per plugin; past it 503 with Retry-After."""
    trusted_proxies: tuple[str, ...] = ()
    """Addresses or networks whose ``Forwarded`` and ``X-Forwarded-*`` are believed."""
    tls_certificate: Path | None = None
    """PEM file; with ``tls_key``, the port speaks TLS."""
    tls_key: Path | None = None
    """PEM file with the certificate's key."""
    access_log: bool = True
    """One line per answered request on standard error."""


class ManagementSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[management]``: where the server's own interface is, and what it takes."""

    domains: tuple[str, ...] = ("localhost",)
    """Where management is served, besides every Host that is an address."""
    max_upload_bytes: int = 256 * 1024 * 1024
    """Largest archive that can be uploaded."""


class RpcSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[rpc]``: GLoom's RPC, in gob and in JSON. ``rpc_port`` says on which port."""

    host: str = "127.0.0.1"
    """Address to listen on; beyond loopback, the three files below are needed."""
    certificate: Path | None = None
    """PEM file; with ``key`` and ``client_ca``, the port speaks TLS, to that authority's clients alone."""
    key: Path | None = None
    """PEM file with the certificate's key."""
    client_ca: Path | None = None
    """PEM file with the certificates of the authority that clients' certificates are from."""
    read_timeout: float = 60.0
    """Longest silence within a call, and longest time that a client may leave its answers unread."""
    idle_timeout: float = 86_400.0
    """Idle time of a connection between calls; Go's clients do not connect again by themselves."""
    max_connections: int = 64
    """Open connections; past it new ones are closed."""
    max_in_flight: int = 64
    """Calls under way on one connection; past it no more are read."""


class PolicySettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[policy]``: the most that a plugin that arrives (deploy, upload, RPC, URL) may have without a grant.

    The names are those of ``weft deploy --allow KEY=VALUE`` too.
    """

    runtimes: tuple[str, ...] = ("process", "executable", "wasm")
    """Runtimes that it may ask for."""
    read: tuple[str, ...] = ()
    """Paths that it may read besides its own files."""
    write: tuple[str, ...] = ()
    """Paths that it may write besides its data folder."""
    network: Literal["none", "loopback", "outbound"] = "outbound"
    """How far it may reach."""
    ports: tuple[int, ...] = ()
    """TCP ports that it may connect to; none named: any."""
    env: tuple[str, ...] = ()
    """Variables of the server's environment that may be passed to it."""
    exec: tuple[str, ...] = ()
    """Programs that it may run besides its own interpreter."""
    plugins: tuple[str, ...] = ()
    """Other plugins that it may call."""
    manage: bool = False
    """Whether it may call the server's management."""
    memory: int = 512 * 1024 * 1024
    """Bytes of memory, all its processes together."""
    cpu: float | None = None
    """Cores; None: no limit."""
    processes: int = 64
    """Processes that it may have at once."""
    threads: int = 16
    """Threads for plain ``def`` code and WSGI."""
    open_files: int = 1024
    """Files and sockets that one process may have open."""
    disk: int = 1024 * 1024 * 1024
    """Bytes in its data folder."""
    startup: float = 30.0
    """Seconds until it must be ready."""
    call: float = 30.0
    """Seconds that a result may take."""
    drain: float = 30.0
    """Seconds that a replaced release is given to finish."""
    instances: int = 8
    """Copies of it that share its work."""


class SupervisionSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[supervision]``: how the instances of plugins are watched, and started again when they are lost."""

    first_delay: float = 1.0
    """Seconds before a lost instance is started again; doubled with each failure that follows."""
    longest_delay: float = 60.0
    """The most that this grows to."""
    failures: Annotated[int, Meta(ge=1)] = 5
    """Failures in a row after which no more is tried: it is quarantined until it is restarted or replaced."""
    healthy_after: float = 60.0
    """Seconds after which an instance's earlier failures are forgotten, and its release has settled."""
    ping_every: Annotated[float, Meta(ge=0.01)] = 5.0
    """Seconds between signs of life that are asked of an instance with calls in flight; of an idle one, six times."""
    hung_in_call: float = 20.0
    """Silence after which an instance with calls in flight is ended and started again."""
    hung_after: float = 60.0
    """The same for one without."""


class PluginSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``[plugins.NAME]``: what the operator says of one plugin."""

    file: Path | None = None
    """Where it is (a plugin in any form): loaded with the PATHs of ``weft serve``. None: it is deployed."""
    domains: tuple[str, ...] | None = None
    """Where it is served, instead of what its manifest says."""
    allow: tuple[str, ...] = ()
    """What it may have beyond ``[policy]``, as ``KEY=VALUE``."""
    rollback: Literal["manual", "auto"] | None = None
    """``auto``: a new release that fails goes back to the one before; instead of what its manifest says."""
    config: dict[str, Any] = {}
    """Values handed to it, over those of its manifest."""
    env: dict[str, str] = {}
    """Variables of its environment; never shown, never logged."""


class Preload(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One plugin, or folder of plugins, that is loaded first and that no client can replace or remove.

    GLoom's ``[[plugins]]`` and ``PRELOADED_PLUGINS`` are lists of these.
    """

    file: Path
    """A plugin in any form, or a folder of plugins."""
    name: str | None = None
    """Its name, instead of its own."""
    domains: tuple[str, ...] | None = None
    """Where it is served, instead of what its manifest says."""


class ServerSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The server's settings: the top level of ``weft.toml``."""

    host: str = "127.0.0.1"
    """Address to listen on; beyond loopback, management needs the token."""
    port: int = 3000
    """0: any free port."""
    rpc_port: int | None = None
    """Port of GLoom's RPC; 0: any free one. None: 7143, or no RPC where another program has that."""
    state: Path
    """Folder of all that is kept: ``$WEFT_STATE``, else ``$XDG_DATA_HOME/weft``, else ``~/.local/share/weft``."""
    log_level: LogLevel = "info"
    """The least level of the server's own lines."""
    sandbox: SandboxMode = "best-effort"
    """`required`: no plugin is started where this machine cannot enforce all of its permissions and limits."""
    builds: BuildsMode = "confined"
    """Packages that come as source run code to be built: in the sandbox, not at all, or as the server's user."""
    strict: bool = False
    """Exit with 1 when a PATH fails, instead of serving the others."""
    keep_releases: int = 10
    """Releases kept per plugin for roll-back; older ones are pruned."""
    log_bytes: int = 8 * 1024 * 1024
    """Output kept on disk per plugin; the oldest goes first."""
    http: HttpSettings = HttpSettings()
    """What the front allows of clients."""
    management: ManagementSettings = ManagementSettings()
    """Where management is served, and what it takes."""
    rpc: RpcSettings = RpcSettings()
    """Where GLoom's RPC is served, and what it allows of clients."""
    policy: PolicySettings = PolicySettings()
    """The most that a plugin that arrives may have without a grant."""
    supervision: SupervisionSettings = SupervisionSettings()
    """How the instances of plugins are watched, and started again when they are lost."""
    plugins: dict[str, PluginSettings] = {}
    """What the operator says of single plugins, by name."""
    preload: tuple[Preload, ...] = ()
    """Written ``[[plugins]]`` in the file."""


def default_state(environ: Mapping[str, str]) -> Path:
    """STATE where nothing says otherwise: $WEFT_STATE, $GLOOM_DIR, $XDG_DATA_HOME/weft, ~/.local/share/weft."""
    for variable, below in (("WEFT_STATE", ""), ("GLOOM_DIR", ""), ("XDG_DATA_HOME", "weft")):
        if environ.get(variable):
            return expanded(environ[variable]).absolute() / below
    return Path(environ.get("HOME") or Path.home()) / ".local" / "share" / "weft"


def expanded(path: str | Path) -> Path:
    """``path`` with the folder of ``~`` or ``~user``; as in a shell, a name that no user has stays as it is."""
    try:
        return Path(path).expanduser()
    except RuntimeError:
        return Path(path)
