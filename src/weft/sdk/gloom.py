"""GLoom's shape of a web plugin: ``Plugin`` with ``init()`` and ``register_routes(router)``, as an ASGI application.

A route's pattern is a path, with ``{name}`` for one segment and ``{name:path}`` for the rest. A handler is called with
the request, may be ``def`` (then it runs in a thread) or ``async def``, and returns str, bytes, a dict or list (JSON),
None (204), or a tuple ``(status, body)`` or ``(status, body, headers)``.
"""

from __future__ import annotations

import asyncio
import inspect
import json
import re
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, Callable, Dict, List, Optional, Tuple
from urllib.parse import parse_qs

from weft.errors import StartFailed
from weft.sdk.lifespan import live
from weft.sdk.web import method_of

Handler = Callable[["Request"], Any]
_Response = Tuple[int, bytes, bytes, Any]
"""Status, content type, body, further headers."""
_PARAMETER = re.compile(r"\{(\w+)(:path)?\}")


class Request:
    """What a handler gets; ``query`` maps a name to its values, ``params`` are those of the route's pattern."""

    def __init__(self, scope: Dict[str, Any], params: Dict[str, str], body: bytes) -> None:
        self.scope = scope
        self.method: str = scope["method"]
        self.path: str = scope["path"]
        self.params = params
        self.query: Dict[str, List[str]] = parse_qs(scope["query_string"].decode("latin-1"))
        self.headers: Dict[str, str] = {
            name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]
        }
        self.body = body

    def json(self) -> Any:
        """The body, as JSON. Raises ValueError when it is none."""
        return json.loads(self.body)


class Router:
    """What ``register_routes`` gets: ``get(pattern, handler)``, ``post`` … and ``route(method, pattern, handler)``."""

    def __init__(self) -> None:
        self._routes: List[Tuple[str, "re.Pattern[str]", Handler]] = []
        for method in ("get", "post", "put", "patch", "delete", "options"):
            setattr(self, method, partial(self.route, method))

    def route(self, method: str, pattern: str, handler: Optional[Handler] = None) -> Any:
        """Add a route; without ``handler`` it is a decorator."""
        if handler is None:
            return lambda decorated: self.route(method, pattern, decorated)
        self._routes.append((method.upper(), _compile(pattern), handler))
        return handler

    def all(self, pattern: str, handler: Optional[Handler] = None) -> Any:
        """Add a route for every method."""
        return self.route("*", pattern, handler)

    def find(self, method: str, path: str) -> Tuple[int, Optional[Handler], Dict[str, str]]:
        """(200, handler, parameters), or the status 404 or 405 with no handler."""
        status = 404
        for its_method, pattern, handler in self._routes:
            found = pattern.fullmatch(path)
            if found and its_method in (method, "*", "GET" if method == "HEAD" else method):
                return 200, handler, found.groupdict()
            status = 405 if found else status
        return status, None, {}


def _compile(pattern: str) -> "re.Pattern[str]":
    text, position = "", 0
    for found in _PARAMETER.finditer(pattern):
        text += re.escape(pattern[position : found.start()])
        text += f"(?P<{found[1]}>{'.*' if found[2] else '[^/]+'})"
        position = found.end()
    return re.compile(text + re.escape(pattern[position:]), re.DOTALL)


async def application(plugin: Any, threads: int) -> Any:
    """The ASGI application of a ``Plugin`` instance.

    ``init()``, ``def`` or ``async def``, is called here; what it raises refuses the start.
    """
    init = method_of(plugin, "init", "Init")
    if init is None:
        raise StartFailed("Plugin has register_routes but no init(): expected both, as GLoom has them")
    config = init()
    if inspect.isawaitable(config):
        await config
    router = Router()
    method_of(plugin, "register_routes", "RegisterRoutes")(router)
    pool = ThreadPoolExecutor(threads, thread_name_prefix="plugin")

    async def serve(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "websocket":
            await send({"type": "websocket.close"})
        elif scope["type"] == "http":
            answer = await _answer(router, pool, scope, receive)
            if answer is None:
                return
            status, content_type, body, headers = answer
            head = [(b"content-type", content_type), *headers] if body or status != 204 else headers
            await send({"type": "http.response.start", "status": status, "headers": head})
            await send({"type": "http.response.body", "body": body})
        else:
            await live(receive, send)
            pool.shutdown(wait=False, cancel_futures=True)

    return serve


async def _answer(router: Router, pool: ThreadPoolExecutor, scope: Any, receive: Any) -> Optional[_Response]:
    """What is sent; None when the client left before its request was whole, which no handler then sees."""
    status, handler, params = router.find(scope["method"], scope["path"])
    if handler is None:
        return _response((status, {404: "Not Found", 405: "Method Not Allowed"}[status]))
    body = await _body(receive)
    if body is None:
        return None
    request = Request(scope, params, body)
    if inspect.iscoroutinefunction(handler):
        return _response(await handler(request))
    return _response(await asyncio.get_running_loop().run_in_executor(pool, handler, request))


async def _body(receive: Any) -> Optional[bytes]:
    parts = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        parts.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(parts)


def _response(answer: Any) -> _Response:
    status, headers = 200, []
    if isinstance(answer, tuple):
        status, answer, *rest = answer
        headers = [(name.encode(), value.encode("latin-1")) for name, value in (rest[0] if rest else {}).items()]
    if answer is None:
        return (204 if status == 200 else status), b"", b"", headers
    if isinstance(answer, bytes):
        return status, b"application/octet-stream", answer, headers
    if isinstance(answer, str):
        return status, b"text/html; charset=utf-8", answer.encode(), headers
    return status, b"application/json", json.dumps(answer).encode(), headers
