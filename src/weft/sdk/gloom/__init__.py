"""GLoom's shape of a web plugin: ``Plugin`` with ``init()`` and ``register_routes(router)``, with Fiber's patterns.

A handler is called with a Request, may be ``def`` (then it runs in a thread) or ``async def``, and returns what
``Response`` takes for an answer. The router is this package's own (see docs/adr/0018): on the plugin's side there is
the standard library alone.
"""

from __future__ import annotations

from weft.sdk.gloom.application import application
from weft.sdk.gloom.failures import HttpError
from weft.sdk.gloom.forms import File
from weft.sdk.gloom.requests import Request
from weft.sdk.gloom.responses import Response
from weft.sdk.gloom.router import Router

__all__ = ["File", "HttpError", "Request", "Response", "Router", "application"]
