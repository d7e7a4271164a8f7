"""The environment variables of a plugin's process: few, and none of the host's that nobody asked for."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

_INHERITED = ("PATH", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TERM", "SSL_CERT_FILE", "SSL_CERT_DIR")
"""What makes programs and text work at all; no secrets live in these."""

_FOLDERS = {
    "TMPDIR": "tmp",
    "XDG_CACHE_HOME": ".cache",
    "XDG_CONFIG_HOME": ".config",
    "XDG_DATA_HOME": ".local/share",
    "XDG_STATE_HOME": ".local/state",
}


def process_variables(
    host: Mapping[str, str], data_dir: Path | None, passed: tuple[str, ...], own: Mapping[str, str]
) -> dict[str, str]:
    """The variables of a process with that data folder: ``passed`` of the host's, then the deployment's own."""
    variables = {name: host[name] for name in (*_INHERITED, *passed) if name in host}
    if data_dir is None:
        return variables
    variables.update({name: str(data_dir / folder) for name, folder in _FOLDERS.items()})
    variables.update(own)
    return {**variables, "HOME": str(data_dir), "WEFT_DATA_DIR": str(data_dir)}


def own_folders(data_dir: Path) -> list[str]:
    """What the variables point at. The process makes them itself: links in its data folder may lead anywhere."""
    return [str(data_dir / folder) for folder in _FOLDERS.values()]
