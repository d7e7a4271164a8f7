"""What a plugin's files are, in one number: names, kinds and contents, however the file system orders them.

A folder's *index* is a text with one line per thing in it, sorted: its kind, the SHA-256 of its content (of a link:
of its target), its path. The folder's digest is the SHA-256 of the index.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

from weft.errors import PackageError
from weft.packages.tree import Node, walk

PREFIX = "sha256:"
MARKS = {"folder": "d", "file": "f", "program": "x", "link": "l"}
NOTHING = "-" * 64
"""Stands for the content of a folder."""


def digest_folder(folder: Path) -> str:
    """``sha256:<hex>`` of a plugin's folder, without what tools leave there. Raises PackageError."""
    return digest_index(index_folder(folder))


def digest_index(index: str) -> str:
    """``sha256:<hex>`` of an index."""
    return PREFIX + hashlib.sha256(index.encode()).hexdigest()


def index_folder(folder: Path, *, everything: bool = False) -> str:
    """The folder's index. Raises PackageError for what no plugin may hold."""
    return index_nodes(folder, walk(folder, everything=everything))


def index_nodes(folder: Path, nodes: Iterable[Node]) -> str:
    """The index of these nodes of a folder, which are sorted."""
    return "".join(f"{MARKS[node.kind]} {_content(folder, node)} {node.path}\n" for node in nodes)


def digest_hex(digest: str) -> str:
    """The hexadecimal part of a digest. Raises PackageError for a text that is none."""
    found = digest.removeprefix(PREFIX)
    if not digest.startswith(PREFIX) or len(found) != 64 or set(found) - set("0123456789abcdef"):
        raise PackageError(f"{digest!r} is not a digest: expected {PREFIX} and 64 hexadecimal digits")
    return found


def hash_file(path: Path) -> str:
    """The SHA-256 of a file's content, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def differences(wanted: str, found: str) -> list[str]:
    """What differs between two indexes: ``app.py changed``, ``data.db missing``, ``new.py added``."""
    before, after = _by_path(wanted), _by_path(found)
    texts = []
    for path in sorted(before.keys() | after.keys()):
        if path not in after:
            texts.append(f"{path} missing")
        elif path not in before:
            texts.append(f"{path} added")
        elif before[path] != after[path]:
            texts.append(f"{path} changed")
    return texts


def _by_path(index: str) -> dict[str, str]:
    return {line[67:]: line[:67] for line in index.split("\n") if line}


def _content(folder: Path, node: Node) -> str:
    if node.kind == "folder":
        return NOTHING
    if node.kind == "link":
        return hashlib.sha256(node.target.encode()).hexdigest()
    return hash_file(folder / node.path)
