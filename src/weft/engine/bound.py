"""One contract of one plugin, as its users hold it: a proxy that is kept right over everything that happens to it."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import replace
from typing import Any

from weft.calls.direct import Direct
from weft.calls.faces import behind
from weft.calls.proxy import Method, Target, brief, channel_target, proxy
from weft.contracts import description
from weft.contracts.description import Contract, Mismatch
from weft.contracts.face import faces_of, shown
from weft.engine.plugin import Plugin
from weft.errors import ContractError, WeftError, WrongResult

Elsewhere = Callable[[description.Method, Callable[..., Any]], Callable[..., Any]]
"""Makes of an asynchronous method one that is plain: somebody waits for it on the engine's loop."""


class Bound:
    """``proxy`` is the object whose methods are the contract's; ``refresh()`` follows what the plugin has become.

    ``cls`` is the host's class: it has the bodies of methods that a plugin may lack. Without ``elsewhere``, methods
    that are declared with ``def`` can only be called where a plugin implements them so in this interpreter.
    """

    def __init__(
        self, cls: Callable[..., Any], contract: Contract, plugin: Plugin, elsewhere: Elsewhere | None = None
    ) -> None:
        self.contract = contract
        self.plugin = plugin
        self._cls = cls
        self._elsewhere = elsewhere
        self._running: list[None] = []
        self._faces = faces_of(contract)
        self._shown = shown(contract)
        targets = {name: self._target(name) for name in self._shown.methods}
        self.proxy, self.methods = proxy(self._shown, f"plugin {plugin.name}", targets)
        for method in self.methods.values():
            method.call.__dict__["__weft_bound__"] = self  # whoever keeps a method alone has it kept right too
        self._set_constants()

    def refresh(self) -> None:
        """The plugin has other instances, or another release.

        Raises ContractError where a method cannot be called any more; so does the method, from now on.
        """
        refused: list[ContractError] = []
        for name, method in self.methods.items():
            try:
                method.lead_to(self._target(name))
            except ContractError as error:
                method.lead_to(_refusing(str(error)))
                refused.append(error)
        self._set_constants()
        if refused:
            raise refused[0]

    def provided(self) -> frozenset[str]:
        """The methods that the plugin itself has."""
        return frozenset(self.contract.methods) - self._missing()

    def hook(self, name: str) -> Callable[..., Any]:
        """The plugin's own of a hook, as long as it is what it is: chains are made anew when plugins change."""
        method, direct = self._shown.methods[name], self._direct()
        if method.asynchronous or direct is None or direct.waits(name) or self._elsewhere is not None:
            counted: Callable[..., Any] = self.methods[name].call
            return counted
        return brief(method, direct.target(method))

    def wrappers(self) -> dict[str, Callable[..., Any]]:
        """Hooks that the plugin has as wrappers, by method."""
        direct = self._direct()
        found = direct.implementation.methods if direct is not None else {}
        return {
            name: _wrapper(each.call, direct.target(self.contract.methods[name]).translated)
            for name, each in found.items()
            if each.wrapper and direct is not None
        }

    def _direct(self) -> Direct | None:
        members = self.plugin.instances
        return members[0].instance.direct(self.contract.key) if members else None

    def _missing(self) -> frozenset[str]:
        facts = self.plugin.facts
        return frozenset(facts.missing.get(self.contract.key, ())) if facts is not None else frozenset()

    def _target(self, name: str) -> Target:
        """What a method leads to now. Raises ContractError where it cannot be called."""
        if name in self._missing():
            return self._default(name)
        method, direct = self._shown.methods[name], self._direct()
        if method.asynchronous or (direct is not None and not direct.waits(name)):
            return self._own(method, direct)
        later = replace(method, asynchronous=True)
        if self._elsewhere is None:
            if not self.plugin.instances:
                return self._gone()
            raise self._unreachable(method)
        call = Method(later, self._own(later, direct)).call
        return Target(self._elsewhere(method, call), self._running, lambda error: error)

    def _own(self, method: description.Method, direct: Direct | None) -> Target:
        face = self._faces.get(method.name)
        if face is None:
            return self._crossing(method, direct)
        crossing = replace(self.contract.methods[method.name], asynchronous=True)
        return behind(f"{self.contract.name}.{method.name}", face, self._crossing(crossing, direct))

    def _crossing(self, method: description.Method, direct: Direct | None) -> Target:
        if direct is not None:
            return direct.target(method)
        return channel_target(self.contract, method, self.plugin, self._running)

    def _gone(self) -> Target:
        """Nothing answers: whoever calls is told."""
        return Target(lambda *_values: self.plugin.pick(), self._running, lambda error: error)

    def _unreachable(self, method: description.Method) -> ContractError:
        return ContractError(
            f"{self.contract.name}.{method.name} is declared with def, and plugin {self.plugin.name} "
            f"{'implements it with async def' if self._direct() else 'does not run inline'}: "
            "declare it async def, or use weft.sync"
        )

    def _default(self, name: str) -> Target:
        """The contract's own body of a method that the plugin lacks."""
        body = getattr(self._cls, name)
        return Target(lambda *values: body(self.proxy, *values), self._running, lambda error: error)

    def _set_constants(self) -> None:
        facts = self.plugin.facts
        plain = facts.constants.get(self.contract.key, {}) if facts is not None else {}
        for name, constant in self.contract.constants.items():
            if name in plain:
                setattr(self.proxy, name, self._constant(constant, plain[name]))
            elif constant.optional:
                setattr(self.proxy, name, getattr(self._cls, name))

    def _constant(self, constant: description.Constant, plain: Any) -> Any:
        try:
            return constant.shape.unpack(plain)
        except Mismatch as mismatch:
            who = {"plugin": self.plugin.name, "version": self.plugin.version}
            raise WrongResult(f"{self.contract.name}.{constant.name}: {mismatch}", **who) from None


def _refusing(message: str) -> Target:
    """Whoever calls is told why nobody can."""

    def refuse(*_values: Any) -> Any:
        raise ContractError(message)

    return Target(refuse, [], lambda error: error)


def _wrapper(call: Callable[..., Any], translated: Callable[[BaseException], BaseException]) -> Callable[..., Any]:
    """A plugin's wrapper, whose own exceptions come out as its plugin's, and others' as they are."""

    def wrapper(*args: Any, **kwargs: Any) -> Generator[None, Any, Any]:
        try:
            return (yield from call(*args, **kwargs))
        except WeftError:
            raise
        except BaseException as error:  # noqa: BLE001 (it is passed on)
            raise translated(error) from error.__cause__

    return wrapper
