"""What an environment's interpreter reads before it runs anything: packages that change it would run outside."""

from __future__ import annotations

import stat
from collections.abc import Mapping
from pathlib import Path

_DECISIVE = (
    "", "bin", "bin/python", "pyvenv.cfg", "bin/pyvenv.cfg", "bin/python._pth", "bin/pybuilddir.txt",
)  # fmt: skip
"""Where CPython's getpath looks for what it is and where its standard library lies (Modules/getpath.py)."""
_MOST = 64 * 1024
"""Bytes of a file that are looked at; what uv writes is far smaller."""


def startup(folder: Path) -> Mapping[str, str]:
    """What there is in each decisive place of the virtual environment ``folder``, to be compared. Raises OSError."""
    return {name: _described(folder / name) for name in _DECISIVE}


def changed(folder: Path, before: Mapping[str, str]) -> list[str]:
    """The decisive places that are not as they were. Raises OSError."""
    return [name or "." for name, now in startup(folder).items() if now != before[name]]


def _described(path: Path) -> str:
    try:
        mode = path.lstat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return "nothing"
    if stat.S_ISLNK(mode):
        return f"link to {path.readlink()}"
    if not stat.S_ISREG(mode):
        return "folder" if stat.S_ISDIR(mode) else "neither file nor folder"
    with path.open("rb") as file:
        return f"file with {file.read(_MOST)!r}"
