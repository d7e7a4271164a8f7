"""What a build may read besides the system: where uv is told to look for packages, and what requirements name."""

from __future__ import annotations

import os
import re
import shutil
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from weft.packages.uv import without_credentials

_LOCAL = re.compile(r"(?P<git>git\+)?file://(?P<url>/[^\s\"'#;]+)|\bpath\s*=\s*\"(?P<path>/[^\"]+)\"")
"""A folder or an archive, as requirements and as locks name it."""
_ARCHIVES = (".whl", ".zip", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".tar.zst")
_IN_PACKAGES = ("pyproject.toml", "setup.py", ".git", "HEAD")
"""One of these is in each folder that holds a package, or is a git repository."""
_LOOKED_AT = frozenset({"find-links", "index", "url", "index-url", "extra-index-url", "default-index"})
"""Keys of ``uv.toml`` below which places of packages are named."""
_PLACES = ("UV_FIND_LINKS", "UV_INDEX", "UV_DEFAULT_INDEX", "UV_INDEX_URL", "UV_EXTRA_INDEX_URL")
_CERTIFICATES = ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "GIT_SSL_CAINFO")


@dataclass(frozen=True)
class Configured:
    """What the operator has told uv: variables for a copy without credentials, and the places that it names."""

    variables: Mapping[str, str]
    places: tuple[Path, ...]


def configured(environ: Mapping[str, str], home: Path) -> Configured:
    """Copy uv's own configuration, without credentials, into ``home``. Raises OSError."""
    files, variables = _files(environ, home)
    texts = [_copied(source, target) for source, target in files.items() if os.access(source, os.R_OK)]
    named = [text for content in texts for text in _named(tomllib.loads(content))]
    named += [part for key in _PLACES for part in re.split(r"[\s,]+", environ.get(key, ""))]
    named += [environ[key] for key in _CERTIFICATES if key in environ]
    places = (Path(unquote(re.sub(r"^(\w+=)?file://", "", each))) for each in named)
    return Configured(
        variables, tuple(place.resolve() for place in places if place.is_absolute() and os.access(place, os.R_OK))
    )


def _files(environ: Mapping[str, str], home: Path) -> tuple[dict[Path, Path], dict[str, str]]:
    """Where uv finds its configuration, and where the copy belongs; the variables that lead to that."""
    if given := environ.get("UV_CONFIG_FILE"):
        return {Path(given): home / "uv.toml"}, {"UV_CONFIG_FILE": str(home / "uv.toml")}
    user = Path(environ.get("XDG_CONFIG_HOME") or Path(environ.get("HOME", "/")) / ".config")
    shared = [*map(Path, filter(None, environ.get("XDG_CONFIG_DIRS", "").split(":"))), Path("/etc/xdg"), Path("/etc")]
    system = next((each for each in shared if os.access(each / "uv/uv.toml", os.R_OK)), shared[-1])
    copies = {user / "uv/uv.toml": home / ".config/uv/uv.toml", system / "uv/uv.toml": home / "etc/uv/uv.toml"}
    return copies, {"XDG_CONFIG_DIRS": str(home / "etc")}


def _copied(source: Path, target: Path) -> str:
    text = without_credentials(source.read_text())
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text)
    return text


def _named(table: Mapping[str, Any]) -> Iterator[str]:
    """The texts below the keys that name places of packages."""
    for key, value in table.items():
        for each in value if isinstance(value, list) else [value]:
            if isinstance(each, dict):
                yield from _named(each)
            elif key in _LOOKED_AT and isinstance(each, str):
                yield each


@dataclass(frozen=True)
class TakenIn:
    """Requirements or a lock, whose local folders are copies; ``read``: what they name besides."""

    text: str
    read: tuple[Path, ...]
    originals: Mapping[str, str]
    """How the text named a folder, by how it names the copy."""

    def back(self, text: str) -> str:
        """``text`` with the folders named as they were."""
        for copy, original in self.originals.items():
            text = text.replace(copy, original)
        return text


def take_in(text: str, room: Path, *, besides: Path) -> TakenIn:
    """Copy the folders of packages that ``text`` names into ``room``: many builds write into the folder of the source.

    Archives and git repositories are read where they are. Anything else it names is left alone, and whatever has
    ``besides`` in it or lies in that: to name a path is no right to read it. Raises OSError.
    """
    read: list[Path] = []
    originals: dict[str, str] = {}

    def replace(match: re.Match[str]) -> str:
        path = _existing(Path(unquote(match["url"]) if match["url"] else match["path"]))
        if not _holds_package(path) or path.is_relative_to(besides) or besides.is_relative_to(path):
            return match[0]
        if match["git"] or not path.is_dir():
            read.append(path)
            return match[0]
        copy = room / str(len(originals)) / path.name
        copy_folder(path, copy, besides=besides)
        name = copy.as_uri() if match["url"] else f'path = "{copy}"'
        originals[name] = match[0]
        return name

    return TakenIn(_LOCAL.sub(replace, text), tuple(read), originals)


def copy_folder(source: Path, target: Path, *, besides: Path) -> None:
    """Copy a folder without ``besides`` and without virtual environments; links stay links. Raises OSError."""

    def left_out(folder: str, names: list[str]) -> list[str]:
        paths = {name: Path(folder, name) for name in names}
        return [name for name, path in paths.items() if path == besides or (path / "pyvenv.cfg").exists()]

    shutil.copytree(source, target, symlinks=True, ignore=left_out)


def _existing(path: Path) -> Path:
    if "@" in path.name and not os.path.lexists(path):
        path = path.with_name(path.name.rpartition("@")[0])  # a revision of a repository
    return path.resolve()


def _holds_package(path: Path) -> bool:
    try:
        if path.is_dir():
            return any((path / name).exists() for name in _IN_PACKAGES)
        return path.is_file() and path.name.endswith(_ARCHIVES)
    except PermissionError:
        return False
