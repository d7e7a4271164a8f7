"""What a plugin says of itself: one model, whatever form it was read from."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from msgspec import Struct
from msgspec.structs import replace

from weft.errors import Problem

RuntimeName = Literal["process", "inline", "executable", "wasm"]
NetworkAccess = Literal["none", "loopback", "outbound"]
Rollback = Literal["manual", "auto"]


class Provided(Struct, frozen=True):
    """A contract that the plugin provides, written ``name`` or ``name@major``."""

    name: str
    major: int = 1

    def __str__(self) -> str:
        return f"{self.name}@{self.major}"


class Requires(Struct, frozen=True, kw_only=True):
    """What must be there: an interpreter range, its own packages, other plugins, the engine."""

    python: str | None = None
    packages: tuple[str, ...] = ()
    plugins: dict[str, str] = {}
    weft: str | None = None
    lock: Path | None = None
    """A ``uv.lock`` or ``pylock.toml`` beside the manifest, obeyed as it stands."""


class Permissions(Struct, frozen=True, kw_only=True):
    """What the plugin asks to touch beyond its own files and data folder."""

    read: tuple[str, ...] = ()
    """Absolute paths, ``..`` worked out of them: files, or folders with all that is in them."""
    write: tuple[str, ...] = ()
    """The same. What may be written may be read."""
    network: NetworkAccess = "outbound"
    ports: tuple[int, ...] = ()
    """The TCP ports, 1 to 65535, that ``outbound`` may connect to; empty: any."""
    env: tuple[str, ...] = ()
    exec: tuple[str, ...] = ()
    """Programs: an absolute path, a path within the plugin's own folder, or a name that is looked up in PATH."""
    plugins: tuple[str, ...] = ()
    manage: bool = False


class Limits(Struct, frozen=True, kw_only=True):
    """Sizes in bytes, times in seconds; ``cpu`` in cores (None: no limit)."""

    memory: int = 512 * 1024 * 1024
    cpu: float | None = None
    processes: int = 64
    threads: int = 16
    open_files: int = 1024
    disk: int = 1024 * 1024 * 1024
    """Of the data folder, with all that is in it."""
    startup: float = 30.0
    call: float = 30.0
    drain: float = 30.0


class Order(Struct, frozen=True, kw_only=True):
    """A provider's place in hook chains: smaller ``priority`` first; ``before`` and ``after`` win over it."""

    priority: int = 0
    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()


class Route(Struct, frozen=True, kw_only=True):
    """One endpoint: ``:name`` in ``route`` is a parameter, ``*`` at its end the rest of the path."""

    route: str
    method: str
    """``GET`` …, in capitals."""
    label: str
    """Tells the entry which of its endpoints was asked."""


class HttpServices(Struct, frozen=True, kw_only=True):
    """The endpoints at which a task is served over HTTP, and by which driver."""

    driver: str
    routes: tuple[Route, ...]


class Git(Struct, frozen=True, kw_only=True):
    """A repository that holds the plugin's code."""

    url: str
    ref: str = ""
    """A branch, a tag or a commit; '': the repository's own default."""
    commit: str = ""
    """What ``ref`` must be, 40 hexadecimal digits; '': whatever it is."""


class Manifest(Struct, frozen=True, kw_only=True):
    """One plugin, as its manifest describes it. Every form is read into this."""

    name: str
    version: str = "0.0.0"
    title: str = ""
    description: str = ""
    authors: tuple[str, ...] = ()
    homepage: str = ""
    license: str = ""
    tags: tuple[str, ...] = ()
    icon: str = ""
    entry: str | None = None
    """``module:attribute``, ``module``, or a path; None: inferred by the plugin's own process."""
    runtime: RuntimeName = "process"
    provides: tuple[Provided, ...] = ()
    """Empty: inferred from the entry by the plugin's own process."""
    requires: Requires = Requires()
    permissions: Permissions = Permissions()
    limits: Limits = Limits()
    instances: int = 1
    rollback: Rollback = "manual"
    """``auto``: a release that fails before it has settled is replaced by the one before it."""
    domains: tuple[str, ...] = ()
    """Never empty once read: the default is ``NAME.localhost``. Lower case."""
    order: Order = Order()
    config: dict[str, Any] = {}
    config_schema: dict[str, Any] | None = None
    http_services: HttpServices | None = None
    git: Git | None = None
    """Where the code is to be had; None: it lies beside the manifest."""
    form: str = "file"
    """``file``, ``pyproject``, ``plugin.yaml`` …: the reader that read it."""
    given: frozenset[str] = frozenset()
    """Dotted keys that the manifest sets itself (``limits.memory``, ``permissions.network``): what policy judges."""
    notes: tuple[Problem, ...] = ()
    """Things worth saying that are no errors."""


UNSAID = "0.0.0"
"""The version of what gives none."""


def completed(manifest: Manifest, about: Mapping[str, Any]) -> Manifest:
    """The manifest with ``title``, ``version``, ``authors`` and ``homepage`` from ``about``, where it has none."""
    return replace(
        manifest,
        title=manifest.title or about.get("title", ""),
        version=about.get("version", UNSAID) if manifest.version == UNSAID else manifest.version,
        authors=manifest.authors or tuple(about.get("authors", ())),
        homepage=manifest.homepage or about.get("homepage", ""),
    )
