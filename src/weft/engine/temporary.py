"""A folder for as long as its owner lives, in the process that made it: a forked child leaves it alone."""

from __future__ import annotations

import os
import shutil
import tempfile
import weakref
from pathlib import Path


class Temporary:
    """``path`` is gone after ``remove()``, or with the object, or when the process ends in good order."""

    def __init__(self) -> None:
        self.path = Path(tempfile.mkdtemp(prefix="weft-"))
        self.remove = weakref.finalize(self, _remove, self.path, os.getpid())


def _remove(path: Path, owner: int) -> None:
    if os.getpid() == owner:
        shutil.rmtree(path, ignore_errors=True)
