"""A plugin's folder as a sorted list of what is in it; anything that no plugin may hold is refused."""

from __future__ import annotations

import os
import stat
import unicodedata
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from weft.errors import PackageError

Kind = Literal["folder", "file", "program", "link"]
"""A program is a file that may be executed."""

MAX_PATH = 1024
"""Bytes of a path inside a plugin's folder."""
MAX_PART = 255
"""Bytes of one of its parts."""
MAX_DEPTH = 32
"""Parts of a path."""

LEAVINGS = frozenset(
    {
        "__pycache__",
        ".git",
        ".hg",
        ".svn",
        ".venv",
        ".tox",
        ".nox",
        ".mypy_cache",
        ".pytest_cache",
        ".ruff_cache",
        ".DS_Store",
    }
)
"""What tools leave in a folder, and what is no part of the plugin."""


@dataclass(frozen=True, order=True)
class Node:
    """One thing in a plugin's folder. ``path`` is relative, with slashes; ``target`` is a link's."""

    path: str
    kind: Kind
    target: str = ""


def walk(folder: Path, *, everything: bool = False) -> list[Node]:
    """All that is in the folder, sorted by path; without what tools leave there, unless ``everything``.

    Raises PackageError for devices, sockets, pipes, links that lead out, and names that are not safe everywhere.
    """
    if not folder.is_dir():
        raise PackageError(f"{folder}: expected a folder")
    root = folder.resolve()
    return sorted(_walk(folder, "", root, everything=everything))


def _walk(folder: Path, prefix: str, root: Path, *, everything: bool) -> Iterator[Node]:
    with os.scandir(folder) as found:
        entries = list(found)
    for entry in entries:
        if not everything and _is_leaving(entry):
            continue
        path = checked_path(f"{prefix}{entry.name}")
        node = _node(entry, path, root)
        yield node
        if node.kind == "folder":
            yield from _walk(folder / entry.name, f"{path}/", root, everything=everything)


def _is_leaving(entry: os.DirEntry[str]) -> bool:
    if entry.name in LEAVINGS or entry.name.endswith((".pyc", ".plg")):
        return True
    return entry.is_dir(follow_symlinks=False) and Path(entry.path, "pyvenv.cfg").exists()


def _node(entry: os.DirEntry[str], path: str, root: Path) -> Node:
    mode = entry.stat(follow_symlinks=False).st_mode
    if stat.S_ISDIR(mode):
        return Node(path, "folder")
    if stat.S_ISREG(mode):
        return Node(path, "program" if mode & stat.S_IXUSR else "file")
    if stat.S_ISLNK(mode):
        return Node(path, "link", _target(Path(entry.path), path, root))
    raise PackageError(f"{path}: is a device, socket or pipe; a plugin holds files, folders and links only")


def _target(link: Path, path: str, root: Path) -> str:
    """Where a link leads, following every link on the way: it must stay inside the folder."""
    target = str(link.readlink())
    try:
        inside = not target.startswith("/") and link.resolve().is_relative_to(root)
        with suppress(FileNotFoundError):  # a link to nothing leads nowhere else
            link.stat()
    except (OSError, RuntimeError) as error:  # a loop of links: from which of the two depends on Python's version
        raise PackageError(f"{path}: is a link that leads nowhere: {error}") from error
    if not inside:
        raise PackageError(f"{path}: is a link to {target!r}, outside the plugin's folder; copy the file there")
    return target


def checked_path(path: str) -> str:
    """The path, when it is relative, plain and safe on every file system. Raises PackageError."""
    parts = path.split("/")
    reason = _unsafe(path, parts)
    if reason:
        raise PackageError(f"{path!r}: {reason}")
    return path


def _unsafe(path: str, parts: list[str]) -> str:
    """Why a path is refused; '' when it is fine."""
    if any(unicodedata.category(c) in ("Cc", "Cs") for c in path):
        return "has control characters or is not UTF-8"
    if "\\" in path:
        return "has a backslash"
    if path.startswith("/"):
        return "is absolute"
    if any(part in ("", ".", "..") for part in parts):
        return "has an empty, '.' or '..' part"
    size = len(path.encode())
    if size > MAX_PATH or any(len(part.encode()) > MAX_PART for part in parts) or len(parts) > MAX_DEPTH:
        return f"is longer than {MAX_PATH} bytes, {MAX_DEPTH} parts or {MAX_PART} bytes in one part"
    return ""


def same_name(path: str) -> str:
    """A key that is equal for paths that some file systems take for one: other case, other Unicode form."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", path).casefold())
