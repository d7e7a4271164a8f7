"""The application that a host mounts.

A request goes to the plugin of whose domains its Host is one, else to the first plugin, in the order of loading, that
has a route for it (``http_services``). Plugins know the path at which they are mounted as ASGI's ``root_path``.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from functools import lru_cache

from msgspec import to_builtins

from weft.asgi import request, websocket
from weft.asgi.inbox import Message, Receive, Send
from weft.asgi.place import path_below
from weft.engine import Engine, Plugin
from weft.manifest.model import HttpServices
from weft.sdk.lifespan import live
from weft.sdk.routes import Endpoints

Application = Callable[[Message, Receive, Send], Awaitable[None]]
WEB = "web@1"


def mount(engine: Engine) -> Application:
    """The ASGI application. ``engine`` runs on the event loop that serves it, and is its owner's to close."""

    async def serve(scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            return await live(receive, send)
        plugin = _asked(engine.plugins.values(), scope)
        if scope["type"] == "websocket":
            return await websocket.forward(plugin, scope, receive, send)
        if plugin is None:
            return await request.say(send, 404, "Not Found")
        return await request.forward(plugin, scope, receive, send)

    return serve


def _asked(plugins: Iterable[Plugin], scope: Message) -> Plugin | None:
    """The plugin that the request is for; one that has the path and not the method, where none has both."""
    there = [each for each in plugins if WEB in map(str, each.manifest.provides) or WEB in each.provides]
    host = next((value for name, value in scope["headers"] if name == b"host"), b"").decode("latin-1")
    name = host.rpartition(":")[0].lower() if ":" in host else host.lower()
    for plugin in there:
        if name in plugin.manifest.domains:
            return plugin
    second = None
    for plugin in there:
        if plugin.manifest.http_services is None:
            continue
        endpoints = _endpoints(plugin.manifest.http_services)
        found, _, others = endpoints.find(scope.get("method", "GET"), path_below(scope))
        if found is not None:
            return plugin
        second = second or (plugin if others else None)
    return second


@lru_cache(maxsize=256)
def _endpoints(services: HttpServices) -> Endpoints:
    return Endpoints(to_builtins(services.routes))
