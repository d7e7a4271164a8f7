"""Provides ``kit_peers``: asks another plugin, which asks back, as deep as it is told."""

# ruff: noqa: INP001, UP006, UP035 (a plugin, as they are written on Python 3.9)
from __future__ import annotations

from typing import List, Protocol

import weft
from weft.sdk import Context


@weft.contract(name="kit_peers")
class Peer(Protocol):
    """The contract, as this plugin declares it."""

    async def ask(self, name: str, depth: int) -> List[str]: ...


class Plugin:
    """One instance."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def ask(self, name: str, depth: int) -> List[str]:
        if not depth:
            return [self._context.name]
        answered = await self._context.use(Peer, name).ask(self._context.name, depth - 1)
        return [self._context.name, *answered]
