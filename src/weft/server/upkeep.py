"""What changes leave for later: old releases, files and data that nothing needs, and what a killed server left."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import structlog

from weft.engine.finished import finished
from weft.errors import Conflict, StorageFailed, WeftError
from weft.packages.durable import remove_tree
from weft.server.fleet import Fleet
from weft.server.logs import Logs
from weft.server.state import StateFolder, Store
from weft.server.state.failures import storing
from weft.settings import ServerSettings

_log = structlog.get_logger("weft.upkeep")


class Upkeep:
    """Removes what is needed no more."""

    def __init__(self, settings: ServerSettings, state: StateFolder, store: Store, fleet: Fleet, logs: Logs) -> None:
        self._settings = settings
        self._state = state
        self._store = store
        self._fleet = fleet
        self._logs = logs

    async def tidy(self, name: str = "") -> None:
        """Forget the old releases of a plugin, and files and data that nothing needs.

        What fails here is tried again with the next change.
        """
        try:
            if await asyncio.to_thread(self._store.plugin, name):
                await finished(self._store.prune, name, keep=self._settings.keep_releases)
            await self._fleet.collect(self._store.digests)
            await self._purge_left()
        except WeftError as error:
            _log.warning("what nobody needs is still there", plugin=name, reason=str(error))

    async def purge(self, name: str) -> None:
        """Remove the data and logs of a removed plugin, where that was asked for and is not done yet.

        No other begins with them that has its name. Raises StorageFailed.
        """
        if name not in await asyncio.to_thread(self._store.purges):
            return
        with storing(f"remove the data and logs of {name}, which is removed itself,", self._state.path):
            await finished(remove_tree, self._state.data(name))
            await self._logs.remove(name)
        try:
            await finished(self._store.purged, name)
        except StorageFailed as error:
            _log.warning("it is looked again for the data of a removed plugin", plugin=name, reason=str(error))

    async def _purge_left(self) -> None:
        for name in await asyncio.to_thread(self._store.purges) - self._fleet.records.keys():
            with suppress(Conflict), self._fleet.exclusive(name):  # it is being removed, or deployed anew: that does it
                await self.purge(name)

    async def clear_up(self) -> None:
        """Remove data that a server which was killed has left: of plugins that were purged, or never came to serve.

        Before anything is started.
        """
        try:
            await self._purge_left()
            known = {each.name for each in await asyncio.to_thread(self._store.plugins)}
            await finished(self._state.drop_empty_data, known)
        except StorageFailed as error:
            _log.warning("data that nobody needs is still there", reason=str(error))
