"""Sources that lie elsewhere, fetched for as long as they are read."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

from weft.engine.finished import finished
from weft.packages.download import download, is_address

T = TypeVar("T")


async def fetched(source: str | Path, use: Callable[[Path], Awaitable[T]]) -> T:
    """``await use(path)`` with the source's path; a file at an address is there until that returns.

    Raises UsageError and PackageError as ``download`` does.
    """
    if not isinstance(source, str) or not is_address(source):
        return await use(Path(source))
    folder = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix="weft-fetched-"))
    try:
        return await use(await finished(download, source, folder))
    finally:
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
