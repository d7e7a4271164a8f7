"""What a server starts with: the plugins that its operator named, then those that were deployed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine, Sequence
from contextlib import aclosing
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import structlog
import watchfiles

from weft.engine.backoff import Backoff
from weft.errors import Conflict, EnvironmentFailed, StartFailed, WeftError
from weft.manifest import Manifest, check_placed, find_plugins
from weft.packages.programs import quiet
from weft.packages.sources import Source, open_source, stored_manifest
from weft.runtimes.launch import Facts, last_lines
from weft.server.attempts import Attempt, Attempts, Outcome, Wanted
from weft.server.deployments import Plan, plan_preloaded, wanted_domains
from weft.server.domains import checked_domains
from weft.server.fleet import Fleet, Record
from weft.server.journal import Journal
from weft.server.naming import name_check
from weft.server.operator import Operator
from weft.server.policy import merge_grants
from weft.server.state import NewRelease, Store, StoredPlugin
from weft.settings import PluginSettings, Preload, ServerSettings
from weft.types import Progress

AT_ONCE = 4
"""Plugins that are started at the same time."""

_log = structlog.get_logger("weft.loading")


class Loader:
    """Loads plugins at the start of a server, and tries those again that failed when their files change."""

    def __init__(
        self, settings: ServerSettings, store: Store, fleet: Fleet, operator: Operator, journal: Journal
    ) -> None:
        self._settings = settings
        self._store = store
        self._fleet = fleet
        self._operator = operator
        self._journal = journal
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._retries: set[asyncio.Task[None]] = set()
        self._attempts = Attempts()
        self._held: set[str] = set()
        self.failures: list[WeftError] = []
        """Why what the operator named does not serve, from the start on."""

    async def close(self) -> None:
        """Watch no longer, and load nothing more."""
        for task in self._retries:
            task.cancel()
        await asyncio.gather(*self._retries, return_exceptions=True)
        await self._attempts.close()

    # --- named by the operator --------------------------------------------------------------------------------------

    async def preload(self, paths: Sequence[Path], progress: Progress) -> AsyncGenerator[Outcome, None]:
        """Load the paths, and those of the settings, at the same time; gives outcomes in their order.

        What has to be fetched is left for ``settle``.
        """
        named = [Preload(file=each.file, name=name) for name, each in self._settings.plugins.items() if each.file]
        given = [*(Preload(file=path) for path in paths), *self._settings.preload, *named]
        found = [await self._find(each) for each in given]
        attempts = [self._preloading(each, error, progress) for some in found for each, error in some]
        async with aclosing(self._attempts.make(attempts)) as outcomes:
            async for outcome in outcomes:
                yield outcome

    def _preloading(self, given: Preload, error: WeftError | None, progress: Progress) -> Attempt:
        def later(why: WeftError) -> None:
            self.failures.append(why)
            if not self._settings.strict:
                self._retry_later(given, progress)

        fetched: asyncio.Future[Wanted] = asyncio.Future()
        return Attempt(lambda: self._preload(given, error, progress, fetched), later, fetched)

    async def _find(self, given: Preload) -> list[tuple[Preload, WeftError | None]]:
        """The plugins of one path; the path itself, with the error, when it holds none."""
        try:
            found = await self._operator.reading.read(find_plugins, given.file)
        except WeftError as error:
            return [(given, error)]
        name = given.name if len(found) == 1 else None
        each_one = [Preload(file=each, name=name, domains=given.domains) for each in found]
        return [(each, await self._misplaced(given.file, each.file)) for each in each_one]

    async def _misplaced(self, given: Path, found: Path) -> WeftError | None:
        if found != given:
            try:
                await self._operator.reading.read(check_placed, found)
            except WeftError as error:
                return error
        return None

    async def _preload(
        self, given: Preload, error: WeftError | None, progress: Progress, fetched: asyncio.Future[Wanted]
    ) -> Outcome:
        try:
            if error is not None:
                raise error
            return await self._load(given, progress, fetched), None
        except WeftError as problem:
            return str(given.file), problem

    async def _load(self, given: Preload, progress: Progress, fetched: asyncio.Future[Wanted]) -> str:
        """Load one plugin; returns its name. ``fetched``: see Attempt."""
        reading = self._operator.reading
        async with reading.workspace() as folder:
            async with self._slots:
                source = await reading.read(open_source, given.file, given.name, folder)
                if source.manifest.git is None:
                    return await self._install(source, given, progress)
            if not fetched.done():
                fetched.set_result(self._wanted(source.manifest, given))
            source = await reading.complete(source, folder, _of(given.name or given.file.name, progress))
            async with self._slots:
                return await self._install(source, given, progress)

    def _wanted(self, manifest: Manifest, given: Preload) -> Wanted:
        operator = self._settings.plugins.get(manifest.name, PluginSettings())
        return Wanted(manifest.name, checked_domains(given.domains or operator.domains or manifest.domains))

    async def _install(self, source: Source, given: Preload, progress: Progress) -> str:
        name = source.manifest.name
        operator = self._settings.plugins.get(name, PluginSettings())
        places = await asyncio.to_thread(self._operator.grants.places, source.manifest, ())
        plan = plan_preloaded(source.manifest, given.domains, operator, places)

        with self._fleet.exclusive(name):
            if name in self._fleet.records:
                raise Conflict(f"there is a plugin {name} already: give this one another name")
            await self._operator.upkeep.purge(name)
            async with self._fleet.stored(source.folder) as digest:
                await self._start(source, plan, digest, _of(name, progress))
        return name

    async def _start(self, source: Source, plan: Plan, digest: str, progress: Progress) -> None:
        """Start the named files, or what was deployed in their place."""
        name = plan.name
        stored = await asyncio.to_thread(self._deployed_after, name, digest)
        if stored is not None:
            await self._operator.start_release(stored, stored.current, progress=progress, over=digest)
            return
        number = await asyncio.to_thread(self._store.next_number, name)
        record = Record(name=name, over=digest, digest=digest, number=number, settings=plan.settings)
        check_name = name_check(Source(source.folder, source.manifest, named=True))

        async def commit(facts: Facts) -> None:
            check_name(facts)
            await asyncio.to_thread(self._keep, plan, record)

        await self._fleet.start(plan, record, commit=commit, progress=progress)

    def _keep(self, plan: Plan, record: Record) -> None:
        """Where a plugin was replaced before, what its files hold now is one more of its releases."""
        stored = self._store.plugin(plan.name)
        if stored is not None and stored.over:
            release = NewRelease(
                number=record.number, version=plan.manifest.version, digest=record.digest, settings=plan.settings
            )
            grants = merge_grants(stored.grants, self._operator.grants.asked(plan.manifest))
            self._store.commit_release(plan.name, release, grants=grants, before=stored)

    def _deployed_after(self, name: str, digest: str) -> StoredPlugin | None:
        """What was deployed in place of named files; None where these hold what no release of it had."""
        stored = self._store.plugin(name)
        if stored is None or not stored.enabled:
            return None
        known = {stored.over, *(each.digest for each in self._store.releases(name))}
        return stored if stored.over and digest in known else None

    def _retry_later(self, given: Preload, progress: Progress) -> None:
        self._begin(self._retry(given, progress))

    def _begin(self, retry: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(retry)
        self._retries.add(task)
        task.add_done_callback(self._retries.discard)

    async def _retry(self, given: Preload, progress: Progress) -> None:
        """Try again each time that its files change, until all of it serves."""
        path = given.file.absolute()
        while True:
            is_folder = path.is_dir()  # whatever else is watched by its folder: many editors put another in its place
            watched, only = (path, watchfiles.DefaultFilter()) if is_folder else (path.parent, _only(path))
            if not watched.exists():
                return
            async for _changes in watchfiles.awatch(watched, recursive=is_folder, step=200, watch_filter=only):
                left = [each for each in await self._find(given) if not await self._try(*each, progress)]
                if not left:
                    return
                if path.is_dir() != is_folder:
                    break

    async def _try(self, given: Preload, error: WeftError | None, progress: Progress) -> bool:
        try:
            if error is not None:
                raise error
            progress(f"{await self._load(given, progress, asyncio.Future())} serves")
        except WeftError as problem:
            progress(failed(str(given.file), problem))
            return False
        return True

    # --- deployed ---------------------------------------------------------------------------------------------------

    async def restore(self, progress: Progress) -> AsyncGenerator[Outcome, None]:
        """Bring back every deployed plugin in its current release; what cannot be is listed as failed.

        Those whose name or domains are wanted by a named plugin that is being fetched are left for ``settle``.
        """
        async with aclosing(self._bring_back(await asyncio.to_thread(self._store.plugins), progress)) as outcomes:
            async for outcome in outcomes:
                yield outcome

    async def _bring_back(self, every: Sequence[StoredPlugin], progress: Progress) -> AsyncGenerator[Outcome, None]:
        attempts = []
        for stored in filter(self._is_free, every):
            record = await self._record(stored)
            if any(each.meets(record) for each in self._attempts.wanted):
                self._held.add(stored.name)
                continue
            self._fleet.stand_in(record, "starting" if stored.enabled else "disabled")
            if stored.enabled:
                later = partial(self._restore_later, stored, progress)
                attempts.append(Attempt(partial(self._restore, stored, progress), later))
        async with aclosing(self._attempts.make(attempts)) as outcomes:
            async for outcome in outcomes:
                yield outcome

    def _is_free(self, stored: StoredPlugin) -> bool:
        record = self._fleet.records.get(stored.name)
        if record is not None and record.number != stored.current.number:
            _log.warning("a preloaded plugin stands in for the deployed one of its name", plugin=stored.name)
        return record is None

    async def _record(self, stored: StoredPlugin) -> Record:
        """What is known of a plugin before it runs."""
        current = stored.current
        wanted, provides = await self._operator.reading.read(self._expected, stored)
        return Record(
            name=stored.name,
            enabled=stored.enabled,
            number=current.number,
            version=current.version,
            digest=current.digest,
            domains=self._fleet.claims.free(stored.name, wanted),
            provides=provides,
            grants=stored.grants,
            settings=current.settings,
            standing=current.standing,
        )

    def _expected(self, stored: StoredPlugin) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Its domains, and what it provides, by its manifest; where that cannot be read, by its name."""
        operator = self._settings.plugins.get(stored.name, PluginSettings())
        try:
            manifest = stored_manifest(self._fleet.contents.path(stored.current.digest), stored.name)
            domains = wanted_domains(manifest, stored.current.settings, operator)
        except WeftError:  # its start says what is wrong
            return stored.current.settings.domains or (f"{stored.name.lower()}.localhost",), ()
        return domains, tuple(map(str, manifest.provides))

    async def _restore(self, stored: StoredPlugin, progress: Progress) -> Outcome:
        try:
            async with self._slots:
                with self._fleet.exclusive(stored.name):
                    await self._start_again(stored.name, progress)
        except WeftError as error:
            self._fleet.stand_in(replace(self._fleet.record(stored.name), error=str(error)), "failed")
            return stored.name, error
        return stored.name, None

    async def _start_again(self, name: str, progress: Progress) -> None:
        """Start what is stored now: while a plugin waited for others, it may have been changed, or started."""
        stored = await asyncio.to_thread(self._store.plugin, name)
        if stored is not None and stored.enabled and not self._fleet.serves(name):
            await self._operator.start_release(stored, stored.current, progress=_of(name, progress))

    def _restore_later(self, stored: StoredPlugin, progress: Progress, error: WeftError) -> None:
        if isinstance(error, StartFailed | EnvironmentFailed):  # what else is wrong does not pass by itself
            self._begin(self._restore_again(stored, error, progress))

    async def _restore_again(self, stored: StoredPlugin, error: WeftError, progress: Progress) -> None:
        """Try as often as supervision does, unless somebody else sees to it."""
        backoff, last = Backoff(self._settings.supervision), error
        while (delay := backoff.failed(0.0)) is not None:
            self._tell_failed(stored, last, delay)
            await asyncio.sleep(delay)
            if not self._waits(stored):
                return
            what, problem = await self._restore(stored, progress)
            if problem is None:
                progress(f"{what} serves")
                return
            last = problem
        self._tell_failed(stored, last, None)

    def _waits(self, stored: StoredPlugin) -> bool:
        """Whether it is still as its failed start left it."""
        record = self._fleet.records.get(stored.name)
        left = record is not None and record.enabled and record.error and record.number == stored.current.number
        return bool(left) and self._fleet.plugin(stored.name) is None and not self._fleet.is_busy(stored.name)

    def _tell_failed(self, stored: StoredPlugin, error: WeftError, delay: float | None) -> None:
        current = stored.current
        again = f"start it: weft restart {stored.name}" if delay is None else f"the next start is in {delay:g} s"
        self._journal.record(
            stored.name, "start_failed", f"{error}; {again}", release=current.number, version=current.version,
            digest=current.digest, cause="start", tail=list(last_lines(getattr(error, "traceback", ""))),
            next_try=delay,
        )  # fmt: skip

    # --- what waited ------------------------------------------------------------------------------------------------

    async def settle(self, progress: Progress = quiet) -> AsyncGenerator[Outcome, None]:
        """Wait for what is fetched, and try those again that others may have kept from starting."""
        async with aclosing(self._attempts.make_again()) as outcomes:
            async for outcome in outcomes:
                yield outcome
        while self._attempts.wanted:
            for outcome in await self._attempts.arrived():
                yield outcome
            held, self._held = self._held, set()
            stored = [each for each in await asyncio.to_thread(self._store.plugins) if each.name in held]
            for some in (self._bring_back(stored, progress), self._attempts.make_again()):
                async with aclosing(some) as outcomes:
                    async for outcome in outcomes:
                        yield outcome
        await self._operator.upkeep.tidy()


def failed(what: str, error: WeftError) -> str:
    """The line that tells why a plugin, or a path, does not serve."""
    text = str(error)
    return f"error: {text}" if text.startswith(what) else f"error: {what}: {text}"


def _only(path: Path) -> Callable[[watchfiles.Change, str], bool]:
    """Of changes in a folder those of one path: others, such as those of a log, are no matter of it."""
    return lambda _change, changed: changed == str(path)


def _of(name: str, progress: Progress) -> Progress:
    """Several plugins are loaded at once: each line says whose it is."""
    return lambda line: progress(f"{name}: {line}")
