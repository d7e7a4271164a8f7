"""What users of an engine hold of its plugins, by contract: proxies, all providers, hooks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar
from weakref import WeakSet

from weft.calls.deadline import deadline
from weft.contracts.declare import contract_of
from weft.contracts.description import Contract
from weft.contracts.implementation import compare
from weft.engine.bound import Bound, Elsewhere
from weft.engine.components import Provider, providers_in
from weft.engine.contracts import Contracts
from weft.engine.plugin import Plugin
from weft.errors import ContractMismatch, UsageError, WeftError
from weft.hooks.registry import Hooks

C = TypeVar("C")
Emit = Callable[[str, str, str], None]


class Using:
    """The typed side of an engine. ``elsewhere``: see Bound."""

    def __init__(
        self, plugins: Mapping[str, Plugin], contracts: Contracts, emit: Emit, elsewhere: Elsewhere | None = None
    ) -> None:
        self._plugins = plugins
        self._contracts = contracts
        self._emit = emit
        self._elsewhere = elsewhere
        self._bound: dict[Plugin, dict[tuple[Callable[..., Any], str], Bound]] = {}
        self._peers: WeakSet[Bound] = WeakSet()
        self._hooks: dict[Callable[..., Any], _Hooked] = {}

    def use(self, cls: Callable[..., C], name: str | None = None) -> C:
        """See Engine.use."""
        provider = self.find(self._known(cls), name)
        made: Any = self.bind(cls, provider.contract, provider.plugin).proxy
        return made  # type: ignore[no-any-return]  # a proxy is a C by its shape

    def use_as_peer(self, cls: Callable[..., C], provider: Provider) -> C:
        """The same for another plugin, whose own idea of the contract changes nothing for the others."""
        self.check_peer(provider)
        bound = Bound(cls, provider.contract, provider.plugin, self._elsewhere)
        self._peers.add(bound)  # held by the plugin that uses it, whose class it is
        made: Any = bound.proxy
        return made  # type: ignore[no-any-return]  # a proxy is a C by its shape

    def check_peer(self, provider: Provider) -> None:
        """Whether it provides the contract as another plugin knows it. Raises ContractMismatch."""
        _, plugin, contract = provider
        self._check_provides(contract, plugin)
        known = plugin.known(contract.key)
        problems = compare(contract, known) if known is not None else []
        if problems:
            raise _mismatch(
                plugin, f"it does not provide {contract.key}:" + "".join(f"\n  {each}" for each in problems)
            )

    def all(self, cls: Callable[..., C]) -> dict[str, C]:
        """See Engine.all."""
        contract = self._known(cls)
        return {each.name: self.use(cls, each.name) for each in self.providers(contract)}

    def hooks(self, cls: Callable[..., Any]) -> Any:
        """See Engine.hooks."""
        contract = self._known(cls)
        hooked = self._hooks.get(cls)
        if hooked is None:
            hooked = _Hooked(cls, contract, self)
            for plugin in self._plugins.values():
                hooked.follow(plugin)
            self._hooks[cls] = hooked
        return hooked.hooks.chains

    @property
    def waits(self) -> bool:
        """Whether its users have no event loop, and wait elsewhere."""
        return self._elsewhere is not None

    def follow(self, plugin: Plugin) -> None:
        """The plugin has other instances, or another release, or none."""
        peers = [bound for bound in self._peers if bound.plugin is plugin]
        for bound in (*self._bound.get(plugin, {}).values(), *peers):
            self._guarded(plugin, bound.refresh)
        for hooked in self._hooks.values():
            self._guarded(plugin, partial(hooked.follow, plugin))

    def forget(self, plugin: Plugin) -> None:
        """The plugin is gone for good; what users still hold of it says so."""
        self._bound.pop(plugin, None)

    def report(self, contract: Contract, method: str, provider: str, error: Exception) -> None:
        """A provider of a hook failed and was left out."""
        self._emit(provider, "hook_failed", f"{contract.key}.{method}: {error}")

    def _guarded(self, plugin: Plugin, follow: Callable[[], None]) -> None:
        try:
            follow()
        except WeftError as error:
            self._emit(plugin.name, "contract_failed", str(error))

    def _known(self, cls: Callable[..., Any]) -> Contract:
        contract = contract_of(cls)
        self._contracts.take(contract)
        return contract

    def bind(self, cls: Callable[..., Any], contract: Contract, plugin: Plugin) -> Bound:
        """The plugin's side of a contract. Raises ContractMismatch where it does not provide it."""
        self._check_provides(contract, plugin)
        plugin.bind(contract)
        held, place = self._bound.setdefault(plugin, {}), (cls, contract.key)
        if place not in held:
            held[place] = Bound(cls, contract, plugin, self._elsewhere)
        return held[place]

    @staticmethod
    def _check_provides(contract: Contract, plugin: Plugin) -> None:
        if contract.key not in plugin.provides:
            raise _mismatch(plugin, f"it does not provide {contract.key} (it provides {_provided(plugin)})")

    def find(self, contract: Contract, name: str | None) -> Provider:
        """Who provides it: the plugin or the component of that name; without one, the only one. Raises UsageError."""
        providers = self.providers(contract)
        if name is not None:
            return self._named(contract, name, providers)
        if len(providers) == 1:
            return providers[0]
        if providers:
            names = ", ".join(each.name for each in providers)
            raise UsageError(f"{len(providers)} plugins provide {contract.key}: name one of {names}")
        raise UsageError(f"no plugin provides {contract.key} (loaded: {self._overview()})")

    def _named(self, contract: Contract, name: str, providers: Sequence[Provider]) -> Provider:
        found = [each for each in providers if each.name == name]
        found = found or [each for each in providers if each.plugin.name == name]
        if len(found) == 1:
            return found[0]
        if found:
            names = ", ".join(each.name for each in found)
            raise UsageError(f"plugin {name} has {len(found)} components of {contract.key}: name one of {names}")
        if name not in self._plugins:
            raise UsageError(f"there is no plugin {name!r} (loaded: {self._overview()})")
        return Provider(name, self._plugins[name], contract)

    def _overview(self) -> str:
        each = (f"{name}, which provides {_provided(plugin)}" for name, plugin in self._plugins.items())
        return "; ".join(each) or "none"

    def providers(self, contract: Contract) -> list[Provider]:
        """Everybody who provides the contract now."""
        return [each for plugin in self._plugins.values() for each in providers_in(plugin, contract)]


def _provided(plugin: Plugin) -> str:
    return ", ".join(plugin.provides) or f"nothing, and is {plugin.state}"


def _mismatch(plugin: Plugin, message: str) -> ContractMismatch:
    return ContractMismatch(message, plugin=plugin.name, version=plugin.version)


class _Hooked:
    """The hooks of one contract, and who takes part in them."""

    def __init__(self, cls: Callable[..., Any], contract: Contract, using: Using) -> None:
        self._cls = cls
        self._contract = contract
        self._using = using
        hooks = [method for method in contract.methods.values() if method.hook is not None]
        self._names = {method.name for method in hooks}
        self._taking_part: dict[str, set[str]] = {}
        asynchronous = not hooks or any(method.asynchronous for method in hooks)
        self._deadlines: dict[str, float] = {}
        if using.waits and not asynchronous:
            contract, self._deadlines = _without_deadlines(contract)
        self.hooks = Hooks(
            contract,
            asynchronous=asynchronous,
            report=lambda method, provider, error: using.report(contract, method, provider, error),
        )

    def follow(self, plugin: Plugin) -> None:
        """Take the plugin in, in another form, or out."""
        if not plugin.over and not plugin.instances:
            return  # others are being started
        found = {each.name: each for each in providers_in(plugin, self._contract)}
        before = self._taking_part.get(plugin.name, set())
        for name in before - found.keys():
            self.hooks.remove(name)
        self._taking_part[plugin.name] = before & found.keys()
        for provider in found.values():
            self._put(provider)

    def _put(self, provider: Provider) -> None:
        name, plugin, contract = provider
        bound = self._using.bind(self._cls, contract, plugin)
        wrappers = bound.wrappers()
        calls = {name: bound.hook(name) for name in self._names & bound.provided() if name not in wrappers} | wrappers
        calls = {name: _within(self._deadlines.get(name), call) for name, call in calls.items()}
        taking_part = self._taking_part[plugin.name]
        put = self.hooks.replace if name in taking_part else self.hooks.add
        put(name, calls, plugin.manifest.order, wrappers=wrappers)
        taking_part.add(name)


def _without_deadlines(contract: Contract) -> tuple[Contract, dict[str, float]]:
    """The contract for chains that have no clock, and the seconds that each of its hooks gives a provider."""
    methods, deadlines = {}, {}
    for name, method in contract.methods.items():
        if method.hook is not None and method.hook.deadline is not None:
            deadlines[name] = method.hook.deadline
            method = replace(method, hook=replace(method.hook, deadline=None))  # noqa: PLW2901
        methods[name] = method
    return replace(contract, methods=methods), deadlines


def _within(seconds: float | None, call: Callable[..., Any]) -> Callable[..., Any]:
    """``call``, whose calls of other processes have so many seconds."""
    if seconds is None:
        return call

    def within(*args: Any, **kwargs: Any) -> Any:
        with deadline(seconds):
            return call(*args, **kwargs)

    return within
