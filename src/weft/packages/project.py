"""What a plugin's own project may tell uv: where packages come from, never where they go."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from weft.errors import EnvironmentFailed

_FILES = {"uv.toml": (), "pyproject.toml": ("tool", "uv")}
"""Where uv looks, in each folder from the project's upwards, and the table that is its own."""
_WHERE_TO = (("pip", "target"), ("pip", "prefix"))
"""No flag takes these back: with them, uv would install outside of the environment, as the server's user."""


_INDEXES = ("UV_INDEX", "UV_DEFAULT_INDEX")
"""Variables in which the operator names indexes, as ``NAME=URL`` or ``URL``."""


def check_project(folder: Path, *, plugin: str, environ: Mapping[str, str]) -> None:
    """Raises EnvironmentFailed where uv, run in ``folder``, would be told what is the server's to say.

    That is to install elsewhere, or to send a password of ``environ`` to an address of the plugin's own: uv finds the
    passwords of an index by its name. Raises it, too, where that cannot be known.
    """
    for place in (folder, *folder.parents):
        for name, own in _FILES.items():
            said = _at(_content(place / name, plugin), own)
            for keys in _WHERE_TO:
                if _at(said, keys) is not None:
                    raise EnvironmentFailed(
                        f"plugin {plugin}: {place / name} sets {'.'.join((*own, *keys))}, which is the server's to say:"
                        " take it out"
                    )
            for index, url in _indexes(said):
                _check_index(index, url, environ, f"plugin {plugin}: {place / name}")


def _content(file: Path, plugin: str) -> Mapping[str, Any]:
    try:
        return tomllib.loads(file.read_text())
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return {}
    except (OSError, ValueError) as error:
        raise EnvironmentFailed(f"plugin {plugin}: {file} could not be read: {error}") from error


def _at(table: Any, keys: tuple[str, ...]) -> Any:
    """What is there in a table, or in one within; None where nothing is."""
    for key in keys:
        if not isinstance(table, Mapping):
            return None
        table = table.get(key)
    return table


def _indexes(said: Any) -> Iterator[tuple[str, str]]:
    """Name and address of each index that has a name."""
    named = _at(said, ("index",))
    for each in named if isinstance(named, list) else ():
        if isinstance(each, Mapping) and "name" in each:
            yield str(each["name"]), str(each.get("url", ""))


def _check_index(name: str, url: str, environ: Mapping[str, str], file: str) -> None:
    secret = f"UV_INDEX_{re.sub(r'[^A-Z0-9]', '_', name.upper())}_PASSWORD"
    named = [each for variable in _INDEXES for each in environ.get(variable, "").split()]
    if secret in environ and f"{name}={url}" not in named:
        raise EnvironmentFailed(
            f"{file} says where the index {name} is, and would be sent {secret}: where that is right, say so to the"
            f" server, with UV_INDEX={name}={url}"
        )
