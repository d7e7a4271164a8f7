"""What plugins' files looked like at one moment, without reading them. Blocking: for a thread."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from weft.packages.tree import LEAVINGS

Stamps = Mapping[Path, str]
"""One text by path, that differs when anything below the path does."""


def stamps(source: Path, *, alone: bool) -> Stamps:
    """Of ``source`` itself where it is ``alone``, else of all that lies in the folder; hidden files are left out.

    What does not exist, or goes away in the meantime, has none. Raises OSError where the folder cannot be read.
    """
    paths = [source] if alone else _inside(source)
    return {path: stamp for path in paths if (stamp := _stamp(path))}


def _inside(folder: Path) -> list[Path]:
    try:
        return sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    except (FileNotFoundError, NotADirectoryError):
        return []


def _stamp(path: Path) -> str:
    digest = hashlib.blake2b(digest_size=16)
    try:
        for line in _lines(path):
            digest.update(line.encode(errors="surrogateescape"))
    except (FileNotFoundError, NotADirectoryError):
        if not path.exists():
            return ""
        digest.update(b"changing")
    return digest.hexdigest()


def _lines(path: Path) -> Iterator[str]:
    found = path.stat()
    yield f"{path}\0{found.st_ino} {found.st_size} {found.st_mtime_ns} {found.st_mode}\n"
    if not path.is_dir():
        return
    for folder, folders, files in os.walk(path):
        folders[:] = sorted(set(folders) - LEAVINGS)
        for name in sorted(set(files) - LEAVINGS):
            below = Path(folder, name)
            inside = below.lstat()
            yield f"{below}\0{inside.st_ino} {inside.st_size} {inside.st_mtime_ns} {inside.st_mode}\n"
        yield "\n".join(folders)
