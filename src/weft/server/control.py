"""The control socket's place: a path that the kernel takes, and that no living server has."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from weft.errors import Conflict

LONGEST = 100
"""Bytes of a socket's path that every kernel takes."""


@contextmanager
def bindable(path: Path) -> Iterator[Path]:
    """``path`` in a form that is short enough to bind or connect to, while this is open.

    A longer one is reached through the descriptor of its folder (``/proc/self/fd/N/name``).
    """
    if len(os.fsencode(path)) <= LONGEST:
        yield path
        return
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield Path(f"/proc/self/fd/{folder}") / path.name
    finally:
        os.close(folder)


def clear(path: Path) -> None:
    """Remove a socket that an ended server left. Raises Conflict when somebody listens, or it is something else."""
    if not path.exists() and not path.is_symlink():
        return
    if not path.is_socket():
        raise Conflict(f"{path} is in the way: expected a socket or nothing; move it away")
    with bindable(path) as short, socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(5)
        try:
            probe.connect(str(short))
        except ConnectionRefusedError:
            path.unlink()
            return
    raise Conflict(f"a program listens on {path}: stop it, or use another --state folder")
