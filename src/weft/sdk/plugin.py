"""The plugin in its own process: imported, started, and what it provides."""

from __future__ import annotations

import inspect
from typing import Any, Dict, Optional

from weft.calls.channel import Methods
from weft.errors import StartFailed
from weft.sdk import web
from weft.sdk.asgi import AsgiProvider
from weft.sdk.loader import load_entry
from weft.sdk.plugin_context import Context, enter


class HostedPlugin:
    """One plugin.

    ``settings`` come from the host: ``name, version, folder, entry, provides, config, data_dir, threads``.
    """

    def __init__(self, settings: Dict[str, Any]) -> None:
        self._settings = settings
        self._context = Context(settings["name"], settings["version"], settings["config"], settings["data_dir"])
        self._provider: Optional[AsgiProvider] = None
        self.methods: Methods = {}

    async def start(self) -> Dict[str, Any]:
        """Import and start it.

        Returns ``entry``, ``provides`` (list of name@major), ``kind``, and ``name`` (what its ``name()`` says, or '').
        """
        enter(self._context)
        entry_name, entry = load_entry(self._settings["folder"], self._settings["entry"])
        kind = web.kind_of(entry)
        if kind is None:
            raise StartFailed(
                f"{entry_name} is {_shape(entry)}: expected an ASGI or WSGI application, "
                "or a Plugin with init() and register_routes(router)"
            )
        self._refuse_what_it_is_not()
        if kind == "gloom" and inspect.isclass(entry):
            entry = entry()
        self._provider = await web.provide(entry, kind, self._settings["threads"])
        await self._provider.start()
        self.methods = self._provider.methods
        name = web.method_of(entry, "name", "Name") if kind == "gloom" else None
        return {"entry": entry_name, "provides": ["web@1"], "kind": kind, "name": str(name()) if name else ""}

    def _refuse_what_it_is_not(self) -> None:
        others = [each for each in self._settings["provides"] if each != "web@1"]
        if others:
            raise StartFailed(f"its manifest says that it provides {', '.join(others)}; its entry is a web application")

    async def stop(self) -> None:
        """Stop what was started."""
        self._context.stopping.set()
        if self._provider is not None:
            await self._provider.stop()


def _shape(entry: Any) -> str:
    if inspect.isclass(entry):
        return f"the class {entry.__qualname__}"
    return f"a {type(entry).__qualname__}"
