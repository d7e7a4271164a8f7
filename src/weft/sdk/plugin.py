"""The plugin where it runs: imported, started, and what it provides."""

from __future__ import annotations

import inspect
import sys
from typing import Any, Callable, Dict, Mapping, Optional, Sequence, Tuple

from weft.errors import ContractMismatch, StartFailed
from weft.sdk import web
from weft.sdk.loader import load_entry
from weft.sdk.plugin_context import Context

WEB, TASK = "web@1", "task@1"
_INITIALIZERS = (":InitializePlugin", ":initialize_plugin")
"""How the name of an entry ends that registers components."""


class HostedPlugin:
    """One plugin.

    ``settings`` come from the host: ``name, version, folder, entry, provides, config, data_dir, threads``,
    ``contracts`` (descriptions), ``http_services`` (or None) and ``call_timeout`` (seconds that one of its requests may
    take). ``use`` is what ``Context.use`` does; ``on_hung()`` is told when every thread for ``def`` code is stuck.
    ``wrappers``: whether hooks may be wrappers, which call what lives in the same interpreter.
    """

    def __init__(
        self,
        settings: Dict[str, Any],
        *,
        use: Optional[Callable[..., Any]] = None,
        on_hung: Callable[[], None] = lambda: None,
        wrappers: bool = False,
    ) -> None:
        self._settings = settings
        self._on_hung = on_hung
        self._wrappers = wrappers
        self.context = Context(settings["name"], settings["version"], settings["config"], settings["data_dir"], use)
        self._provider: Any = None
        self.methods: Dict[str, Any] = {}

    async def start(self) -> Dict[str, Any]:
        """Import and start it.

        Returns ``entry``, ``provides`` (list of name@major), ``kind``, ``name`` (what its ``name()`` says, or ''), and
        of contracts ``described`` and ``constants``; and ``about``, what its ``Metadata`` says.
        """
        wanted = self._settings["provides"]
        entry_name, entry = load_entry(self._settings["folder"], self._settings["entry"], module=wanted != [WEB])
        if not wanted and entry_name.endswith(":Execute"):
            wanted = [TASK]
        services = self._settings.get("http_services")
        if services is not None:
            facts = await self._provide_routes(entry, services)
        elif entry_name.endswith(_INITIALIZERS):
            facts = await self._provide_components(entry_name, entry, wanted)
        elif (kind := web.kind_of(entry) if not wanted or WEB in wanted else None) is None:
            facts = self._provide_contracts(entry_name, entry, wanted)
        else:
            facts = await self._provide_web(entry_name, entry, kind)
        self.methods.update(self._provider.methods)
        return {"entry": entry_name, "described": {}, "constants": {}, "missing": {}, "about": {}, **facts}

    async def _provide_web(self, entry_name: str, entry: Any, kind: str) -> Dict[str, Any]:
        others = [each for each in self._settings["provides"] if each != WEB]
        if others:
            raise StartFailed(
                f"its manifest says that it provides {', '.join(others)}; {entry_name} is a web application"
            )
        if kind == "gloom" and inspect.isclass(entry):
            entry = entry()
        folders = (self._settings["folder"], self._settings["data_dir"])
        self._provider = await web.provide(entry, kind, self._settings["threads"], folders)
        await self._provider.start()
        name = web.method_of(entry, "name", "Name") if kind == "gloom" else None
        return {"provides": [WEB], "kind": kind, "name": str(name()) if name else ""}

    def _provide_contracts(self, entry_name: str, entry: Any, wanted: Sequence[str]) -> Dict[str, Any]:
        if WEB in wanted:
            raise StartFailed(
                f"{entry_name} is {_shape(entry)}: expected an ASGI or WSGI application, "
                "or a Plugin with init() and register_routes(router)"
            )
        from weft.sdk.provider import ContractProvider  # most plugins are web applications, and pay for none of this

        provider = self._made(ContractProvider, entry)
        provider.provide(wanted)
        return {**provider.facts(), "kind": "contract", "name": ""}

    async def _provide_routes(self, entry: Any, services: Mapping[str, Any]) -> Dict[str, Any]:
        from weft.sdk.http_services import RoutedProvider

        provider = self._made(RoutedProvider, entry)
        provider.provide([each for each in self._settings["provides"] if each != WEB])
        await provider.serve(services, self._settings["call_timeout"])
        return {**provider.facts(), "kind": "contract", "name": ""}

    def _made(self, provider_class: Any, entry: Any) -> Any:
        from weft.sdk.configuration import configure

        configure(self.context, entry)
        known, threads = self._known_and_threads()
        self._provider = provider_class(entry, self.context, known, threads, wrappers=self._wrappers)
        return self._provider

    async def _provide_components(self, entry_name: str, entry: Any, wanted: Sequence[str]) -> Dict[str, Any]:
        from weft.sdk.components import ComponentsProvider
        from weft.sdk.metadata import about

        told = about(sys.modules[entry_name.partition(":")[0]])
        known, threads = self._known_and_threads()
        provider = self._provider = ComponentsProvider(self.context, known, threads, wrappers=self._wrappers)
        await provider.start(entry_name, entry, wanted)
        return {**provider.facts(), "kind": "contract", "name": "", "about": told}

    def _known_and_threads(self) -> Tuple[Sequence[Any], Any]:
        """The host's contracts, and the threads for ``def`` code."""
        from weft.calls.threads import Threads
        from weft.contracts.description import Contract

        known = [Contract.parse(each) for each in self._settings.get("contracts", ())]
        return known, Threads(self._settings["threads"], self._on_hung)

    def bind(self, described: Any) -> Mapping[str, Any]:
        """Provide a contract that the host declared after the start. Returns its constants.

        Raises ContractMismatch.
        """
        from weft.contracts.description import Contract

        contract = Contract.parse(described)
        if not hasattr(self._provider, "bind"):
            raise ContractMismatch(f"it is a web application, and does not provide {contract.key}")
        constants: Mapping[str, Any] = self._provider.bind(contract)
        self.methods.update(self._provider.methods)
        return constants

    def implementation(self, key: str) -> Any:
        """How the plugin implements the contract of that key (an Implementation); None where it does not."""
        return getattr(self._provider, "implementations", {}).get(key)

    def missing(self) -> Dict[str, Any]:
        """By contract, the methods that the plugin lacks, and may."""
        missing: Dict[str, Any] = self._provider.missing()
        return missing

    def still_running(self) -> Sequence[str]:
        """What its threads are doing, each with the line that it is at; [] for a web application."""
        threads = getattr(self._provider, "threads", None)
        return threads.doing() if threads is not None else []

    @property
    def threads(self) -> Any:
        """The threads in which its ``def`` code runs."""
        return self._provider.threads

    def wind_down(self) -> None:
        """It is about to be stopped: tasks that run are told, which web applications have no way to be."""
        if hasattr(self._provider, "wind_down"):
            self._provider.wind_down()

    async def stop(self) -> None:
        """Stop what was started."""
        self.context.stopping.set()
        if self._provider is not None:
            await self._provider.stop()


def _shape(entry: Any) -> str:
    if inspect.isclass(entry):
        return f"the class {entry.__qualname__}"
    return f"a {type(entry).__qualname__}"
