"""What a plugin's own project may tell uv: where packages come from, never where they go."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from weft.errors import EnvironmentFailed

_FILES = {"uv.toml": (), "pyproject.toml": ("tool", "uv")}
"""Where uv looks, in each folder from the project's upwards, and the table that is its own."""
_WHERE_TO = (("pip", "target"), ("pip", "prefix"))
"""No flag takes these back: with them, uv would install outside of the environment, as the server's user."""


def check_project(folder: Path, *, plugin: str) -> None:
    """Raises EnvironmentFailed where uv would be told, in ``folder``, to install elsewhere, or that cannot be known."""
    for place in (folder, *folder.parents):
        for name, own in _FILES.items():
            for key in _forbidden(place / name, own, plugin):
                raise EnvironmentFailed(
                    f"plugin {plugin}: {place / name} sets {key}, which is the server's to say: take it out"
                )


def _forbidden(file: Path, own: tuple[str, ...], plugin: str) -> Iterator[str]:
    try:
        content = tomllib.loads(file.read_text())
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return
    except (OSError, ValueError) as error:
        raise EnvironmentFailed(f"plugin {plugin}: {file} could not be read: {error}") from error
    for keys in _WHERE_TO:
        if _has(content, (*own, *keys)):
            yield ".".join((*own, *keys))


def _has(table: Any, keys: tuple[str, ...]) -> bool:
    for key in keys:
        if not isinstance(table, Mapping) or key not in table:
            return False
        table = table[key]
    return True
