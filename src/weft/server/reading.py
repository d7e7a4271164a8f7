"""Where plugins' files are read: unpacked in folders of their own, one plugin at a time, in a thread."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import ParamSpec, TypeVar

T = TypeVar("T")
P = ParamSpec("P")


class Reading:
    """``uploads``: the folder to unpack in."""

    def __init__(self, uploads: Path) -> None:
        self._uploads = uploads
        self._lock = asyncio.Lock()

    @asynccontextmanager
    async def workspace(self) -> AsyncIterator[Path]:
        """A folder to unpack in, gone afterwards."""
        folder = Path(await asyncio.to_thread(tempfile.mkdtemp, dir=self._uploads))
        try:
            yield folder
        finally:
            await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)

    async def read(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """What ``function`` returns: CPython 3.11's parser must not run in several threads at once."""
        async with self._lock:
            return await asyncio.to_thread(function, *args, **kwargs)
