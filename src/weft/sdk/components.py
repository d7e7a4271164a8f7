"""Components: what a plugin's initializer registers, each under an id, as Stockpile has it.

``InitializePlugin(ctx)``, or ``initialize_plugin``, may be ``def`` or ``async def``. What it raises, and an exception
that it returns, refuse the start. Once it has returned, the factories are called with the plugin's configuration; when
every component fits its contract, all are provided, and else none.
"""

from __future__ import annotations

import contextlib
import inspect
from dataclasses import replace
from typing import Any, Callable, Dict, List, Mapping, NamedTuple, Sequence, Tuple

from weft.calls.threads import Threads
from weft.contracts.declare import contract_of
from weft.contracts.description import Contract
from weft.contracts.mismatch import show
from weft.contracts.names import CONTRACT, ID, component_key, split_key
from weft.errors import ContractMismatch, StartFailed
from weft.sdk.plugin_context import Context
from weft.sdk.provider import ENDS, ContractProvider

_FAILURES = (Exception, SystemExit, KeyboardInterrupt)
"""What code of a plugin may raise; the last two would end the host of an inline one."""


class Registration(NamedTuple):
    """One component, not made yet. ``key``: its contract's; ``ids``: its own, and its aliases."""

    key: str
    ids: Tuple[str, ...]
    factory: Callable[[Any], Any]


class Registry(Context):
    """The plugin's context, which its initializer registers components with."""

    def __init__(self, context: Context) -> None:
        self.__dict__.update(context.__dict__)
        self.registered: List[Registration] = []
        self.over = False

    def register(
        self, contract: Any, identity: str, factory: Callable[[Any], Any], *, aliases: Sequence[str] = ()
    ) -> None:
        """Register a component of ``contract`` (its name, ``name@major``, or a class) under an id, and ``aliases``.

        ``factory(config)`` gives the object, whose methods are the contract's; it may be a class, or ``async def``.
        The object's ``stop()``, or ``close()``, is called at the end. Raises StartFailed.
        """
        if self.over:
            raise StartFailed(f"component {show(identity)} is registered too late: its initializer has returned")
        key, ids = _key(contract), (identity, *([aliases] if isinstance(aliases, str) else aliases))
        known = {each for registration in self.registered if registration.key == key for each in registration.ids}
        for each in ids:
            if not ID.fullmatch(str(each)):
                raise StartFailed(f"{show(each)} is no id: use letters, digits, '_', '-' and '.'")
            if each in known or ids.count(each) > 1:
                raise StartFailed(f"it registers two components of {key} as {each!r}: give one another id")
        if not callable(factory):
            raise StartFailed(
                f"component {identity!r} of {key}: its factory is {show(factory)}, expected a function of the "
                "configuration, or a class"
            )
        self.registered.append(Registration(key, ids, factory))

    def register_storage_backend(
        self, identity: str, factory: Callable[[Any], Any], *, aliases: Sequence[str] = ()
    ) -> None:
        """Register a component of the contract ``storage``: see ``register``."""
        self.register("storage", identity, factory, aliases=aliases)

    RegisterStorageBackend = register_storage_backend


class ComponentsProvider:
    """Provides what an initializer registers: see ``ContractProvider``, of which each component has one."""

    def __init__(self, context: Context, known: Sequence[Contract], threads: Threads, *, wrappers: bool) -> None:
        self._context = context
        self._known = known
        self.threads = threads
        self._wrappers = wrappers
        self._made: List[ContractProvider] = []
        self._providers: Dict[str, ContractProvider] = {}
        self.implementations: Dict[str, Any] = {}
        self.methods: Dict[str, Any] = {}

    async def start(self, name: str, initialize: Any, wanted: Sequence[str]) -> None:
        """Initialize, make and provide. ``name`` is the initializer's; ``wanted`` is what the manifest names.

        Raises StartFailed, and ends what was made by then.
        """
        _check_initializer(name, initialize)
        try:
            for each in await self._registered(name, initialize, wanted):
                await self._make(each)
        except BaseException:
            await self.stop()
            raise

    async def _registered(self, name: str, initialize: Any, wanted: Sequence[str]) -> List[Registration]:
        registry = Registry(self._context)
        try:
            returned = await _result(initialize(registry))
        except StartFailed:
            raise
        except _FAILURES as error:
            raise StartFailed(f"{name} raised {_told(error)}") from error
        registry.over = True
        if returned is not None:
            raise StartFailed(f"{name} returned {_told(returned)}: expected None, once all is registered")
        lacking = [key for key in wanted if key not in {each.key for each in registry.registered}]
        if lacking:
            raise StartFailed(f"its manifest says that it provides {', '.join(lacking)}; {name} registers none of it")
        return registry.registered

    async def _make(self, registration: Registration) -> None:
        key, (identity, *_), factory = registration
        where = f"component {identity!r} of {key}"
        try:
            made = await _result(factory(self._context.config))
            provider = ContractProvider(made, self._context, self._known, self.threads, wrappers=self._wrappers)
            self._made.append(provider)
            provider.provide([key])
        except ContractMismatch as mismatch:
            raise ContractMismatch(f"{where}: {mismatch.message}") from mismatch
        except _FAILURES as error:
            raise StartFailed(f"{where}: its factory raised {_told(error)}") from error
        for each in registration.ids:
            self._provide(component_key(key, each), provider)

    def _provide(self, key: str, provider: ContractProvider) -> None:
        plain, _ = split_key(key)
        self._providers[key] = provider
        self.implementations[key] = provider.implementations[plain]
        name = key.rpartition("@")[0]
        self.methods.update({f"{name}.{each.rpartition('.')[2]}": call for each, call in provider.methods.items()})

    def bind(self, contract: Contract) -> Mapping[str, Any]:
        """See ContractProvider: of a component's contract."""
        plain, identity = split_key(contract.key)
        provider = self._providers.get(contract.key)
        if provider is None:
            raise ContractMismatch(f"it has no component {identity!r} of {plain}")
        constants = provider.bind(replace(contract, name=plain.partition("@")[0]))
        self._provide(contract.key, provider)
        return constants

    def facts(self) -> Dict[str, Any]:
        """See ContractProvider."""
        facts: Dict[str, Any] = {"provides": list(self._providers), "described": {}, "constants": {}}
        for key, provider in self._providers.items():
            (plain, identity), its = split_key(key), provider.facts()
            described = its["described"][plain]
            facts["described"][key] = {**described, "contract": f"{described['contract']}#{identity}"}
            facts["constants"][key] = its["constants"][plain]
        return {**facts, "missing": self.missing()}

    def missing(self) -> Dict[str, List[str]]:
        """See ContractProvider."""
        return {key: list(each.missing) for key, each in self.implementations.items()}

    async def stop(self) -> None:
        """Let every component stop, the last one first, then end what still runs. Raises the first failure."""
        made, self._made = self._made, []
        async with contextlib.AsyncExitStack() as stack:
            for provider in made:
                stack.push_async_callback(provider.close)
            for provider in made:
                stack.push_async_callback(provider.end, ENDS)


def _key(contract: Any) -> str:
    """``name@major``."""
    if not isinstance(contract, str):
        return contract_of(contract).key
    name, _, major = contract.partition("@")
    if not CONTRACT.fullmatch(name) or not (major or "1").isdecimal():
        raise StartFailed(f"{show(contract)} is no contract: write name or name@major, or give the class")
    if name == "web":
        raise StartFailed("web pages are no component: give the plugin an entry that is the application")
    return f"{name}@{major or 1}"


def _check_initializer(name: str, initialize: Any) -> None:
    expected = f"expected a function {name.rpartition(':')[2]}(ctx)"
    if not callable(initialize):
        raise StartFailed(f"{name} is {show(initialize)}, of type {type(initialize).__name__}: {expected}")
    with contextlib.suppress(ValueError):  # a builtin does not say what it takes
        try:
            inspect.signature(initialize).bind(None)
        except TypeError:
            found = f"{name.rpartition(':')[2]}{inspect.signature(initialize)}"
            raise StartFailed(f"{name} is {found}: {expected}") from None


async def _result(returned: Any) -> Any:
    return await returned if inspect.isawaitable(returned) else returned


def _told(value: Any) -> str:
    if isinstance(value, BaseException):
        return f"{type(value).__name__}: {value}" if str(value) else type(value).__name__
    return show(value)
