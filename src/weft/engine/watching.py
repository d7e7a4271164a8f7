"""Follows a folder of plugins: a new one is loaded, a changed one upgraded, one that is gone unloaded.

What is still being written is left alone until its files have kept size and time for a moment; what cannot be loaded is
tried again when it changes, and, where others were the reason, when they do.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from weft.engine import dependencies
from weft.engine.batch import Job, Outcome
from weft.engine.bell import Bell
from weft.engine.core import Core
from weft.engine.given import Given
from weft.engine.loading import Loader
from weft.engine.plugin import Plugin
from weft.engine.stamps import Stamps, stamps
from weft.errors import Conflict, Refused, UsageError, WeftError
from weft.manifest import is_plugin
from weft.types import Progress

SETTLE = 0.2
"""Seconds that files must stay as they are."""


class Watch:
    """Follows the plugins in a folder, or ``alone``, one plugin. Run it in a task of its own."""

    def __init__(
        self,
        engine: Core,
        loader: Loader,
        source: Path,
        *,
        alone: Job | None,
        given: Mapping[str, Given],
        progress: Progress,
    ) -> None:
        self._engine = engine
        self._loader = loader
        self._source = source
        self._alone = alone
        self._given = given
        self._progress = progress
        self._seen: dict[Path, str] = {}
        self._names: dict[Path, str] = {}
        self._again: set[Path] = set()
        self._left: set[Path] = set()
        self._blind = False

    async def look(self, sources: Collection[Path]) -> None:
        """Before a load of ``sources``: what they are now is what it reads."""
        self._seen = {path: stamp for path, stamp in (await self._now()).items() if path in sources}

    def loaded(self, outcomes: Iterable[Outcome]) -> None:
        """After a load: what came of it."""
        for each in outcomes:
            self._again.discard(each.job.source)
            if isinstance(each.result, Plugin):
                self._names[each.job.source] = each.name
            elif isinstance(each.result, (UsageError, Conflict, Refused)):
                self._again.add(each.job.source)  # others may be the reason

    async def run(self) -> None:
        """Follow until cancelled."""
        bell = Bell(self._source)
        ringing = asyncio.create_task(bell.run())
        try:
            await self._follow(bell)
        finally:
            ringing.cancel()
            await asyncio.gather(ringing, return_exceptions=True)

    async def _follow(self, bell: Bell) -> None:
        before: Stamps = dict(self._seen)
        unsettled = False
        while True:
            await (asyncio.sleep(bell.rest(SETTLE)) if unsettled else bell.wait())
            with bell.looking():
                now = await self._now()
            changed = {path for path in {*now, *self._seen} if now.get(path) != self._seen.get(path)}
            settled = {path for path in changed if now.get(path) == before.get(path)}
            before, unsettled = now, changed != settled
            if settled:
                await self._apply(settled)
                kept = {path: stamp for path, stamp in self._seen.items() if path not in settled}
                self._seen = kept | {path: now[path] for path in settled if path in now}

    async def _now(self) -> Stamps:
        """What is there; what was there as long as it cannot be read."""
        try:
            found = await asyncio.to_thread(stamps, self._source, alone=self._alone is not None)
        except OSError as error:
            if not self._blind:
                self._engine.emit("", "watch_failed", f"{self._source} cannot be read, and is tried again: {error}")
            self._blind = True
            return dict(self._seen)
        self._blind = False
        return found

    async def _apply(self, settled: set[Path]) -> None:
        """Bring what runs in line with these paths, and with those that waited for others."""
        there = await asyncio.to_thread(self._plugins, settled | self._again)
        self._again &= there
        self._left = (self._left - there) | {path for path in settled - there if path in self._names}
        gone = {self._names[path] for path in self._left}
        jobs = [self._job(path, gone) for path in sorted(there)]
        if jobs:
            self.loaded(await self._loader.load(jobs, given=self._given, progress=self._progress))
        await self._unload()

    def _plugins(self, paths: Iterable[Path]) -> set[Path]:
        return {path for path in paths if (path.exists() if self._alone else is_plugin(path))}

    def _job(self, path: Path, gone: Collection[str]) -> Job:
        """A plugin keeps its name while it is followed; a new one may follow one that is gone."""
        known = self._names.get(path)
        if self._alone is not None:
            return replace(self._alone, name=known or self._alone.name, replaces=frozenset({known} if known else ()))
        return Job(path, known, replaces=frozenset({known} if known else gone), found=True)

    async def _unload(self) -> None:
        """Unload what is gone and has no successor; what requires another goes first."""
        succeeded = {name for path, name in self._names.items() if path not in self._left}
        paths = {self._names[path]: path for path in self._left}
        unloaded = paths.keys() - succeeded
        manifests = {name: each.manifest for name, each in self._engine.plugins.items() if name in unloaded}
        failed: set[Path] = set()
        for name in reversed(dependencies.in_start_order(manifests)):
            try:
                await self._engine.unload(name)
            except WeftError as error:
                self._engine.emit(name, "unload_failed", str(error), source=str(paths[name]))
                failed.add(paths[name])
        self._names = {path: name for path, name in self._names.items() if path not in self._left - failed}
        self._left = failed
