"""Files below one folder, and nothing outside of it: no link, no ``..`` and no race leads out."""

from __future__ import annotations

import logging
import os
from typing import IO, Any, Optional, Tuple

from weft.sdk.gloom.failures import HttpError

logger = logging.getLogger("weft.web")

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


def allowed_root(root: Any, folders: Tuple[str, ...]) -> str:
    """The real path of what may be served, a folder or a file. Raises ValueError where it is in none of ``folders``."""
    path = os.path.realpath(os.path.join(folders[0] if folders else "", root))
    if any(_below(path, os.path.realpath(each)) for each in folders):
        if not os.path.exists(path):
            logger.warning("static: there is no %s: none of it is served until there is", path)
        return path
    raise ValueError(
        f"static: {root} is neither in the plugin's own folder nor in its data folder: "
        "put the files into one of them (WEFT_DATA_DIR names the latter)"
    )


def _below(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip("/") + "/")


class Static:
    """A handler that answers with files of the folder ``root``, by the route's ``*``; or with ``root``, a file."""

    def __init__(self, root: str, *, index: str, max_age: int) -> None:
        self.is_file = os.path.isfile(root)
        self._root, self._only = os.path.split(root) if self.is_file else (root, "")
        self._index = index
        self._max_age = max_age

    def __call__(self, request: Any) -> Any:
        """The file, or what the next handler says where there is none."""
        found = self._open(self._only or request.params["*"])
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
