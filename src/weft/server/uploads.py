"""What arrives from a client, as a plugin's folder and its manifest. Blocking: for a thread."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from weft.errors import PackageError
from weft.manifest.model import Rollback
from weft.packages.sources import Source, checked_name, open_file


@dataclass(frozen=True, kw_only=True)
class Upload:
    """A deployment as it arrives. ``path`` is the archive or ``.py`` file; it must stay until ``deploy`` returns.

    ``name`` and ``domains``: None where the plugin says. ``config`` and ``env`` are added to what the plugin's
    earlier releases were given; ``config_file`` is JSON or TOML, under ``config``. ``spare_preloaded``: be refused
    where the operator named the plugin. ``rollback``: None where it is as before.
    """

    path: Path
    filename: str = ""
    name: str | None = None
    domains: tuple[str, ...] | None = None
    config: Mapping[str, Any] = field(default_factory=dict)
    env: Mapping[str, str] = field(default_factory=dict, repr=False)
    allow: tuple[str, ...] = ()
    rollback: Rollback | None = None
    config_file: bytes | None = field(default=None, repr=False)
    spare_preloaded: bool = False


def open_upload(upload: Upload, into: Path) -> Source:
    """Unpack an upload below ``into`` and read its manifest; what it is, is told by its bytes.

    Raises UsageError (names), PackageError (archives), ManifestError, StorageFailed (a full disk).
    """
    if upload.name is not None:
        checked_name(upload.name)
    try:
        return open_file(upload.path, upload.filename or upload.path.name, upload.name, into)
    except FileNotFoundError as error:
        raise PackageError(f"the upload {upload.filename} is gone: it was cut before it was read") from error
