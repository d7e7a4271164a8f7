"""Everything that an operator can do. Management and the commands only translate to it.

A change that has begun is finished, whoever waits for it: a client that leaves does not undo half of it. Every change
is validated whole, then committed at once: one transaction stores a release and makes it the current one, and in one
turn of the loop the engine and the routes swap.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Any

import structlog
from msgspec.structs import replace as replace_fields

from weft.engine.dependencies import check_unused
from weft.engine.finished import finished
from weft.errors import Refused, Unavailable, WeftError
from weft.packages.sources import Source, checked_name, stored_manifest
from weft.runtimes.launch import Facts
from weft.server.changes import Changes
from weft.server.contract_changes import broken
from weft.server.deployments import Plan, earlier_releases, plan_deploy, plan_release, target_release
from weft.server.fleet import Commit, Fleet, Record
from weft.server.grants import Grants
from weft.server.journal import Journal
from weft.server.logs import Logs
from weft.server.naming import CallsItself, name_check
from weft.server.overview import Overview
from weft.server.policy import merge_grants
from weft.server.reading import Reading
from weft.server.state import NewRelease, Standing, StateFolder, Store, StoredPlugin, StoredRelease
from weft.server.status import Deployed, Granted, deployed
from weft.server.upkeep import Upkeep
from weft.server.uploads import Upload, open_upload
from weft.settings import ServerSettings
from weft.types import Progress

_log = structlog.get_logger("weft.operator")


class Operator(Overview):
    """Changes what runs and what is stored, together. Use it on the loop of its engine; ``close`` when done."""

    def __init__(
        self, settings: ServerSettings, state: StateFolder, store: Store, fleet: Fleet, journal: Journal, logs: Logs
    ) -> None:
        super().__init__(settings, store, fleet, journal, logs)
        self._changes = Changes()
        self.reading = Reading(state.uploads, journal, fleet.preparations)
        self.upkeep = Upkeep(settings, state, store, fleet, logs)
        self.grants = Grants(settings, state.path, store, fleet, journal, self)

    def give_up(self) -> None:
        """End the changes of which nothing serves yet, and that only fetch, resolve or build, with Unavailable.

        Those that come are refused so, and those that are further on are ``close``'s to end.
        """
        self._fleet.preparations.give_up()

    async def close(self, grace: float) -> None:
        """Let changes under way finish within ``grace`` seconds, then end them."""
        await self._changes.close(grace)

    # --- deploying --------------------------------------------------------------------------------------------------

    async def deploy(self, upload: Upload, *, progress: Progress = lambda _line: None) -> Deployed:
        """Let an upload serve in place of what runs under its name, or beside the others.

        Returns when the new release serves and no old one can answer a new request. Raises UsageError, ManifestError,
        PackageError, Refused, Conflict, EnvironmentFailed, StartFailed, StorageFailed, Unavailable (the server ends);
        all is as before then.
        """
        return await self._changes.finish(self._deploy(upload, progress))

    async def _deploy(self, upload: Upload, progress: Progress) -> Deployed:
        async with self.reading.workspace() as folder:
            source = await self.reading.open(partial(open_upload, upload), folder, progress)
            try:
                return await self._install(source, upload, progress)
            except CallsItself as found:
                name = checked_name(str(found))
                manifest = await self.reading.read(stored_manifest, source.folder, name)
                return await self._install(Source(source.folder, manifest, named=True), upload, progress)

    async def _install(self, source: Source, upload: Upload, progress: Progress) -> Deployed:
        name = source.manifest.name
        if upload.spare_preloaded:
            self._refuse_preloaded(name)
        with self._fleet.exclusive(name), self._saying_what_serves(name):
            before = await asyncio.to_thread(self._before, name)
            if before is None:
                await self.upkeep.purge(name)
            operator, policy = self.operator_settings(name), self._settings.policy
            granted = merge_grants(before.grants if before else (), upload.allow)
            places = await asyncio.to_thread(self.grants.places, source.manifest, granted)
            plan = plan_deploy(source.manifest, upload, before, operator, policy, places)
            try:
                async with self._fleet.stored(source.folder) as digest:
                    return await self._replace(plan, before, digest, name_check(source), progress)
            except WeftError as error:
                self._journal.record(name, "deploy_failed", str(error))
                raise
            finally:
                await self.upkeep.tidy(name)

    @contextmanager
    def _saying_what_serves(self, name: str) -> Iterator[None]:
        """A deploy that fails leaves what serves as it is: the error says which release that is."""
        try:
            yield
        except WeftError as error:
            if self._fleet.serves(name):
                error.add_note(f"{name}#{self._fleet.record(name).number} goes on serving")
            raise

    def _before(self, name: str) -> StoredPlugin | None:
        """What a deployment follows: what is stored, or the operator's files where they serve."""
        stored = self._store.plugin(name)
        record = self._fleet.records.get(name)
        if record is None or not record.preloaded:
            return stored
        if stored and (stored.current.number, stored.current.digest) == (record.number, record.digest):
            return replace_fields(stored, over=stored.over or record.over)
        plugin = self._fleet.plugin(name)
        return record.as_stored(self.grants.asked(plugin.manifest) if plugin else ())

    async def _replace(
        self,
        plan: Plan,
        before: StoredPlugin | None,
        digest: str,
        check_name: Callable[[Facts], None],
        progress: Progress,
    ) -> Deployed:
        same = _same(before, plan, digest)
        if before and same and self._fleet.serves(plan.name) and before.grants == plan.grants:
            return deployed(self._fleet.record(plan.name), changed=False)
        again = bool(before and before.kept and same)
        number = before.current.number if before and again else await self._next_number(plan.name, before)
        standing = before.current.standing if before and again else "new"
        record = self._record_of(plan, digest, number, standing=standing)

        async def commit(facts: Facts) -> None:
            check_name(facts)
            if again:
                await finished(self._store.confirm, plan.name, grants=plan.grants)
            else:
                await finished(self._commit, plan, record, before)

        await self._start(plan, record, commit, progress)
        self._journal.record(plan.name, "deployed", f"{plan.name}#{number} serves", version=plan.manifest.version)
        return deployed(self._fleet.record(plan.name), changed=True, created=before is None)

    async def _next_number(self, name: str, before: StoredPlugin | None) -> int:
        unused = await asyncio.to_thread(self._store.next_number, name)
        return max(unused, before.current.number + 1 if before else 1)

    def _commit(self, plan: Plan, record: Record, before: StoredPlugin | None) -> None:
        release = NewRelease(
            number=record.number, version=plan.manifest.version, digest=record.digest, settings=plan.settings
        )
        self._store.commit_release(plan.name, release, grants=plan.grants, before=before)

    # --- the life of a plugin ---------------------------------------------------------------------------------------

    async def remove(self, name: str, *, purge: bool = False) -> None:
        """Stop and forget a plugin and its releases; with ``purge``, its data and logs too. Returns once drained."""
        await self._changes.finish(self._remove(self._changeable(name), purge=purge))

    async def _remove(self, name: str, *, purge: bool) -> None:
        with self._fleet.exclusive(name):
            check_unused(name, self._fleet.manifests)
            await finished(self._store.remove, name, purge=purge)
            await self._fleet.forget(name)
            self._journal.record(name, "removed", f"{name} is removed")
            try:
                await self.upkeep.purge(name)
            finally:
                await self.upkeep.tidy(name)

    async def enable(self, name: str) -> Deployed:
        """Start a disabled plugin in its current release, and with the server from now on."""
        return await self._changes.finish(self._enable(self._changeable(name)))

    async def _enable(self, name: str) -> Deployed:
        with self._fleet.exclusive(name):
            if self._fleet.record(name).enabled and self._fleet.serves(name):
                return deployed(self._fleet.record(name), changed=False)
            return await self._start_stored(name, None, lambda: self._store.set_enabled(name, enabled=True), "enabled")

    async def disable(self, name: str) -> None:
        """Stop a plugin, now and at the next starts of the server; it stays listed. Returns once it has drained."""
        await self._changes.finish(self._disable(self._changeable(name)))

    async def _disable(self, name: str) -> None:
        with self._fleet.exclusive(name):
            check_unused(name, self._fleet.manifests)
            await finished(self._store.set_enabled, name, enabled=False)
            self._fleet.records[name] = replace(self._fleet.record(name), enabled=False)
            await self._fleet.halt(name)
            self._journal.record(name, "disabled", f"{name} is disabled")

    async def restart(self, name: str) -> Deployed:
        """Run the same release anew, beside what runs, which then drains. Raises Refused when it is disabled."""
        name = self._fleet.record(self.resolved(name)).name
        if not self._fleet.record(name).enabled:
            raise Refused(f"plugin {name} is disabled: weft enable {name} starts it")
        return await self._changes.finish(self._restart(name))

    async def _restart(self, name: str) -> Deployed:
        with self._fleet.exclusive(name):
            if not self._fleet.record(name).preloaded:
                return await self._start_stored(name, None, lambda: None, "restarted")
            await self._fleet.restart(name)
            self._journal.record(name, "restarted", f"{name} is restarted")
            return deployed(self._fleet.record(name), changed=True)

    async def rollback(self, name: str, number: int | None = None) -> Deployed:
        """Go back to a kept release (None: the one before), with its settings. Raises UsageError when there is none."""
        return await self._changes.finish(self._rollback(self._fleet.record(self.resolved(name)).name, number))

    async def _rollback(self, name: str, number: int | None) -> Deployed:
        with self._fleet.exclusive(name):
            kept = await asyncio.to_thread(self._store.releases, name)
            target = target_release(kept, name, self._fleet.record(name).number, number)
            if target.number == self._fleet.record(name).number and self._fleet.serves(name):
                return deployed(self._fleet.record(name), changed=False)
            return await self._start_stored(
                name, target, lambda: self._store.make_current(name, target.number), "rolled_back"
            )

    async def go_back(self, name: str, number: int, why: str) -> None:
        """Go back from the release ``number``, which is quarantined, to the last one before it that has not failed.

        Where that does not start, to the one before it, and so on. Nothing to do where another release serves already.
        Raises Conflict.
        """
        await self._changes.finish(self._go_back(name, number, why))

    async def _go_back(self, name: str, number: int, why: str) -> None:
        with self._fleet.exclusive(name):
            plugin, record = self._fleet.plugin(name), self._fleet.records.get(name)
            if plugin is None or record is None or (plugin.state, record.number) != ("quarantined", number):
                return
            kept = await asyncio.to_thread(self._store.releases, name)
            for target in reversed(earlier_releases(kept, number)):
                if await self._went_back(name, number, target, why):
                    return
            self._journal.record(name, "rollback_failed", f"{name}#{number} has no release before it to go back to")

    async def _went_back(self, name: str, number: int, target: StoredRelease, why: str) -> bool:
        told = f"{name}#{target.number} serves again, in place of {name}#{number}, by itself: {why}"
        numbers = {"release": target.number, "instead_of": number}
        try:
            await self._start_stored(
                name, target, lambda: self._store.make_current(name, target.number), "rolled_back", told, **numbers
            )
        except Unavailable:  # the server ends: that says nothing of the release
            raise
        except WeftError as error:
            failed = f"{name}#{target.number} cannot serve in place of {name}#{number}: {error}"
            self._journal.record(name, "rollback_failed", failed, **numbers)
            return False
        return True

    async def _start_stored(
        self,
        name: str,
        release: StoredRelease | None,
        commit: Callable[[], None],
        kind: str,
        told: str = "",
        /,
        **data: Any,
    ) -> Deployed:
        """Start a kept release (None: the current one); ``commit`` stores that it is so."""
        stored = await asyncio.to_thread(self._store.plugin, name)
        assert stored is not None
        target = release or stored.current
        await self.start_release(stored, target, commit)
        self._journal.record(name, kind, told or f"{name}#{target.number} serves", version=target.version, **data)
        return deployed(self._fleet.record(name), changed=True)

    async def start_release(
        self,
        stored: StoredPlugin,
        release: StoredRelease,
        commit: Callable[[], None] = lambda: None,
        progress: Progress = lambda _line: None,
        over: str = "",
    ) -> None:
        """Start a kept release, its files checked first, under the policy of today, in place of the files ``over``.

        The current one makes do with those of its domains that are free; another one must have all of its own.
        """
        plan, record = await self.planned(stored, release, over)
        await self.start_planned(plan, record, commit, progress)

    async def planned(self, stored: StoredPlugin, release: StoredRelease, over: str = "") -> tuple[Plan, Record]:
        """What a kept release amounts to: see ``start_release``. Raises Refused, and PackageError for its files."""
        await asyncio.to_thread(self._fleet.contents.verify, release.digest)
        folder = self._fleet.contents.path(release.digest)
        manifest = await self.reading.read(stored_manifest, folder, stored.name)
        operator, policy = self.operator_settings(stored.name), self._settings.policy
        places = await asyncio.to_thread(self.grants.places, manifest, stored.grants)
        plan = plan_release(manifest, release.settings, stored.grants, operator, policy, places)
        if release.number == stored.current.number:
            plan = plan.on(self._fleet.claims.free(stored.name, plan.domains))
        return plan, self._record_of(plan, release.digest, release.number, over, standing=release.standing)

    async def start_planned(
        self, plan: Plan, record: Record, commit: Callable[[], None], progress: Progress = lambda _line: None
    ) -> None:
        """Start what was planned, in place of what runs."""

        async def commit_off_loop(_facts: Facts) -> None:
            await finished(commit)

        await self._start(plan, record, commit_off_loop, progress)

    async def _start(self, plan: Plan, record: Record, commit: Commit, progress: Progress) -> None:
        """Run it; where its users cannot use it as they did before, that is told."""
        before = self._fleet.described(plan.name)
        await self._fleet.start(plan, record, commit=commit, progress=progress)
        for text in broken(before, self._fleet.described(plan.name)):
            self._journal.record(plan.name, "contract_changed", text, version=plan.manifest.version)
            progress(f"note: {text}")

    # --- grants -----------------------------------------------------------------------------------------------------

    async def grant(self, name: str, permissions: Iterable[str]) -> Granted:
        """Let a plugin have more than the policy, from now on; what was refused for want of it is started.

        Where that changes what runs, new instances take over as in a deploy. Raises UsageError for what is no grant,
        and as ``deploy`` does when they do not start: the old grants hold, and the old instances go on, then.
        """
        add = merge_grants(permissions)
        return await self._changes.finish(self._change_grants(self._grantable(name), add=add))

    async def revoke(self, name: str, permissions: Iterable[str]) -> Granted:
        """Take grants back, from now on. A plugin whose release needs one of them is disabled.

        Raises as ``grant`` does, UsageError for what it was not granted, and Refused when what would be disabled is
        required by others, or named by the operator.
        """
        take = merge_grants(permissions)
        return await self._changes.finish(self._change_grants(self._grantable(name), take=take))

    async def _change_grants(self, name: str, add: tuple[str, ...] = (), take: tuple[str, ...] = ()) -> Granted:
        with self._fleet.exclusive(name):
            return await self.grants.change(name, add, take)

    # --- within -----------------------------------------------------------------------------------------------------

    def _changeable(self, name: str) -> str:
        name = self._fleet.record(self.resolved(name)).name
        self._refuse_preloaded(name)
        return name

    def _grantable(self, name: str) -> str:
        record = self._fleet.record(self.resolved(name))
        if record.preloaded and record.digest == record.over:
            named = f"plugin {record.name} is preloaded: it was named to weft serve, or in weft.toml"
            raise Refused(f"{named}, and has all that it asks")
        return record.name

    def _refuse_preloaded(self, name: str) -> None:
        record = self._fleet.records.get(name)
        if record is not None and record.preloaded:
            raise Refused(f"plugin {name} is preloaded: it was named to weft serve, or in weft.toml; take it out there")

    def _record_of(self, plan: Plan, digest: str, number: int, over: str = "", *, standing: Standing) -> Record:
        old = self._fleet.records.get(plan.name)
        return Record(
            name=plan.name,
            over=over or (old.over if old else ""),
            number=number,
            version=plan.manifest.version,
            title=plan.manifest.title,
            authors=plan.manifest.authors,
            homepage=plan.manifest.homepage,
            digest=digest,
            domains=plan.domains,
            grants=plan.grants,
            settings=plan.settings,
            standing=standing,
        )


def _same(before: StoredPlugin | None, plan: Plan, digest: str) -> bool:
    return before is not None and (before.current.digest, before.current.settings) == (digest, plan.settings)
