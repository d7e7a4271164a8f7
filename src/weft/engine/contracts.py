"""The contracts that a host has: those that its engine was told of, or those that are declared in its interpreter."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from weft.contracts.declare import contract_of, declared
from weft.contracts.description import Contract
from weft.errors import UsageError
from weft.manifest import Manifest

WEB = "web"


class Contracts:
    """What one engine negotiates with: of each name and major version one contract.

    ``given``: the host's; None: those that are declared in its interpreter. Those that are used later count too.
    """

    def __init__(self, given: Iterable[Callable[..., Any]] | None = None) -> None:
        self._own: dict[str, Contract] = {}
        self._look = given is None
        for each in given or ():
            self.take(contract_of(each))

    def take(self, contract: Contract) -> None:
        """From now on this is the contract of its name and version. Raises UsageError when another one is."""
        known = self._own.setdefault(contract.key, contract)
        if known is not contract and not known.same_as(contract):
            raise UsageError(
                f"two different contracts are called {contract.key} in this engine: give one another name or version "
                "with @weft.contract(name=…, version=…)"
            )

    def for_plugin(self, manifest: Manifest) -> tuple[Contract, ...]:
        """Those that a plugin may provide by what its manifest says; every one where it says nothing."""
        names = {each.name for each in manifest.provides}
        if names == {WEB}:
            return ()
        found = declared() if self._look else []
        known = {**{each.key: each for each in found}, **self._own}
        return tuple(each for each in known.values() if not names or each.name in names)
