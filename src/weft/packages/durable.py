"""Files that are there whole, or not at all; folders that go with everything in them."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from pathlib import Path

NEW = ".new-"
"""Prefix of files and folders that are being written: a program that is killed leaves them."""


def write_whole(path: Path, content: bytes) -> None:
    """Write ``path`` so that a crash, a full disk or another writer leaves the old file or the new one.

    Folders above it are made. Raises OSError; nothing half written is left then.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=NEW)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(descriptor)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def sweep_new(root: Path, *, older: float) -> None:
    """Remove what was being written below ``root`` more than ``older`` seconds ago: nobody does so any more."""
    for half in root.glob(f"*/{NEW}*"):
        if half.lstat().st_mtime < time.time() - older:
            remove_tree(half) if half.is_dir() and not half.is_symlink() else half.unlink()


def sync_folder(folder: Path) -> None:
    """Make the names in ``folder`` outlast a loss of power."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def remove_tree(folder: Path) -> None:
    """Remove a folder, whatever the modes of those in it; nothing where it has gone away. Raises OSError."""
    if folder.exists():
        folder.chmod(0o700)
        for place, names, _ in os.walk(folder):
            for inner in (Path(place, name) for name in names):
                if not inner.is_symlink():
                    inner.chmod(0o700)
        shutil.rmtree(folder)


def holds_no_file(folder: Path) -> bool:
    """Whether there are folders in it and nothing else."""
    return not any(files for _, _, files in os.walk(folder))
