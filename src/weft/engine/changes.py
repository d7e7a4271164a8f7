"""What is being changed: one change of a plugin at a time, and what the others must expect of it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from weft.errors import Conflict
from weft.manifest.model import Manifest


class Changes:
    """The changes under way: each brings a manifest, or takes its plugin away (None)."""

    def __init__(self) -> None:
        self._under_way: dict[str, Manifest | None] = {}
        self._at_rest = asyncio.Event()
        self._at_rest.set()

    @contextmanager
    def exclusive(self, name: str, coming: Manifest | None = None) -> Iterator[None]:
        """Change ``name`` alone. Raises Conflict while another change of it is under way."""
        if name in self._under_way:
            raise Conflict("plugin is already being updated", plugin=name)
        self._under_way[name] = coming
        self._at_rest.clear()
        try:
            yield
        finally:
            del self._under_way[name]
            if not self._under_way:
                self._at_rest.set()

    async def rest(self) -> None:
        """Wait until nothing is being changed."""
        await self._at_rest.wait()

    def left(self, present: Mapping[str, Manifest]) -> dict[str, Manifest]:
        """``present`` without those that are going."""
        return {name: each for name, each in present.items() if self._under_way.get(name, each) is not None}

    def expected(self, present: Mapping[str, Manifest]) -> dict[str, Manifest]:
        """``present`` once every change has come to its end."""
        return self.left(present) | {name: each for name, each in self._under_way.items() if each is not None}
