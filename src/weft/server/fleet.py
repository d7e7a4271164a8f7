"""What runs, on which domains, from which files: the one place where the engine, the routes and the contents meet."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from weft.calls.channel import Channel
from weft.contracts.task import Task
from weft.engine import Engine, Plugin
from weft.engine.finished import finished
from weft.errors import Conflict, Unavailable, UnknownPlugin
from weft.manifest import Manifest
from weft.packages.contents import ContentStore
from weft.runtimes.launch import Facts
from weft.server.contract_changes import Described
from weft.server.debugging import debugged
from weft.server.deployments import Plan, is_web
from weft.server.domains import Claims
from weft.server.leavings import Leavings
from weft.server.preparations import Preparations
from weft.server.router import Router
from weft.server.state import Settings, Standing, StoredPlugin, StoredRelease
from weft.server.state.failures import storing
from weft.types import Progress

Commit = Callable[[Facts], Awaitable[None]]


@dataclass(frozen=True, kw_only=True)
class Record:
    """What the server knows of one plugin, whether it runs or not. ``since``: when this release began to serve.

    ``over``: the digest of the files of that name that the operator named; '' for a plugin that was only deployed.
    """

    name: str
    over: str = ""
    enabled: bool = True
    number: int = 1
    version: str = ""
    title: str = ""
    authors: tuple[str, ...] = ()
    homepage: str = ""
    digest: str = ""
    domains: tuple[str, ...] = ()
    provides: tuple[str, ...] = ()
    grants: tuple[str, ...] = ()
    settings: Settings = field(default_factory=Settings)
    standing: Standing = "new"
    error: str = ""
    since: float = field(default_factory=time.time)

    @property
    def preloaded(self) -> bool:
        """Whether the operator named it: clients may not remove it then."""
        return bool(self.over)

    def as_stored(self, grants: tuple[str, ...]) -> StoredPlugin:
        """A plugin that the operator named, as if it had been deployed."""
        current = StoredRelease(
            number=self.number,
            version=self.version,
            digest=self.digest,
            settings=self.settings,
            created=self.since,
            standing=self.standing,
        )
        return StoredPlugin(name=self.name, enabled=True, grants=grants, current=current, over=self.over, kept=False)


class Absent:
    """Stands on the domains of a plugin that does not run: every request is told to come again later."""

    call_timeout = 30.0

    def __init__(self, name: str, why: str) -> None:
        self.name = name
        self._why = why

    def pick(self) -> Channel:
        """Raises Unavailable, always."""
        raise Unavailable(f"plugin {self.name} is {self._why}", retry_after=5.0)


class Fleet:
    """The plugins of a server. It changes nothing of what is stored.

    ``debug``: the folder in which they are edited, where each is to wait for a debugger.
    """

    def __init__(
        self,
        engine: Engine,
        router: Router,
        contents: ContentStore,
        claims: Claims,
        data: Path,
        *,
        debug: Path | None = None,
    ) -> None:
        self.records: dict[str, Record] = {}
        self.claims = claims
        self.contents = contents
        self.preparations = Preparations()
        self._engine = engine
        self._router = router
        self._data = data
        self._debug = debug
        self._busy: set[str] = set()
        self._pins: Counter[str] = Counter()
        self._ran: dict[tuple[str, int], str] = {}
        self._changing_contents = asyncio.Lock()
        self._leavings = Leavings()

    def record(self, name: str) -> Record:
        """Raises UnknownPlugin."""
        if name not in self.records:
            there = ", ".join(sorted(self.records)) or "none"
            raise UnknownPlugin(f"there is no plugin {name!r} (there are: {there})")
        return self.records[name]

    def plugin(self, name: str) -> Plugin | None:
        """The engine's handle, where the plugin is loaded."""
        return self._engine.plugins.get(name)

    @property
    def manifests(self) -> dict[str, Manifest]:
        """Of what runs, by name."""
        return self._engine.manifests

    def described(self, name: str) -> Described:
        """How a plugin describes the contracts that it provides; empty where it does not run."""
        plugin = self.plugin(name)
        return plugin.facts.described if plugin is not None and plugin.facts is not None else {}

    def task(self, name: str) -> Task:
        """A plugin as the task that it provides. Raises ContractMismatch where it is none."""
        return self._engine.use(Task, name)

    def serves(self, name: str) -> bool:
        """Whether the plugin answers calls now."""
        plugin = self.plugin(name)
        return plugin is not None and bool(plugin.instances)

    def is_busy(self, name: str) -> bool:
        """Whether a change of the plugin is under way."""
        return name in self._busy

    @contextmanager
    def exclusive(self, name: str) -> Iterator[None]:
        """One change of a plugin at a time. Raises Conflict in GLoom's words."""
        if name in self._busy:
            raise Conflict("plugin is already being updated", plugin=name)
        self._busy.add(name)
        try:
            yield
        finally:
            self._busy.discard(name)

    def mark(self, name: str, standing: Standing) -> None:
        """How the release of a plugin has fared."""
        self.records[name] = replace(self.record(name), standing=standing)

    # --- files ------------------------------------------------------------------------------------------------------

    @asynccontextmanager
    async def stored(self, folder: Path) -> AsyncIterator[str]:
        """Keep the content of ``folder``; gives its digest, which is in use while this is open."""
        async with self._changing_contents:
            digest = await finished(self.contents.add, folder)
            self._pins[digest] += 1
        try:
            yield digest
        finally:
            self._pins[digest] -= 1
            self._pins += Counter()  # those at 0 are forgotten

    async def collect(self, kept: Callable[[], set[str]]) -> None:
        """Delete the content that no release of ``kept()``, no plugin, no change under way and no drain needs.

        What a failure left half written or half removed goes, too. Raises StorageFailed.
        """
        async with self._changing_contents:
            await self._leavings.remove()
            await finished(self.contents.sweep)
            unused = await finished(lambda: self.contents.digests() - kept())
            for digest in unused - self._in_use():
                await finished(self.contents.remove, digest)

    def _in_use(self) -> set[str]:
        draining = {
            self._ran[plugin.name, member.release]
            for plugin in self._engine.plugins.values()
            for member in (*plugin.draining, *plugin.instances)
        }
        return draining | set(self._pins) | {record.digest for record in self.records.values()}

    # --- running ----------------------------------------------------------------------------------------------------

    async def start(
        self,
        plan: Plan,
        record: Record,
        *,
        commit: Commit | None = None,
        progress: Progress = lambda _line: None,
    ) -> None:
        """Run ``record``'s release as ``plan`` has it, on its domains, in place of what runs.

        ``commit`` makes it the one that is stored. Whatever fails, files, domains and routes are as before. Raises
        Unavailable where the server ends before it is prepared.
        """
        for warning in plan.warnings:
            progress(f"note: {warning}")
            self._engine.emit(plan.name, "reaches_state", warning)
        with self.claims.changing(plan.name, plan.domains):
            async with self.preparations.of(plan.name):
                release = await self._engine.prepare(
                    plan.manifest,
                    self.contents.path(record.digest),
                    digest=record.digest,
                    number=record.number,
                    config=plan.config,
                    env=plan.env,
                    progress=progress,
                )
            if self._debug is not None:
                release = debugged(release, self._debug)
            async with self._data_folder(plan.name):
                plugin = await self._engine.run(release, commit=commit)
            # In the same turn of the loop in which the engine swapped: routes and release change as one.
            self._ran[plan.name, record.number] = record.digest
            domains = plan.domains if any(map(is_web, plugin.provides)) else ()
            self._router.assign(plan.name, plugin, domains)
            self.records[plan.name] = replace(
                record,
                domains=domains,
                provides=plugin.provides,
                version=plugin.version,
                title=plugin.manifest.title,
                authors=plugin.manifest.authors,
                homepage=plugin.manifest.homepage,
                error="",
                since=time.time(),
            )
        self.claims.take(plan.name, domains)

    @asynccontextmanager
    async def _data_folder(self, name: str) -> AsyncIterator[None]:
        """A plugin has its folder; one that was made for a start that fails is gone again."""
        folder = self._data / name
        left = self._leavings.reclaim(folder)
        made = await finished(_make_private, folder)
        try:
            yield
        except BaseException:
            if made or left:
                await self._leavings.remove(folder)
            raise

    async def restart(self, name: str) -> None:
        """Run the same release anew, its files checked first."""
        await asyncio.to_thread(self.contents.verify, self.record(name).digest)
        await self._engine.restart(name)
        self.records[name] = replace(self.record(name), since=time.time())

    def stand_in(self, record: Record, why: str) -> None:
        """List a plugin that does not run; its domains answer that it is ``why``."""
        self.claims.take(record.name, record.domains)
        self.records[record.name] = record
        if self.plugin(record.name) is None:
            self._router.assign(record.name, Absent(record.name, why), record.domains)

    async def halt(self, name: str) -> None:
        """Let a plugin finish what it began, and stop it; new requests are refused from now on."""
        record = self.record(name)
        self._router.assign(name, Absent(name, "disabled"), record.domains)
        if self.plugin(name) is not None:
            await self._engine.unload(name)

    async def forget(self, name: str) -> None:
        """Stop a plugin, give up its domains and its place in the list."""
        self._router.release(name)
        self.claims.release(name)
        self.records.pop(name, None)
        if self.plugin(name) is not None:
            await self._engine.unload(name)
        self._ran = {key: digest for key, digest in self._ran.items() if key[0] != name}


def _make_private(folder: Path) -> bool:
    """Whether there was none."""
    there = folder.is_dir()
    with storing("make a data folder", folder):
        folder.parent.mkdir(mode=0o700, exist_ok=True)
        folder.mkdir(mode=0o700, exist_ok=True)
    return not there
