"""A plugin's object as the provider of contracts: made, matched with what the host says, served."""

from __future__ import annotations

import inspect
from typing import Any, Dict, List, Mapping, Sequence

from weft.calls.dispatcher import Dispatcher
from weft.calls.faults import Faults
from weft.calls.threads import Threads
from weft.contracts.declare import contract_of
from weft.contracts.description import Contract
from weft.contracts.implementation import Implementation, describe_provider, implement
from weft.errors import ContractMismatch, StartFailed
from weft.sdk.plugin_context import Context

STORAGE = "storage@1"
BUILT_IN = ("task@1", STORAGE)
"""Contracts that every host has: whoever provides one of these says so."""
ENDS = ("stop", "close")
"""What ends a component; a plugin's own object has the first of them alone."""
TASK = "task@1"
"""Whoever does not name another contract so provides the built-in one."""


class ContractProvider:
    """What a plugin's entry provides, besides web applications.

    ``known`` are the contracts that the host has: they are the authority. One that it does not have is taken as the
    plugin itself writes it. ``wrappers``: whether its hooks may be wrappers.
    """

    def __init__(
        self, entry: Any, context: Context, known: Sequence[Contract], threads: Threads, *, wrappers: bool = False
    ) -> None:
        self.object: Any = _made(entry, context)
        self._known = {contract.key: contract for contract in known}
        self.threads = threads
        self._wrappers = wrappers
        self._dispatcher = Dispatcher(threads, Faults("host", relays=True))
        self._tasks: Any = None
        self.implementations: Dict[str, Implementation] = {}
        self.methods: Dict[str, Any] = {}

    def provide(self, wanted: Sequence[str]) -> None:
        """Provide the contracts that the manifest names; without any, those that fit.

        Raises ContractMismatch, with both sides of whatever does not fit.
        """
        for key in wanted:
            self.bind(self._authority(key))
        if not wanted:
            self._infer()

    def _authority(self, key: str) -> Contract:
        if key in self._known:
            return self._known[key]
        name = key.partition("@")[0]
        others = [contract.key for contract in self._known.values() if contract.name == name]
        if others:
            raise ContractMismatch(f"the host has contract {', '.join(others)}, and the plugin provides {key}")
        if key == STORAGE:
            from weft.contracts.storage import Storage

            return contract_of(Storage)
        return self._own(key)

    def _own(self, key: str) -> Contract:
        """A contract as the plugin itself writes it."""
        if key == TASK:
            from weft.contracts import task

            return task.TASK
        name, _, major = key.partition("@")
        described = describe_provider(name, int(major or 1), self.object)
        described.methods.pop("stop", None)  # the engine's to call
        return described

    def _infer(self) -> None:
        refusals: List[str] = []
        for contract in self._known.values():
            try:
                self.bind(contract)
            except ContractMismatch as mismatch:
                refusals += [] if contract.key in BUILT_IN else [f"{contract.key}: {mismatch.message}"]
        if not self.implementations:
            known = "".join(f"\n{each}" for each in sorted(refusals)) or " (it has none of its own)"
            raise StartFailed(
                f"its entry is {_shape(self.object)}: expected an ASGI or WSGI application, a Plugin with init() and "
                f"register_routes(router), or what provides one of the host's contracts{known}"
            )

    def bind(self, contract: Contract) -> Mapping[str, Any]:
        """Provide one contract as it is described; returns its constants, plain. Raises ContractMismatch."""
        implementation = self._implementation(contract)
        wrappers = [name for name, each in implementation.methods.items() if each.wrapper]
        if wrappers and not self._wrappers:
            raise ContractMismatch(
                f'{", ".join(wrappers)} of {contract.key}: a wrapper has to run inline: say runtime = "inline"'
            )
        constants = implementation.constants()
        self.implementations[contract.key] = implementation
        self.methods.update(self._dispatcher.methods(implementation))
        return constants

    def _implementation(self, contract: Contract) -> Implementation:
        if contract.key == TASK:
            from weft.sdk import task

            if task.is_task(contract):
                implementation, self._tasks = task.implement_task(self.object, self.threads)
                return implementation
        return implement(contract, self.object)

    def facts(self) -> Dict[str, Any]:
        """What the host is told: ``provides``, and by contract ``described``, ``constants`` and ``missing``."""
        return {
            "provides": list(self.implementations),
            "described": {key: self._own(key).describe() for key in self.implementations},
            "constants": {key: each.constants() for key, each in self.implementations.items()},
            "missing": self.missing(),
        }

    def missing(self) -> Dict[str, List[str]]:
        """By contract, the methods that the plugin lacks, and may."""
        return {key: list(each.missing) for key, each in self.implementations.items()}

    def wind_down(self) -> None:
        """Tell the tasks that run that the plugin is about to be stopped."""
        if self._tasks is not None:
            self._tasks.wind_down()

    async def stop(self) -> None:
        """Let the plugin's object stop, then end what still runs."""
        await self.end(ENDS[:1])
        await self.close()

    async def end(self, names: Sequence[str]) -> None:
        """Call the first of these methods that the plugin's object has, which takes no arguments."""
        end = next((each for name in names if callable(each := getattr(self.object, name, None))), None)
        if inspect.iscoroutinefunction(end):
            await end()
        elif end is not None:
            await self.threads.run(end)

    async def close(self) -> None:
        """End what still runs."""
        await self._dispatcher.close()


def _made(entry: Any, context: Context) -> Any:
    """The object: of a class an instance, given the context where it takes one; else the entry itself."""
    if not inspect.isclass(entry):
        return entry
    make: Any = entry
    return make(context) if _takes_context(entry) else make()


def _takes_context(entry: Any) -> bool:
    try:
        parameters = inspect.signature(entry).parameters.values()
    except (TypeError, ValueError):
        return False
    variadic = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return any(each.kind not in variadic for each in parameters)


def _shape(provider: Any) -> str:
    if inspect.ismodule(provider):
        return f"module {provider.__name__}"
    return f"an object of class {type(provider).__qualname__}"
