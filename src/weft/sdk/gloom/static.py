"""Files below one folder, and nothing outside of it: no link, no ``..`` and no race leads out."""

from __future__ import annotations

import os
from email.utils import parsedate_to_datetime
from typing import IO, Any, Optional, Tuple

from weft.sdk.gloom.failures import HttpError

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


def allowed_root(root: Any, folders: Tuple[str, ...]) -> str:
    """The real path of a folder that may be served. Raises ValueError for one that is in none of ``folders``."""
    path = os.path.realpath(os.path.join(folders[0] if folders else "", root))
    if any(_below(path, os.path.realpath(each)) for each in folders):
        return path
    raise ValueError(
        f"static: {root} is neither in the plugin's own folder nor in its data folder: "
        "put the files into one of them (WEFT_DATA_DIR names the latter)"
    )


def _below(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip("/") + "/")


class Static:
    """A handler that answers with files of ``root``, by the route's ``*``."""

    def __init__(self, root: str, *, index: str, max_age: int) -> None:
        self._root = root
        self._index = index
        self._max_age = max_age

    def __call__(self, request: Any) -> Any:
        """The file, 304 where the client has it, or what the next handler says where there is none."""
        found = self._open(request.params["*"])
        if found is None:
            return request.next()
        file, name = found
        response = request.response
        try:
            response.opened(file, name)
        except HttpError:
            return request.next()
        if self._max_age:
            response.set("cache-control", f"public, max-age={self._max_age}")
        if _unchanged(request.headers.get("if-modified-since"), response.get("last-modified")):
            file.close()
            response.body = None
            return response.status(304)
        return response

    def _open(self, path: str) -> "Optional[Tuple[IO[bytes], str]]":
        names = [name for name in path.split("/") if name]
        if {".", ".."}.intersection(names) or "\0" in path:
            return None
        try:
            whole = os.path.realpath(os.path.join(self._root, *names))
            if os.path.isdir(whole):
                whole = os.path.realpath(os.path.join(whole, self._index))
            if not _below(whole, self._root):
                return None
            return open(self._descriptor(os.path.relpath(whole, self._root)), "rb"), whole
        except (OSError, ValueError):
            return None

    def _descriptor(self, path: str) -> int:
        """Step by step from the root, so that a link made in between is not followed."""
        *folders, name = path.split("/")
        at = os.open(self._root, _FOLDER)
        try:
            for folder in folders:
                inner = os.open(folder, _FOLDER, dir_fd=at)
                os.close(at)
                at = inner
            return os.open(name, _FILE, dir_fd=at)
        finally:
            os.close(at)


def _unchanged(since: Optional[str], modified: Optional[str]) -> bool:
    if since is None or modified is None:
        return False
    try:
        return parsedate_to_datetime(since) >= parsedate_to_datetime(modified)
    except (TypeError, ValueError):
        return False
