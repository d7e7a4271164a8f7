"""What plugins may have beyond the policy: looked up, and changed together with what runs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from msgspec.structs import replace as replace_fields

from weft.engine.dependencies import check_unused
from weft.engine.finished import finished
from weft.errors import Refused
from weft.manifest import Manifest
from weft.server.deployments import Plan
from weft.server.fleet import Fleet, Record
from weft.server.journal import Journal
from weft.server.places import Places, look_up
from weft.server.policy import ceiling, check_granted, exceeding, leave_of, merge_grants, paths
from weft.server.state import Store, StoredPlugin, StoredRelease
from weft.server.status import Granted
from weft.settings import PluginSettings, ServerSettings


class Starting(Protocol):
    """How stored releases are started. See Operator."""

    async def planned(self, stored: StoredPlugin, release: StoredRelease) -> tuple[Plan, Record]:
        """What a release amounts to today. Raises Refused."""

    async def start_planned(self, plan: Plan, record: Record, commit: Callable[[], None]) -> None:
        """Start it in place of what runs; ``commit`` stores that it is so."""


class Grants:
    """The grants of a server's plugins. One change of a plugin at a time is its caller's to see to."""

    def __init__(
        self, settings: ServerSettings, state: Path, store: Store, fleet: Fleet, journal: Journal, starting: Starting
    ) -> None:
        self._settings = settings
        self._state = state
        self._store = store
        self._fleet = fleet
        self._journal = journal
        self._starting = starting

    def places(self, manifest: Manifest, grants: Iterable[str]) -> Places:
        """Where the paths lead that a plugin asks for, and that are allowed. Blocking. Raises UsageError (grants)."""
        allowed = ceiling(self._settings.policy, [*grants, *self._fixed(manifest.name)])
        return look_up(paths(manifest, allowed), self._state)

    def asked(self, manifest: Manifest) -> tuple[str, ...]:
        """The grants that let a plugin that the operator named have what it has. Blocking."""
        found = exceeding(manifest, self._settings.policy, self.places(manifest, ()))
        return merge_grants(each.grant for each in found)

    def _fixed(self, name: str) -> tuple[str, ...]:
        return self._settings.plugins.get(name, PluginSettings()).allow

    async def change(self, name: str, add: Sequence[str], take: Sequence[str]) -> Granted:
        """Add or take grants, in their one spelling. Raises as Operator.grant and Operator.revoke do."""
        record = self._fleet.record(name)
        check_granted(name, take, record.grants, self._fixed(name))
        grants = tuple(sorted({*record.grants, *add} - {*take}))
        if grants == record.grants:
            return Granted(name=name, grants=grants)
        done = await self._apply(record, grants, starting=bool(add))
        kind = "revoked" if take else "granted"
        self._journal.record(name, kind, f"{name}: {kind} {', '.join([*add, *take])}")
        if done.disabled:
            self._journal.record(name, "disabled", f"{name} is disabled: {done.disabled}")
        return done

    async def _apply(self, record: Record, grants: tuple[str, ...], *, starting: bool) -> Granted:
        """Make what runs fit the grants, and store them; ``starting``: what does not run may do so now."""
        name, running = record.name, self._fleet.plugin(record.name)
        if not record.enabled or (running is None and not starting):
            return await self._keep(record, grants)
        stored = await asyncio.to_thread(self._store.plugin, name)
        assert stored is not None
        try:
            plan, granted = await self._starting.planned(replace_fields(stored, grants=grants), stored.current)
        except Refused as refused:
            return await self._keep(record, grants, lacking=str(refused) if running else "")
        if running is not None and leave_of(running.manifest) == leave_of(plan.manifest):
            return await self._keep(record, grants)
        await self._starting.start_planned(plan, granted, lambda: self._store.set_grants(name, grants, enabled=True))
        return Granted(name=name, grants=grants, swapped=running is not None)

    async def _keep(self, record: Record, grants: tuple[str, ...], *, lacking: str = "") -> Granted:
        """Store them. A plugin that runs and lacks something with them is disabled."""
        name, enabled = record.name, record.enabled and not lacking
        if lacking:
            self._check_disabled(record)
        await finished(self._store.set_grants, name, grants, enabled=enabled)
        self._fleet.records[name] = replace(record, grants=grants, enabled=enabled)
        if lacking:
            await self._fleet.halt(name)
        return Granted(name=name, grants=grants, disabled=lacking)

    def _check_disabled(self, record: Record) -> None:
        if record.preloaded:
            why = "it was named to weft serve, or in weft.toml"
            remedy = f"go back to the named files first (weft rollback {record.name})"
            raise Refused(f"plugin {record.name} needs that, and cannot be disabled: {why}; {remedy}")
        check_unused(record.name, self._fleet.manifests)
