"""The engine's core: releases start, take over, drain and end. Every change of what runs goes through here."""

from __future__ import annotations

import asyncio
import dataclasses
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any, Self, get_args

from msgspec.structs import replace

from weft.engine import dependencies
from weft.engine.bound import Elsewhere
from weft.engine.changes import Changes
from weft.engine.components import Claims
from weft.engine.configuration import check_config, checked_env, effective
from weft.engine.contracts import Contracts
from weft.engine.crew import Crew
from weft.engine.drains import Drains
from weft.engine.events import Events
from weft.engine.files import Files
from weft.engine.moments import Moments
from weft.engine.peers import Peers
from weft.engine.plugin import Plugin
from weft.engine.release import Release
from weft.engine.requirements import check_host
from weft.engine.runtimes import Runtimes
from weft.engine.temporary import Temporary
from weft.engine.using import Using
from weft.errors import Conflict, Unavailable, UnknownPlugin, UsageError, WeftError
from weft.manifest import Manifest, Order
from weft.packages.environments import Environments
from weft.packages.programs import quiet
from weft.runtimes.launch import Facts, Launch
from weft.runtimes.process.runtime import ProcessRuntime
from weft.settings import BuildsMode, SandboxMode, SupervisionSettings
from weft.types import Event, OutputLine, Progress

MOST_FAILURES = 64
"""Failures that nobody waited for, kept until the engine ends; the latest."""
LIFECYCLE = "lifecycle@1"
DOWN = frozenset({"stopping", "stopped", "failed", "quarantined"})
"""States in which nothing may rely on a plugin."""

Commit = Callable[[Facts], Awaitable[None]]
"""Told what the new instances say of themselves, before they answer anything; raising refuses them."""


class Core:
    """Runs releases. Use it as an asynchronous context manager: leaving it drains and stops everything.

    ``state`` is the folder for environments and data (None: a temporary one). ``output(plugin, line)`` is told each
    line that a plugin prints. ``contracts``: those to negotiate with when a plugin is loaded (None: all that
    are declared in this interpreter). ``checked``: calls of inline plugins are checked as those of processes are.
    ``elsewhere``: see bound.Bound. ``supervision``: how instances are watched and started again. ``sandbox``:
    ``required`` starts no plugin where this machine cannot enforce all of its permissions and limits. ``builds``: what
    becomes of packages that come as source. Raises UsageError for another word. ``sockets``: see engine.Engine.
    """

    def __init__(
        self,
        state: Path | None = None,
        *,
        contracts: Iterable[Callable[..., Any]] | None = None,
        output: Callable[[str, OutputLine], None] | None = None,
        checked: bool = False,
        elsewhere: Elsewhere | None = None,
        sandbox: SandboxMode = "best-effort",
        builds: BuildsMode = "confined",
        supervision: SupervisionSettings | None = None,
        sockets: Iterable[Path] = (),
    ) -> None:
        if sandbox not in get_args(SandboxMode):
            raise UsageError(f"sandbox is {' or '.join(get_args(SandboxMode))}, not {sandbox!r}")
        if builds not in get_args(BuildsMode):
            raise UsageError(f"builds is {' or '.join(get_args(BuildsMode))}, not {builds!r}")
        self._temporary = None if state else Temporary()
        self.state = state or Path(self._temporary.path if self._temporary else "")
        self._process = ProcessRuntime()
        builder = self._process.builder(sandbox) if builds == "confined" else builds
        self.environments = Environments(self.state / "environments", builder=builder)
        self._output = output or (lambda _plugin, _line: None)
        self._events = Events()
        self._plugins: dict[str, Plugin] = {}
        self._contracts = Contracts(contracts)
        self._checked = checked
        self._sandbox: SandboxMode = sandbox
        self._sockets = tuple(sockets)
        self._supervision = supervision or SupervisionSettings()
        self._using = Using(self._plugins, self._contracts, self._events.emit, elsewhere)
        self._changes = Changes()
        self._claims = Claims(self._plugins)
        self.moments = Moments(self.emit, self._tell_plugins)
        self.files = Files(self.state / "loaded")
        self._closing = False
        self._drains = Drains(self.emit, self.failed, self.tidy)
        self._failures: deque[BaseException] = deque(maxlen=MOST_FAILURES)
        self._runtimes = Runtimes(self.environments, self._process)

    async def __aenter__(self) -> Self:
        """Nothing runs yet."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Drain and stop everything at once, each before what it requires.

        Changes under way are waited for, new ones refused. Raises what failed on the way and nobody waited for, as an
        ExceptionGroup where it is more than one.
        """
        self._closing = True
        await self._changes.rest()
        ends = await self._stop_all()
        await self._drains.all_over()
        await self._runtimes.close()
        await self.files.close()
        if self._temporary is not None:
            await asyncio.to_thread(self._temporary.remove)
        self._raise_failures([each for each in ends if isinstance(each, BaseException)])

    @property
    def plugins(self) -> Mapping[str, Plugin]:
        """What is loaded, by name."""
        return MappingProxyType(self._plugins)

    @property
    def manifests(self) -> dict[str, Manifest]:
        """Of what is loaded and not stopped nor given up, by name."""
        return {name: each.manifest for name, each in self._plugins.items() if each.state not in DOWN}

    def plugin(self, name: str) -> Plugin:
        """The plugin of that name. Raises UnknownPlugin, which lists what there is."""
        if name not in self._plugins:
            there = ", ".join(sorted(self._plugins)) or "none"
            raise UnknownPlugin(f"there is no plugin {name!r} (loaded: {there})")
        return self._plugins[name]

    def events(self) -> AsyncIterator[Event]:
        """What happens from now on. A slow consumer misses the oldest."""
        return self._events.stream()

    def listen(self, listener: Callable[[Event], None]) -> None:
        """Call ``listener`` with every event, at once; it must not block."""
        self._events.listen(listener)

    def emit(self, plugin: str, kind: str, message: str, **data: Any) -> None:
        """Tell everybody that follows ``events`` or listens."""
        self._events.emit(plugin, kind, message, **data)

    # --- releases ---------------------------------------------------------------------------------------------------

    async def prepare(
        self,
        manifest: Manifest,
        folder: Path,
        *,
        digest: str,
        number: int = 1,
        config: Mapping[str, Any] | None = None,
        env: Mapping[str, str] | None = None,
        order: Order | None = None,
        progress: Progress = quiet,
    ) -> Release:
        """Check the settings of a plugin and make its environment, beside whatever runs.

        Raises EnvironmentFailed, NotInThisVersion, and UsageError for its configuration, or when it requires another
        engine.
        """
        self._runtimes.of(manifest)
        check_host(manifest)
        await check_config(manifest, effective(manifest, config or {}), self.environments, progress)
        return Release(
            manifest=replace(manifest, order=order or manifest.order),
            folder=folder,
            digest=digest,
            environment=await self._runtimes.environment(manifest, progress),
            data_dir=self.state / "data" / manifest.name,
            number=number,
            config=config or {},
            env=checked_env(env or {}),
            order=order,
        )

    async def collect(self, *, idle: float) -> list[str]:
        """Remove environments that no loaded plugin uses and that were not asked for within ``idle`` seconds."""
        releases = (each for plugin in self._plugins.values() for each in plugin.releases)
        in_use = {each.environment.digest for each in releases if each.environment is not None}
        return await asyncio.to_thread(self.environments.collect, in_use, idle=idle)

    async def tidy(self) -> None:
        """Remove the copied files that no release needs. What fails is told as an event, and tried again later."""
        try:
            await self.files.collect(
                lambda: {each.digest for plugin in self._plugins.values() for each in plugin.releases}
            )
        except WeftError as error:
            self.emit("", "files_left", str(error))

    async def run(
        self,
        release: Release,
        *,
        commit: Commit | None = None,
        swap: Callable[[], None] | None = None,
        new: bool | None = None,
    ) -> Plugin:
        """Start ``release`` beside what runs, check it, and let it take over.

        ``commit`` is awaited when the new instances are ready; if it raises they are stopped and the old ones go on.
        Then, in one turn of the event loop, ``swap()`` is called and the new instances answer every new call, while
        the old ones drain. ``new``: whether there must be no plugin of its name, or one; None for either.

        Raises Conflict when the plugin is being changed already, or registers what another has, UsageError for
        required plugins that are not there,
        Refused when others require another version, StartFailed and whatever ``commit`` raises; what ran before has
        not noticed then.
        """
        manifest = release.manifest
        name = manifest.name
        if self._closing:
            raise Unavailable(f"plugin {name} is not started: the engine is ending")
        with self._changes.exclusive(name, manifest):
            self._check_place(manifest, new=new)
            plugin = self._plugins.get(name) or Plugin(release, self._using.follow)
            crew = self._crew(plugin, release)
            change = "upgrade" if name in self._plugins else "load"
            await self.moments.come(f"before_{change}", name, manifest.version)
            if plugin.state == "loaded":
                plugin.enter("start")
            await self._start(crew, commit, swap)
            self._plugins[name] = plugin
            old = plugin.replace(crew)
            if old is not None:
                self._drains.begin(plugin, old)
            self.emit(name, "running", f"{release.label} ({release.manifest.version}) answers")
            await self.moments.come(f"after_{change}", name, manifest.version)
            return plugin

    def _check_place(self, manifest: Manifest, *, new: bool | None) -> None:
        """Whether it may start among the others as they are, and as they are about to be."""
        name = manifest.name
        if new and name in self._plugins:
            raise Conflict(f"there is a plugin {name} already", plugin=name)
        if new is False:
            self.plugin(name)
        expected = self._changes.expected(self.manifests)
        dependencies.check_cycle(name, expected)
        dependencies.check_requirements(manifest, self._changes.left(self.manifests))
        dependencies.check_requirements(manifest, expected)
        dependencies.check_dependents(manifest, expected)

    def _crew(self, plugin: Plugin, release: Release) -> Crew:
        name = release.manifest.name

        def tell(line: OutputLine) -> None:
            plugin.recent.add(line)
            self._output(name, line)

        return Crew(
            release,
            self._runtimes.of(release.manifest),
            tell,
            changed=plugin.crew_changed,
            report=self._reporter(name),
            equip=self._equip(release.manifest),
            policy=self._supervision,
        )

    def _equip(self, manifest: Manifest) -> Callable[[Launch], Launch]:
        """What each instance of a plugin is started with besides its release: how it finds others, and they it."""

        def equip(launch: Launch) -> Launch:
            peers = Peers(manifest, self._plugins, self._using)
            contracts = self._contracts.for_plugin(manifest)
            return dataclasses.replace(
                launch,
                contracts=contracts,
                peers=peers.methods,
                use=peers.use,
                checked=self._checked,
                report=self._reporter(manifest.name),
                sandbox=self._sandbox,
                sockets=self._sockets,
            )

        return equip

    async def _start(self, crew: Crew, commit: Commit | None, swap: Callable[[], None] | None) -> None:
        manifest = crew.release.manifest
        await self.moments.come("before_start", manifest.name, manifest.version)
        self.emit(manifest.name, "starting", f"{crew.release.label} starts")
        await crew.start()
        try:
            await self.moments.come("after_start", manifest.name, manifest.version)
            with self._claims.claimed(manifest.name, crew.facts.provides):
                if commit is not None:
                    await commit(crew.facts)
                if swap is not None:
                    swap()
        except BaseException:
            await crew.stop()
            raise

    async def _tell_plugins(self, moment: str, plugin: str, version: str) -> None:
        if any(LIFECYCLE in each.provides for each in self._plugins.values()):
            from weft.contracts.lifecycle import Lifecycle  # noqa: PLC0415 - declared, every plugin is asked for it

            await self._using.hooks(Lifecycle).moment(moment, plugin, version)

    def _reporter(self, name: str) -> Callable[..., None]:
        return partial(self.emit, name)

    # --- the end ----------------------------------------------------------------------------------------------------

    async def stop(self, name: str) -> None:
        """Stop a plugin once its calls have drained; it stays loaded, in state ``stopped``. Nothing to do if it is."""
        plugin = self.plugin(name)
        with self._changes.exclusive(name):
            if plugin.state == "stopped":
                return
            crew = plugin.withdraw()
            try:
                if crew is not None:
                    await asyncio.shield(self._drains.begin(plugin, crew, for_good=True))
            finally:  # whoever stops waiting does not stop the drain
                plugin.enter("stopped")
            self.emit(name, "stopped", f"{name} is stopped")

    async def restart(self, name: str) -> Plugin:
        """Run the same release anew, beside the running instances, which then drain."""
        return await self.run(self.plugin(name).release)

    async def unload(self, name: str) -> None:
        """Stop a plugin and forget it. Raises Refused, naming them, when plugins that run require it."""
        self.plugin(name)
        dependencies.check_unused(name, self._changes.expected(self.manifests))
        version = self.plugin(name).version
        await self.moments.come("before_unload", name, version)
        await self.stop(name)
        self._using.forget(self._plugins.pop(name))
        self.emit(name, "unloaded", f"{name} is gone")
        await self.moments.come("after_unload", name, version)
        await self.tidy()

    async def _stop_all(self) -> list[BaseException | None]:
        """Stop every plugin after those that require it; what came of each."""
        manifests = {name: each.manifest for name, each in self._plugins.items()}
        stops: dict[str, asyncio.Task[None]] = {}
        for name in reversed(dependencies.in_start_order(manifests)):
            before = [stops[each] for each in dependencies.dependents(name, manifests)]
            stops[name] = asyncio.create_task(self._stop_after(before, name))
        return await asyncio.gather(*stops.values(), return_exceptions=True)

    async def _stop_after(self, before: list[asyncio.Task[None]], name: str) -> None:
        if before:
            await asyncio.wait(before)
        await self.stop(name)

    def failed(self, plugin: str, kind: str, error: BaseException) -> None:
        """Something failed that nobody waits for: it is told as an event, and raised when the engine ends."""
        self.emit(plugin, kind, str(error))
        self._failures.append(error)

    def _raise_failures(self, ends: list[BaseException]) -> None:
        failures = [*self._failures, *(each for each in ends if each not in self._failures)]
        if len(failures) == 1:
            raise failures[0]
        if failures:
            raise BaseExceptionGroup("the engine ended, and this failed on the way", failures)
