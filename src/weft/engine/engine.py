"""The engine: owns the lives of plugins. Every change of what runs goes through here."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Self

from weft.engine.crew import Crew
from weft.engine.events import Events
from weft.engine.plugin import Plugin
from weft.engine.release import Release
from weft.engine.requirements import check_host
from weft.errors import Conflict, NotInThisVersion, Unavailable, UnknownPlugin
from weft.manifest.model import Manifest
from weft.packages.environments import Environments
from weft.runtimes.launch import Facts, Runtime
from weft.runtimes.process.runtime import ProcessRuntime
from weft.types import Event, OutputLine, Progress

MOST_DRAINING = 8
"""Releases of one plugin that drain at the same time; past it the oldest is ended first."""

Commit = Callable[[Facts], Awaitable[None]]
"""Told what the new instances say of themselves, before they answer anything; raising refuses them."""


class Engine:
    """Runs releases. Use it as an asynchronous context manager: leaving it drains and stops everything.

    ``state`` is the folder for environments and data (None: a temporary one). ``output(plugin, line)`` is told each
    line that a plugin prints.
    """

    def __init__(self, state: Path | None = None, *, output: Callable[[str, OutputLine], None] | None = None) -> None:
        self._temporary = None if state else tempfile.TemporaryDirectory(prefix="weft-")
        self.state = state or Path(self._temporary.name if self._temporary else "")
        self.environments = Environments(self.state / "environments")
        self._output = output or (lambda _plugin, _line: None)
        self._events = Events()
        self._plugins: dict[str, Plugin] = {}
        self._busy: set[str] = set()
        self._at_rest = asyncio.Event()
        self._at_rest.set()
        self._closing = False
        self._drains: set[asyncio.Task[None]] = set()
        self._runtimes: Mapping[str, Runtime] = {"process": ProcessRuntime()}

    async def __aenter__(self) -> Self:
        """Nothing runs yet."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Drain and stop everything, all plugins at once. Changes under way are waited for; new ones are refused."""
        self._closing = True
        await self._at_rest.wait()
        await asyncio.gather(*(self.stop(name) for name, plugin in self._plugins.items() if plugin.state != "stopped"))
        await asyncio.gather(*self._drains)
        if self._temporary is not None:
            await asyncio.to_thread(self._temporary.cleanup)

    @property
    def plugins(self) -> Mapping[str, Plugin]:
        """What is loaded, by name."""
        return MappingProxyType(self._plugins)

    def plugin(self, name: str) -> Plugin:
        """The plugin of that name. Raises UnknownPlugin, which lists what there is."""
        if name not in self._plugins:
            there = ", ".join(sorted(self._plugins)) or "none"
            raise UnknownPlugin(f"there is no plugin {name!r} (loaded: {there})")
        return self._plugins[name]

    def events(self) -> AsyncIterator[Event]:
        """What happens from now on."""
        return self._events.stream()

    def listen(self, listener: Callable[[Event], None]) -> None:
        """Call ``listener`` with every event, at once; it must not block."""
        self._events.listen(listener)

    async def prepare(
        self,
        manifest: Manifest,
        folder: Path,
        *,
        digest: str,
        number: int = 1,
        config: Mapping[str, Any] | None = None,
        env: Mapping[str, str] | None = None,
        progress: Progress = lambda _line: None,
    ) -> Release:
        """Make the environment of a plugin, beside whatever runs.

        Raises EnvironmentFailed, NotInThisVersion, and UsageError when the plugin requires another engine.
        """
        self._runtime(manifest)
        check_host(manifest)
        environment = await self.environments.prepare(manifest.requires, plugin=manifest.name, progress=progress)
        return Release(
            manifest=manifest,
            folder=folder,
            digest=digest,
            environment=environment,
            data_dir=self.state / "data" / manifest.name,
            number=number,
            config=config or {},
            env=env or {},
        )

    async def collect(self, *, idle: float) -> list[str]:
        """Remove environments that no loaded plugin uses and that were not asked for within ``idle`` seconds."""
        in_use = {each.environment.digest for plugin in self._plugins.values() for each in plugin.releases}
        return await asyncio.to_thread(self.environments.collect, in_use, idle=idle)

    def _runtime(self, manifest: Manifest) -> Runtime:
        if manifest.runtime not in self._runtimes:
            raise NotInThisVersion(f"plugin {manifest.name}: runtime {manifest.runtime}: not in this version")
        return self._runtimes[manifest.runtime]

    async def run(
        self, release: Release, *, commit: Commit | None = None, swap: Callable[[], None] | None = None
    ) -> Plugin:
        """Start ``release`` beside what runs, check it, and let it take over.

        ``commit`` is awaited when the new instances are ready; if it raises they are stopped and the old ones go on.
        Then, in one turn of the event loop, ``swap()`` is called and the new instances answer every new call, while
        the old ones drain. Raises Conflict when the plugin is being changed already, StartFailed and whatever
        ``commit`` raises; what ran before has not noticed then.
        """
        name = release.manifest.name
        if self._closing:
            raise Unavailable(f"plugin {name} is not started: the engine is ending")
        with self._exclusive(name):
            plugin = self._plugins.get(name) or Plugin(release, self._reporter(name))
            crew = self._crew(plugin, release)
            if plugin.state == "loaded":
                plugin.enter("start")
            await self._start(crew, commit, swap)
            old = plugin.replace(crew)
            self._plugins[name] = plugin
            if old is not None:
                self._retire(plugin, old)
            self._events.emit(name, "running", f"{release.label} ({release.manifest.version}) answers")
            return plugin

    def _crew(self, plugin: Plugin, release: Release) -> Crew:
        name = release.manifest.name
        return Crew(
            release,
            self._runtime(release.manifest),
            lambda line: self._output(name, line),
            changed=plugin.crew_changed,
            report=self._reporter(name),
        )

    async def _start(self, crew: Crew, commit: Commit | None, swap: Callable[[], None] | None) -> None:
        self._events.emit(crew.release.manifest.name, "starting", f"{crew.release.label} starts")
        await crew.start()
        try:
            if commit is not None:
                await commit(crew.facts)
            if swap is not None:
                swap()
        except BaseException:
            await crew.stop()
            raise

    def _reporter(self, name: str) -> Callable[[str, str], None]:
        return lambda kind, message: self._events.emit(name, kind, message)

    @contextlib.contextmanager
    def _exclusive(self, name: str) -> Iterator[None]:
        if name in self._busy:
            raise Conflict("plugin is already being updated", plugin=name)
        self._busy.add(name)
        self._at_rest.clear()
        try:
            yield
        finally:
            self._busy.discard(name)
            if not self._busy:
                self._at_rest.set()

    def _retire(self, plugin: Plugin, crew: Crew) -> asyncio.Task[None]:
        plugin.begin_drain(crew, MOST_DRAINING)
        task = asyncio.create_task(self._drain(plugin, crew))
        self._drains.add(task)
        task.add_done_callback(self._drains.discard)
        return task

    async def _drain(self, plugin: Plugin, crew: Crew) -> None:
        self._events.emit(plugin.name, "draining", f"{crew.release.label} finishes what it began")
        try:
            await crew.retire()
        finally:
            plugin.end_drain(crew)
        self._events.emit(plugin.name, "drained", f"{crew.release.label} has ended")

    async def stop(self, name: str) -> None:
        """Stop a plugin once its calls have drained; it stays loaded, in state ``stopped``. Nothing to do if it is."""
        plugin = self.plugin(name)
        with self._exclusive(name):
            if plugin.state == "stopped":
                return
            crew = plugin.withdraw()
            try:
                if crew is not None:
                    await asyncio.shield(self._retire(plugin, crew))
            finally:  # whoever stops waiting does not stop the drain
                plugin.enter("stopped")
            self._events.emit(name, "stopped", f"{name} is stopped")

    async def restart(self, name: str) -> Plugin:
        """Run the same release anew, beside the running instances, which then drain."""
        return await self.run(self.plugin(name).release)

    async def unload(self, name: str) -> None:
        """Stop a plugin and forget it."""
        await self.stop(name)
        self._plugins.pop(name, None)
        self._events.emit(name, "unloaded", f"{name} is gone")
