"""Which plugin provides a component: of one contract an id is one plugin's alone, and no other provider's name."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import NamedTuple

from weft.contracts.description import Contract
from weft.contracts.names import split_key
from weft.engine.plugin import Plugin
from weft.errors import Conflict


class Provider(NamedTuple):
    """One who provides a contract: a plugin, or a component of one. ``contract``: as it provides it."""

    name: str
    plugin: Plugin
    contract: Contract


def providers_in(plugin: Plugin, contract: Contract) -> Iterator[Provider]:
    """Those of the contract that a plugin has."""
    for key in plugin.provides:
        plain, identity = split_key(key)
        if plain == contract.key:
            found = contract.component(identity) if identity else contract
            yield Provider(identity or plugin.name, plugin, found)


class Claims:
    """The ids that running plugins have, and those of plugins that are about to run."""

    def __init__(self, plugins: Mapping[str, Plugin]) -> None:
        self._plugins = plugins
        self._starting: dict[tuple[str, str], str] = {}

    @contextmanager
    def claimed(self, name: str, provides: Iterable[str]) -> Iterator[None]:
        """Keep others from the ids of plugin ``name`` until it runs. Raises Conflict, which names both plugins."""
        wanted = list(_ids(name, provides))
        held = {**self._starting, **self._held()}
        for key, identity in wanted:
            other = held.get((key, identity), name)
            if other != name:
                raise Conflict(
                    f"plugin {name} registers {identity!r} of {key}, which plugin {other} provides already: "
                    "give one another id, or unload the other plugin first",
                    plugin=other,
                )
        self._starting.update(dict.fromkeys(wanted, name))
        try:
            yield
        finally:
            for each in wanted:
                self._starting.pop(each, None)

    def _held(self) -> dict[tuple[str, str], str]:
        running = ((name, plugin.facts) for name, plugin in self._plugins.items() if not plugin.over)
        return {each: name for name, facts in running if facts is not None for each in _ids(name, facts.provides)}


def _ids(name: str, provides: Iterable[str]) -> Iterator[tuple[str, str]]:
    """By contract the names by which users find what plugin ``name`` provides."""
    for key in provides:
        plain, identity = split_key(key)
        yield plain, identity or name
