"""Folders that nobody needs any more: what cannot be removed is told, and tried again with the next."""

from __future__ import annotations

import asyncio
from pathlib import Path

import structlog

from weft.engine.finished import finished
from weft.packages.durable import remove_tree

_log = structlog.get_logger("weft.leavings")


class Leavings:
    """Removes folders, and knows those that are left."""

    def __init__(self) -> None:
        self._left: set[Path] = set()
        self._one = asyncio.Lock()

    async def remove(self, *folders: Path) -> None:
        """Remove these, and those that are left from before."""
        self._left.update(folders)
        async with self._one:
            await finished(self._remove)

    def reclaim(self, folder: Path) -> bool:
        """It is needed again: whether it was left."""
        there = folder in self._left
        self._left.discard(folder)
        return there

    def _remove(self) -> None:
        for folder in list(self._left):
            try:
                remove_tree(folder)
            except OSError as error:
                _log.warning("a folder that nobody needs is still there", folder=str(folder), reason=str(error))
            else:
                self._left.discard(folder)
