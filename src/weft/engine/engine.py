"""The engine: what a host does with plugins, by the names and paths that people know."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from weft.engine.bound import Elsewhere
from weft.engine.core import Core
from weft.engine.fetching import fetched
from weft.engine.given import given_by_name, given_to_one
from weft.engine.intake import Intake
from weft.engine.moments import Callback, Moment
from weft.engine.plugin import Plugin
from weft.engine.returning import Returning
from weft.errors import UsageError
from weft.manifest import Order
from weft.manifest.installed import GROUP
from weft.manifest.model import Rollback
from weft.packages.download import is_address
from weft.packages.programs import quiet
from weft.settings import BuildsMode, SandboxMode, SupervisionSettings
from weft.types import OutputLine, Progress

C = TypeVar("C")


class Engine(Core):
    """Runs plugins. Use it as an asynchronous context manager: leaving it drains and stops everything.

    ``state`` is the folder for environments and data (None: a temporary one). ``output(plugin, line)`` is told each
    line that a plugin prints. ``contracts``: those to negotiate with when a plugin is loaded (None: all that
    are declared in this interpreter). ``checked``: calls of inline plugins are checked as those of processes are.
    ``sandbox``: ``required`` starts no plugin where this machine cannot enforce all of its permissions and limits.
    ``builds``: what becomes of packages that come as source: ``confined``, ``refused`` or ``unconfined``.
    ``supervision``: how instances are watched and started again. ``sockets``: paths of Unix sockets that plugins may
    see wherever they lie, since whoever listens there looks at who comes.
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
        super().__init__(
            state,
            contracts=contracts,
            output=output,
            checked=checked,
            elsewhere=elsewhere,
            sandbox=sandbox,
            builds=builds,
            supervision=supervision,
            sockets=sockets,
        )
        self._intake = Intake(self, self.files)
        self._returning = Returning(self)

    async def __aexit__(self, *error: object) -> None:
        """Drain and stop everything: see Core. Loads under way are given up, folders no longer followed."""
        try:
            await self._returning.close()
            await self._intake.close()
        finally:
            await super().__aexit__(*error)

    def use(self, contract: Callable[..., C], name: str | None = None) -> C:
        """The plugin or component ``name``, or the only one that provides ``contract``, as an object with its methods.

        It stays right over upgrades: calls under way finish where they began. Raises UsageError when there is not one
        such plugin, ContractMismatch when it does not provide the contract, and ContractError when a method that the
        contract declares with ``def`` would have to wait.
        """
        return self._using.use(contract, name)

    def all(self, contract: Callable[..., C]) -> dict[str, C]:
        """Every plugin that provides ``contract`` by its name, every component by its id: see ``use``."""
        return self._using.all(contract)

    def hooks(self, contract: Callable[..., Any]) -> Any:
        """One object for all providers: each hook of ``contract`` is a method that calls them by its mode.

        Providers come and go as plugins do. A method of the contract that is no hook is a UsageError.
        """
        return self._using.hooks(contract)

    def at(self, moment: Moment, callback: Callback) -> None:
        """Call ``callback(name, version)`` at that moment of every plugin's life from now on.

        ``before_`` and ``after_`` ``load``, ``start`` (of its instances), ``upgrade`` and ``unload``. What a callback
        raises before something refuses it (Refused); after it, it is an event ``hook_failed``. Each has 30 seconds;
        ``def`` runs in a thread. Raises UsageError for another moment.
        """
        self.moments.add(moment, callback)

    async def load(
        self,
        source: str | Path,
        *,
        name: str | None = None,
        config: Mapping[str, Any] | None = None,
        env: Mapping[str, Any] | None = None,
        order: Order | Mapping[str, Order] | None = None,
        watch: bool = False,
        progress: Progress = quiet,
    ) -> tuple[Plugin, ...]:
        """Load one plugin (a file, a folder, an archive), or each plugin in a folder, and start them.

        A file may lie elsewhere, ``https://…/NAME.plg#sha256=HEX``: it is fetched and compared with its checksum.
        What runs is a copy: later changes of the files change nothing, unless ``watch`` is set; then a new plugin is
        loaded, a changed one upgraded, one that is gone unloaded, until the engine ends. ``name`` takes the place of
        the plugin's own. ``config`` (over the manifest's), ``env`` and ``order`` are kept over upgrades; those for a
        folder go by name: ``config={"shop": {"currency": "EUR"}}``. ``progress`` is told how environments are built.

        Raises what is wrong with the plugin: ManifestError, PackageError, UsageError (configuration, required plugins),
        Conflict (its name is taken), EnvironmentFailed, StartFailed. Of a folder everything that can be loaded is, then
        LoadFailed tells of the rest; what is fetched from a repository holds up only what requires it. Nothing is left
        of a load that is cancelled.
        """
        if watch and is_address(source):
            raise UsageError(f"{source}: an address does not tell of changes: leave watch=True out")
        load = partial(
            self._intake.load, name=name, config=config, env=env, order=order, watch=watch, progress=progress
        )
        return await self._intake.carry(fetched(_located(source), load))

    async def load_installed(
        self,
        group: str = GROUP,
        *,
        config: Mapping[str, Mapping[str, Any]] | None = None,
        order: Mapping[str, Order] | None = None,
        progress: Progress = quiet,
    ) -> tuple[Plugin, ...]:
        """Load every plugin that is installed in this interpreter: the entry points of ``group``, run inline.

        ``config`` and ``order`` go by the plugins' names. Nothing is installed for them. Raises as ``load`` does of a
        folder.
        """
        given = given_by_name(f"the plugins of {group}", config=config, order=order)
        return await self._intake.carry(self._intake.load_installed(group, given, progress))

    async def upgrade(
        self,
        name: str,
        source: str | Path,
        *,
        config: Mapping[str, Any] | None = None,
        env: Mapping[str, str] | None = None,
        rollback: Rollback | None = None,
        progress: Progress = quiet,
    ) -> Plugin:
        """Let the plugin in ``source``, whatever it calls itself, answer in place of the plugin ``name``.

        It is started beside the old one, which then finishes what it began. ``config`` and ``env`` are added to what it
        was given before. ``rollback="auto"``: if it is quarantined before it has settled, the old one answers again
        (None: as its manifest says). The same files and settings are nothing to do. Raises as ``load`` does,
        UnknownPlugin, and Refused when others require a version that this is not; the old one has not noticed then.
        """
        given = given_to_one(config=config, env=env, rollback=rollback)
        upgrade = partial(self._intake.upgrade, name, given=given, progress=progress)
        return await self._intake.carry(fetched(_located(source), upgrade))


def _located(source: str | Path) -> str | Path:
    """An address as it is; a path so that it goes on to mean the same when the host changes its working directory."""
    return source if is_address(source) else Path(source).absolute()
