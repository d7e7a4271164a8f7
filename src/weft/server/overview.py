"""Everything that an operator can see: plugins, their releases and settings, what happened, what they printed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from weft.contracts.task import Task
from weft.engine import Plugin
from weft.errors import Unavailable
from weft.server.fleet import Fleet
from weft.server.journal import Journal
from weft.server.logs import Logs
from weft.server.policy import merge_grants
from weft.server.state import Store, StoredRelease
from weft.server.status import PluginStatus, status_of
from weft.settings import PluginSettings, ServerSettings
from weft.types import Event, OutputLine


class Overview:
    """Looks, and changes nothing. Plugins go by their names, or by titles that only one has."""

    def __init__(self, settings: ServerSettings, store: Store, fleet: Fleet, journal: Journal, logs: Logs) -> None:
        self._settings = settings
        self._store = store
        self._fleet = fleet
        self._journal = journal
        self._logs = logs

    def plugins(self) -> list[PluginStatus]:
        """Every plugin, by name."""
        return [self.status(name) for name in sorted(self._fleet.records)]

    def domains(self) -> dict[str, tuple[str, ...]]:
        """Where each plugin is served, by name; nothing else is looked at."""
        return {name: record.domains for name, record in sorted(self._fleet.records.items())}

    def status(self, name: str) -> PluginStatus:
        """One plugin, by name or by a title that only it has. Raises UnknownPlugin."""
        record = self._fleet.record(self.resolved(name))
        return status_of(record, self._fleet.plugin(record.name))

    def plugin(self, name: str) -> Plugin:
        """The engine's handle of a plugin, to call it. Raises UnknownPlugin, and Unavailable where it does not run."""
        record = self._fleet.record(self.resolved(name))
        plugin = self._fleet.plugin(record.name)
        if plugin is None:
            raise Unavailable(f"plugin {record.name} is {self.status(record.name).state}")
        return plugin

    def task(self, name: str) -> Task:
        """A plugin as the task that it provides. Raises as ``plugin`` does, and ContractMismatch where it is none."""
        return self._fleet.task(self.plugin(name).name)

    def resolved(self, name: str) -> str:
        """The name of the plugin of that name, or of that title where only one has it."""
        titled = [each.name for each in self._fleet.records.values() if each.title == name]
        return titled[0] if name not in self._fleet.records and len(titled) == 1 else name

    def settings(self, name: str) -> dict[str, list[str]]:
        """The keys of ``config`` and ``env`` that a plugin was given, never their values, and its ``grants``."""
        record = self._fleet.record(self.resolved(name))
        operator = self.operator_settings(record.name)
        return {
            "config": sorted({*operator.config, *record.settings.config}),
            "env": sorted({*operator.env, *record.settings.env}),
            "grants": sorted({*merge_grants(operator.allow), *record.grants}),
        }

    async def releases(self, name: str) -> list[StoredRelease]:
        """The kept releases of a deployed plugin, oldest first. Their settings are secrets: show keys only."""
        return await asyncio.to_thread(self._store.releases, self._fleet.record(self.resolved(name)).name)

    def events(self, *, follow: bool = False, plugin: str | None = None) -> AsyncIterator[Event]:
        """What happened, oldest first; with ``follow``, and what happens."""
        return self._journal.events(follow=follow, plugin=plugin)

    async def logs(
        self, name: str, *, follow: bool = False, level: str = "trace", tail: int | None = None
    ) -> AsyncIterator[OutputLine]:
        """What a plugin printed at ``level`` and above, oldest first; with ``follow``, and what it prints."""
        name = self._fleet.record(self.resolved(name)).name
        if follow:
            async for line in self._logs.follow(name, level=level, tail=tail):
                yield line
        else:
            for line in await self._logs.read(name, level=level, tail=tail):
                yield line

    def operator_settings(self, name: str) -> PluginSettings:
        """What the operator says of a plugin, in weft.toml."""
        return self._settings.plugins.get(name, PluginSettings())
