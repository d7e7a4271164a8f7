"""How much a folder holds, counted so that what its owner does in it meanwhile neither misleads nor holds up."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator
from contextlib import suppress

_BLOCK = 512
"""Bytes of what ``st_blocks`` counts, whatever the file system (stat(2))."""
_ENTRY = 1024
"""Bytes that each entry counts at least: empty files fill a file system, too, and a walk has an end."""
_DEEPEST = 100
"""Folders within folders: each holds a descriptor open while those in it are walked."""


def disk_use(folder: str, enough: int, go_on: Callable[[], bool] = lambda: True) -> float:
    """Bytes that ``folder`` takes on its disk; counting ends once there are more than ``enough``.

    Links are not followed, files with several names count once, files that were removed and are still open do not.
    Infinite where it cannot be known: in folders that may not be read, or more than 100 within each other. Blocks: call
    it in a thread; ``go_on`` is asked at each folder. Raises OSError where ``folder`` itself cannot be read.
    """
    used = 0.0
    for size in _sizes(os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC), set(), _DEEPEST, go_on):
        used += size
        if used > enough:
            break
    return used


def _sizes(descriptor: int, seen: set[tuple[int, int]], deeper: int, go_on: Callable[[], bool]) -> Iterator[float]:
    """Bytes of each entry below. Closes ``descriptor``."""
    try:
        if not go_on():
            return
        with os.scandir(descriptor) as entries:
            for entry in entries:
                with suppress(FileNotFoundError):
                    yield _size(entry, seen)
                    if entry.is_dir(follow_symlinks=False):
                        yield from _below(descriptor, entry.name, seen, deeper, go_on)
    except PermissionError:
        yield math.inf
    finally:
        os.close(descriptor)


def _below(
    descriptor: int, name: str, seen: set[tuple[int, int]], deeper: int, go_on: Callable[[], bool]
) -> Iterator[float]:
    if not deeper:
        yield math.inf
        return
    try:
        inner = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=descriptor)
    except (FileNotFoundError, NotADirectoryError):
        return  # removed, or replaced by something else, since it was listed
    yield from _sizes(inner, seen, deeper - 1, go_on)


def _size(entry: os.DirEntry[str], seen: set[tuple[int, int]]) -> int:
    stat = entry.stat(follow_symlinks=False)
    if stat.st_nlink > 1 and not entry.is_dir(follow_symlinks=False):
        if (stat.st_dev, stat.st_ino) in seen:
            return _ENTRY
        seen.add((stat.st_dev, stat.st_ino))
    return max(stat.st_blocks * _BLOCK, _ENTRY)
