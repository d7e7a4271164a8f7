"""New releases on trial: how each fares is remembered, and one that fails goes back where that was asked for.

A release is on trial until an instance of it has lived for ``supervision.healthy_after``: it has settled then. One that
is quarantined before that has failed. No loop can come of it: the way back leads only to earlier releases that have not
failed, and each that fails on the way is marked.
"""

from __future__ import annotations

import asyncio

import structlog

from weft.errors import Conflict, WeftError
from weft.server.changes import Changes
from weft.server.fleet import Fleet
from weft.server.operator import Operator
from weft.server.state import Standing, Store
from weft.types import Event

BUSY_PAUSE = 1.0
"""Seconds between two looks whether another change of the plugin is over."""

_log = structlog.get_logger("weft.trials")


class Trials:
    """Listens to the engine by ``accept``; ``close`` when done."""

    def __init__(self, fleet: Fleet, store: Store, operator: Operator) -> None:
        self._fleet = fleet
        self._store = store
        self._operator = operator
        self._changes = Changes()

    def accept(self, event: Event) -> None:
        """One event; never blocks."""
        if event.kind == "settled":
            self._changes.begin(self._end_trial(event, "settled"))
        elif event.kind == "quarantined" and not event.data["left"] and not event.data["settled"]:
            self._changes.begin(self._fail(event))

    async def close(self) -> None:
        """End what is under way: a way back that has begun is the operator's."""
        await self._changes.close(0.0)

    async def _fail(self, event: Event) -> None:
        plugin = self._fleet.plugin(event.plugin)
        asked = plugin is not None and plugin.manifest.rollback == "auto"
        if await self._end_trial(event, "failed") and asked:
            await self._go_back(event)

    async def _end_trial(self, event: Event, standing: Standing) -> bool:
        """Remember how a release has fared; False: it has settled before, in an earlier life of the server too."""
        name, number = event.plugin, event.data["release"]
        record = self._fleet.records.get(name)
        if record is None or record.number != number or record.standing == "settled":
            return False
        self._fleet.mark(name, standing)
        try:
            await asyncio.to_thread(self._store.set_standing, name, number, standing)
        except WeftError as error:
            _log.warning("how a release fared is not kept", plugin=name, release=number, reason=str(error))
        return True

    async def _go_back(self, event: Event) -> None:
        """Once no other change of the plugin is under way; that may have seen to it."""
        while True:
            try:
                await self._operator.go_back(event.plugin, event.data["release"], event.data["failure"])
            except Conflict:
                await asyncio.sleep(BUSY_PAUSE)
            else:
                return
