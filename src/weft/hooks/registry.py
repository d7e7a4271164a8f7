"""The providers of one contract's hooks, and the object that calls them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from threading import Lock
from typing import Any

from weft.errors import UnknownHook, UsageError
from weft.hooks.chain import compile_chain
from weft.hooks.hook import Contract, Hook, Implementation
from weft.hooks.order import Order, Place, arrange
from weft.hooks.signature import arguments, define

Report = Callable[[str, str, Exception], None]
"""Told of an implementation that failed and was left out: the hook's method, the provider, and the error."""


class Chains:
    """Every hook of a contract as an attribute: ``chains.render(page)`` calls its providers.

    The functions stay valid: one that is kept calls the providers that there are when it is called. Another attribute
    raises UnknownHook, which is a UsageError and an AttributeError.
    """

    def __init__(self, contract: Contract, functions: Mapping[str, Callable[..., Any]]) -> None:
        self.__contract = contract
        self.__dict__.update(functions)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        raise _unknown(self.__contract, name)

    def __dir__(self) -> list[str]:
        return list(_hooks_of(self.__contract))

    def __repr__(self) -> str:
        return f"<hooks of {self.__contract.key}: {', '.join(_hooks_of(self.__contract)) or 'none'}>"


class Hooks:
    """Registers providers for the hooks of ``contract``; ``chains`` calls them.

    Each change is checked as a whole before anything is changed, and then swaps in the chains that it concerns: a call
    under way goes on with the chain that it began with. Changes and calls may come from several threads.
    """

    def __init__(self, contract: Contract, *, asynchronous: bool, report: Report) -> None:
        self._contract = contract
        self._asynchronous = asynchronous
        self._report = report
        self._providers: dict[str, _Provider] = {}
        self._changing = Lock()
        self._doors = {name: _Door(hook) for name, hook in _hooks_of(contract).items()}
        self._swap(self._compiled({}, self._doors))
        self.chains: Any = Chains(contract, {name: door.function for name, door in self._doors.items()})

    @property
    def providers(self) -> tuple[str, ...]:
        """The names of the providers, in load order."""
        return tuple(self._providers)

    def add(
        self,
        name: str,
        implementations: Mapping[str, Callable[..., Any]],
        order: Order | None = None,
        *,
        wrappers: Collection[str] = (),
    ) -> None:
        """Register a provider with a function for each method that it has; ``wrappers`` names those that are wrappers.

        Methods of the contract that are no hooks are passed over. Raises UsageError where the name is taken, the
        order is circular, or a chain cannot call one of the functions; nothing has changed then.
        """
        with self._changing:
            if name in self._providers:
                raise UsageError(f"plugin {name} is among the hooks of {self._contract.key} already: replace it")
            self._put(name, implementations, order, wrappers)

    def replace(
        self,
        name: str,
        implementations: Mapping[str, Callable[..., Any]],
        order: Order | None = None,
        *,
        wrappers: Collection[str] = (),
    ) -> None:
        """Put other functions and another order in the place of a provider's; it keeps its turn in load order.

        Raises UsageError as ``add`` does, and where there is no such provider.
        """
        with self._changing:
            self._known(name)
            self._put(name, implementations, order, wrappers)

    def remove(self, name: str) -> None:
        """Take a provider out. Raises UsageError where there is no such provider."""
        with self._changing:
            gone = self._known(name)
            self._commit({its: each for its, each in self._providers.items() if its != name}, gone.implementations)

    def _known(self, name: str) -> _Provider:
        try:
            return self._providers[name]
        except KeyError:
            there = ", ".join(self._providers) or "none"
            raise UsageError(f"plugin {name} is not among the hooks of {self._contract.key} (there: {there})") from None

    def _put(
        self,
        name: str,
        implementations: Mapping[str, Callable[..., Any]],
        order: Order | None,
        wrappers: Collection[str],
    ) -> None:
        given = {
            method: Implementation(name, call, wrapper=method in wrappers)
            for method, call in implementations.items()
            if method in self._doors
        }
        before = self._providers[name].implementations if name in self._providers else {}
        self._commit({**self._providers, name: _Provider(given, order or Place())}, {**before, **given})

    def _commit(self, providers: dict[str, _Provider], concerned: Iterable[str]) -> None:
        chains = self._compiled(providers, concerned)
        self._providers = providers
        self._swap(chains)

    def _compiled(self, providers: Mapping[str, _Provider], methods: Iterable[str]) -> dict[str, Callable[..., Any]]:
        return {method: self._compile(providers, method) for method in methods}

    def _compile(self, providers: Mapping[str, _Provider], method: str) -> Callable[..., Any]:
        taking_part = {name: each for name, each in providers.items() if method in each.implementations}
        arranged = arrange({name: each.order for name, each in taking_part.items()})
        return compile_chain(
            self._doors[method].hook,
            [taking_part[name].implementations[method] for name in arranged],
            asynchronous=self._asynchronous,
            report=partial(self._report, method),
        )

    def _swap(self, chains: Mapping[str, Callable[..., Any]]) -> None:
        for method, chain in chains.items():
            self._doors[method].open(chain)


@dataclass(frozen=True)
class _Provider:
    implementations: Mapping[str, Implementation]
    order: Order


class _Door:
    """The function that users have of a hook: it stays, and the chain behind it is swapped whole."""

    def __init__(self, hook: Hook) -> None:
        self.hook = hook
        self.function = define(hook, [f"return __chain({arguments(hook)})"], {}, asynchronous=False)

    def open(self, chain: Callable[..., Any]) -> None:
        """Lead to ``chain`` from the next call on."""
        self.function.__globals__["__chain"] = chain


def _hooks_of(contract: Contract) -> dict[str, Hook]:
    return {
        name: Hook(contract.key, name, method.parameters, its.mode, its.on_error, its.deadline, method.doc)
        for name, method in contract.methods.items()
        if (its := method.hook) is not None
    }


def _unknown(contract: Contract, name: str) -> UnknownHook:
    if name in contract.methods:
        return UnknownHook(
            f"{contract.key}.{name} is a method, not a hook: declare it with @weft.hook, "
            "or call one provider through engine.use() or engine.all()"
        )
    there = ", ".join(_hooks_of(contract)) or "none: declare a method with @weft.hook"
    return UnknownHook(f"{contract.key} has no hook {name!r} (its hooks: {there})")
