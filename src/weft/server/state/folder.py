"""The STATE folder: where everything of one server lies, and the lock that makes it one server."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Collection
from pathlib import Path
from secrets import token_urlsafe

from weft.errors import Conflict
from weft.packages.durable import NEW, holds_no_file, remove_tree, write_whole
from weft.server.state.failures import storing


class StateFolder:
    """STATE, mode 0700, locked for this process from ``open`` to ``close``.

    ``open`` raises Conflict when another server has it (naming its pid), StorageFailed when it cannot be made.
    """

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        self._lock: int | None = None

    @property
    def database(self) -> Path:
        return self.path / "weft.db"

    @property
    def control_socket(self) -> Path:
        return self.path / "control.sock"

    @property
    def logs(self) -> Path:
        return self.path / "logs"

    @property
    def contents(self) -> Path:
        return self.path / "releases"

    @property
    def uploads(self) -> Path:
        """Where uploads are received and unpacked; emptied at every start."""
        return self.path / "uploads"

    def data(self, name: str) -> Path:
        """The data folder of the plugin ``name``: one per name, kept over its versions."""
        return self.path / "data" / name

    def open(self) -> None:
        """Make the folder, lock it, and empty what an earlier server left in ``uploads``."""
        with storing("keep the server's state", self.path):
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.path.chmod(0o700)
            self._lock = _locked(self.path / "lock")
            shutil.rmtree(self.uploads, ignore_errors=True)
            self.uploads.mkdir(mode=0o700, exist_ok=True)
            for half in self.path.glob(f"{NEW}*"):
                half.unlink()

    def drop_empty_data(self, known: Collection[str]) -> None:
        """Remove the data folders in which nothing was ever kept, of plugins that are not ``known``."""
        with storing("remove a data folder", self.path):
            for folder in (self.path / "data").glob("*"):
                if folder.name not in known and holds_no_file(folder):
                    remove_tree(folder)

    def close(self) -> None:
        """Give up the lock."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def token(self) -> str:
        """The management token: made once, in STATE/token, mode 0600."""
        path = self.path / "token"
        with storing("keep the management token", path):
            if not path.exists():
                write_whole(path, token_urlsafe(32).encode())
            return path.read_text().strip()


def _locked(path: Path) -> int:
    """A descriptor that holds the lock; the file names the holder's pid."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.read(descriptor, 32).decode("ascii", "replace").strip() or "unknown"
        os.close(descriptor)
        raise Conflict(
            f"another server (pid {holder}) uses {path.parent}: stop it, or give this one its own --state folder"
        ) from None
    os.truncate(descriptor, 0)
    os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
    return descriptor
