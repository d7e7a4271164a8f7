"""The conformance kit of storages: one set of tests that every storage passes.

The author of a storage writes::

    class TestMyStorage(StorageConformance):
        source = Path("plugins/my_storage")

and runs pytest.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import pytest

from weft.contracts.storage import Storage
from weft.testing.engine import Engine, Where
from weft.testing.kit.running import DEADLINE
from weft.testing.storage import CHECKS, SHARED_CHECKS, Check, SharedCheck


class StorageConformance:
    """Subclass it, under a name that pytest collects, and say where the plugin is."""

    source: ClassVar[Path]
    """The plugin, in any form."""
    name: ClassVar[str | None] = None
    """Which of its storages, where it has several."""
    config: ClassVar[Mapping[str, Any]] = {}
    """What the plugin is given."""
    runtime: ClassVar[Where | None] = None
    """Where it runs; None: where the marker ``weft_runtimes`` says, or else its manifest."""

    @pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
    def test_storage(self, check: Check, weft_state: Path, weft_runtime: str | None) -> None:
        """One promise of the contract."""
        asyncio.run(self._within(check, weft_state, self.runtime or weft_runtime))

    async def _within(self, check: Check, state: Path, runtime: Where | None) -> None:
        async with asyncio.timeout(DEADLINE), Engine(state, runtime=runtime) as engine:
            (plugin,) = await engine.load(self.source, config=self.config)
            await check(engine.use(Storage, self.name or plugin.name))


class SharedStorageConformance(StorageConformance):
    """The same of a storage whose entries several processes share: they share a ``fill`` as well."""

    @pytest.mark.parametrize("check", SHARED_CHECKS, ids=lambda check: check.__name__)
    def test_shared_storage(self, check: SharedCheck, weft_state: Path) -> None:
        """One promise of a storage that two hosts use, with a process of the plugin's each."""
        asyncio.run(self._between(check, weft_state))

    async def _between(self, check: SharedCheck, state: Path) -> None:
        async with (
            asyncio.timeout(DEADLINE),
            Engine(state, runtime="process") as one,
            Engine(state, runtime="process") as other,
        ):
            name = self.name
            for engine in (one, other):
                (plugin,) = await engine.load(self.source, config=self.config)
                name = name or plugin.name
            await check(one.use(Storage, name), other.use(Storage, name))
