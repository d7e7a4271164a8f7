"""Calls of plugins by their contracts, with JSON values: what ``weft call`` and its endpoint do.

The server has no contract of its own: what a plugin says of itself is the authority.
"""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any

from weft.calls.channel import Channel
from weft.calls.proxy import channel_targets, proxy
from weft.contracts.description import Contract, Method
from weft.contracts.mismatch import Mismatch, of
from weft.contracts.shape import Shape
from weft.engine import Plugin
from weft.errors import Unavailable, UsageError, WrongArgument
from weft.server.json_form import JsonForm

Arguments = Mapping[str, Any] | Sequence[Any]
"""JSON values by name, or by position."""


def described_of(plugin: Plugin) -> Mapping[str, Mapping[str, Any]]:
    """By contract, how the plugin describes what it provides (but ``web``). Raises Unavailable where none runs."""
    if plugin.facts is None:
        raise Unavailable(f"plugin {plugin.name} is {plugin.state}")
    return plugin.facts.described


def prepare(plugin: Plugin, target: str, arguments: Arguments, timeout: float | None = None) -> PreparedCall:
    """One call of ``CONTRACT.METHOD``, checked, and not yet made.

    ``timeout`` (seconds) takes the place of the plugin's ``limits.call``. Raises UsageError, which says what there is,
    and WrongArgument.
    """
    key, name = _find(plugin, target)
    described = described_of(plugin)[key]
    contract = Contract.parse(described)
    made, _ = proxy(contract, f"plugin {plugin.name}", channel_targets(contract, _Callee(plugin, timeout)))
    form = JsonForm(described.get("$defs", {}))
    method = _JsonMethod(f"{contract.name}.{name}", contract.methods[name], described["methods"][name], form)
    call = getattr(made, name)
    return PreparedCall(method, call, method.read(arguments, inspect.signature(call)))


def _find(plugin: Plugin, target: str) -> tuple[str, str]:
    """The contract's key, and the method's name."""
    wanted, _, name = target.rpartition(".")
    described = described_of(plugin)
    keys = [key for key in described if wanted in (key, key.partition("@")[0])]
    if len(keys) != 1:
        there = f"no such contract that can be called (it has {', '.join(described) or 'none'})"
        found = f"{' and '.join(keys)}: say which" if keys else there
        raise UsageError(f"{target}: plugin {plugin.name} has {found}")
    missing = plugin.facts.missing.get(keys[0], ()) if plugin.facts else ()
    methods = [each for each in described[keys[0]]["methods"] if each not in missing]
    if name not in methods:
        raise UsageError(
            f"{target}: plugin {plugin.name} has no such method (of {keys[0]} it has {', '.join(methods)})"
        )
    return keys[0], name


class _Callee:
    """See calls.proxy.Callee: the plugin, with the caller's own limit."""

    def __init__(self, plugin: Plugin, timeout: float | None) -> None:
        self.name = plugin.name
        self.version = plugin.version
        self.call_timeout = plugin.call_timeout if timeout is None else timeout
        self.tally = plugin.tally
        self._plugin = plugin

    def pick(self) -> Channel:
        return self._plugin.pick()


class PreparedCall:
    """A call whose arguments are right. ``streams`` says which to use: ``items``, or ``result``."""

    def __init__(self, method: _JsonMethod, call: Callable[..., Any], arguments: Mapping[str, Any]) -> None:
        self.streams = method.streams
        self._method = method
        self._call = call
        self._arguments = arguments

    async def result(self) -> Any:
        """The JSON form of what the method returned. Raises what the call raises."""
        return self._method.write(await self._call(**self._arguments))

    async def items(self) -> AsyncIterator[Any]:
        """The JSON form of each item, as it comes. Raises what the call raises."""
        stream = self._call(**self._arguments)
        try:
            async for item in stream:
                yield self._method.write(item)
        finally:
            await stream.aclose()


class _JsonMethod:
    """A method whose arguments and results are JSON. ``described`` is its part of the contract's description."""

    def __init__(self, name: str, method: Method, described: Mapping[str, Any], form: JsonForm) -> None:
        self.streams = method.streams
        self._name = name
        self._method = method
        self._described = described
        self._form = form

    def write(self, value: Any) -> Any:
        """A result, or an item."""
        return self._form.write(self._described["result"], self._method.pack_result(value))

    def read(self, arguments: Arguments, signature: inspect.Signature) -> dict[str, Any]:
        """The typed values by name. Raises WrongArgument, and UsageError where a callback is wanted."""
        places = {each.name: index for index, each in enumerate(self._method.parameters)}
        absent = self._without_callbacks()
        left = [each for name, each in signature.parameters.items() if name not in absent]
        given = self._bound(arguments, signature.replace(parameters=left))
        return {**absent, **{name: self._value(places[name], value) for name, value in given.items()}}

    def _without_callbacks(self) -> dict[str, None]:
        """None for each callback. Raises UsageError where there must be one."""
        callbacks = [self._method.parameters[index] for index in self._method.callbacks]
        for each in callbacks:
            if each.required and not getattr(each.shape, "optional", False):
                raise UsageError(
                    f"{self._name} calls back ({each.name}: {each.shape}), which takes a program: "
                    "use the plugin from Python, with engine.use(…)"
                )
        return {each.name: None for each in callbacks}

    def _bound(self, arguments: Arguments, signature: inspect.Signature) -> Mapping[str, Any]:
        try:
            if isinstance(arguments, Mapping):
                return signature.bind(**arguments).arguments
            return signature.bind(*arguments).arguments
        except TypeError as error:
            raise WrongArgument(f"{self._name}: {error}; it is {self._method.signature()}") from None

    def _value(self, place: int, given: Any) -> Any:
        parameter, described = self._method.parameters[place], self._described["parameters"][place]
        try:
            if place != self._method.stream_in:
                return parameter.shape.unpack(self._form.read(described["schema"], given))
            items = _listed(parameter.shape, given)
            return _stream([parameter.shape.unpack(self._form.read(described["stream"], each)) for each in items])
        except Mismatch as mismatch:
            raise WrongArgument(f"{self._name}: {mismatch.within(parameter.name)}") from None


def _listed(shape: Shape, given: Any) -> list[Any]:
    if isinstance(given, list):
        return given
    raise Mismatch(f"a list of {shape}, one for each item of the stream", of(given))


async def _stream(items: list[Any]) -> AsyncIterator[Any]:
    for item in items:
        yield item
