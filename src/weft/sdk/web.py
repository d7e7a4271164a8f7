"""Provides contract ``web`` with whatever a plugin's entry is: ASGI, WSGI, or GLoom's shape."""

from __future__ import annotations

import inspect
from typing import Any, Optional, Tuple

from weft.errors import StartFailed
from weft.sdk.asgi import AsgiProvider


def kind_of(entry: Any) -> Optional[str]:
    """``asgi``, ``wsgi`` or ``gloom``; None when the entry is no web application at all."""
    if method_of(entry, "register_routes", "RegisterRoutes"):
        return "gloom"
    if not callable(entry) or inspect.isclass(entry):
        return None
    call = entry if inspect.isroutine(entry) else type(entry).__call__
    if inspect.iscoroutinefunction(call):
        return "asgi"
    required = _positional(entry)
    return {2: "wsgi", 3: "asgi"}.get(required) if required is not None else None


def method_of(plugin: Any, *names: str) -> Any:
    """The first of the accepted spellings that the plugin has, or None."""
    return next((getattr(plugin, name) for name in names if callable(getattr(plugin, name, None))), None)


def _positional(entry: Any) -> Optional[int]:
    try:
        parameters = inspect.signature(entry).parameters.values()
    except (TypeError, ValueError):
        return None
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return sum(1 for each in parameters if each.kind in kinds and each.default is inspect.Parameter.empty)


async def provide(entry: Any, kind: str, threads: int, folders: Tuple[str, ...] = ()) -> AsgiProvider:
    """The provider for an entry of that kind. ``threads``: how many requests that block may run at once.

    ``folders``: the plugin's own, and its data folder.
    """
    if kind == "wsgi":
        return AsgiProvider(_wsgi(entry, threads))
    if kind == "gloom":
        from weft.sdk.gloom import application

        return AsgiProvider(await application(entry, threads, folders))
    return AsgiProvider(entry)


def _wsgi(entry: Any, threads: int) -> Any:
    from weft.sdk.wsgi import adapt

    try:
        return adapt(entry, threads)
    except ImportError:
        raise StartFailed(
            "a WSGI application needs the adapter a2wsgi, and this interpreter's helpers could not be made: "
            "add a2wsgi to the plugin's own packages, or see `weft doctor`"
        ) from None
