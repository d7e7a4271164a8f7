"""What a host does before and after a plugin is loaded, started, upgraded and unloaded."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from typing import Any, Literal, get_args

from weft.errors import Refused, UsageError, WeftError

Moment = Literal[
    "before_load", "after_load", "before_start", "after_start",
    "before_upgrade", "after_upgrade", "before_unload", "after_unload",
]  # fmt: skip
Callback = Callable[[str, str], Any]
"""Called with the plugin's name and version. ``def`` runs in a thread, ``async def`` on the engine's loop."""
Tell = Callable[[str, str, str], Awaitable[None]]
"""Tells the plugins that provide ``lifecycle``: of the moment, the plugin and its version."""
MOST_SECONDS = 30.0


class Moments:
    """The callbacks of one engine. ``failed(plugin, kind, message)`` is told of those that come too late to refuse.

    ``tell`` is awaited after them. ``most_seconds``: for one callback.
    """

    def __init__(
        self, failed: Callable[[str, str, str], None], tell: Tell | None = None, *, most_seconds: float = MOST_SECONDS
    ) -> None:
        self._callbacks: dict[str, list[Callback]] = {moment: [] for moment in get_args(Moment)}
        self._failed = failed
        self._tell = tell
        self._most_seconds = most_seconds

    def add(self, moment: Moment, callback: Callback) -> None:
        """See Engine.at."""
        if moment not in self._callbacks:
            raise UsageError(f"there is no moment {moment!r} (there are {', '.join(self._callbacks)})")
        self._callbacks[moment].append(callback)

    async def come(self, moment: str, plugin: str, version: str) -> None:
        """Call those of ``moment``, in their order. What one raises before something refuses it: Refused."""
        for callback in tuple(self._callbacks[moment]):
            try:
                async with asyncio.timeout(self._most_seconds):
                    await _called(callback, plugin, version)
            except Exception as error:
                why = self._why(moment, error)
                if moment.startswith("before_"):
                    raise Refused(f"plugin {plugin} {version}: {why}") from error
                self._failed(plugin, "hook_failed", why)
        if self._tell is not None:
            await self._tell(moment, plugin, version)

    def _why(self, moment: str, error: Exception) -> str:
        if isinstance(error, TimeoutError):
            return f"{moment} had not returned after {self._most_seconds:g} s"
        said = str(error) if isinstance(error, WeftError) else f"{type(error).__name__}: {error}"
        return f"{moment} says no: {said}" if moment.startswith("before_") else f"{moment} failed: {said}"


async def _called(callback: Callback, plugin: str, version: str) -> None:
    if inspect.iscoroutinefunction(callback):
        await callback(plugin, version)
        return
    result = await asyncio.to_thread(callback, plugin, version)
    if inspect.isawaitable(result):
        await result
