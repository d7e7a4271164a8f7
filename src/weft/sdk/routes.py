"""The driver ``asgi``: routes such as ``/api/plugin/sample/:id`` as an ASGI application over a task's ``Execute``.

The context that ``Execute`` gets has ``label``, each parameter of the route by its name, ``*`` for the rest of the
path, and ``request``. What it returns is the response: None is 204, a dict or list JSON, str and bytes are sent as they
are, and an ASGI application (a framework's response) answers itself. What it raises is answered 500, and logged; a
deadline that passes is 504.
"""

from __future__ import annotations

import asyncio
import json
import re
from typing import Any, Awaitable, Callable, Dict, List, Mapping, NamedTuple, Optional, Sequence, Tuple
from urllib.parse import parse_qs

from weft.contracts.task_context import TaskContext
from weft.errors import DeadlineExceeded, TaskCancelled
from weft.sdk.lifespan import live
from weft.sdk.scope import path_below

Execute = Callable[[TaskContext], Awaitable[Any]]
Application = Callable[[Any, Any, Any], Awaitable[None]]
PLAIN = (b"content-type", b"text/plain; charset=utf-8")
_SEGMENT = re.compile(r":(\w+)|\*")


class Endpoint(NamedTuple):
    """A route, compiled. ``rank``: of those that match the one with the smallest is asked."""

    pattern: "re.Pattern[str]"
    names: Tuple[str, ...]
    rank: Tuple[int, ...]
    method: str
    label: str


class Request:
    """What ``ctx.get_value("request")`` is.

    ``path`` is that below the place where the routes are mounted; ``query`` has each name with its values, ``headers``
    are in lower case.
    """

    def __init__(self, scope: Mapping[str, Any], params: Dict[str, str], body: bytes) -> None:
        self.scope = scope
        self.method: str = scope["method"]
        self.path = path_below(scope)
        self.params = params
        self.query: Dict[str, List[str]] = parse_qs(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        self.headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        self.body = body

    def json(self) -> Any:
        """The body, as JSON. Raises ValueError when it is none."""
        return json.loads(self.body)


class Endpoints:
    """Finds the endpoint of a request. ``routes``: each with ``route``, ``method`` and ``label``."""

    def __init__(self, routes: Sequence[Mapping[str, str]]) -> None:
        self._all = sorted((_compiled(each) for each in routes), key=lambda each: each.rank)

    def find(self, method: str, path: str) -> Tuple[Optional[Endpoint], Dict[str, str], List[str]]:
        """The endpoint with the values of its parameters; where there is none, the methods that the path knows."""
        allowed: List[str] = []
        for each in self._all:
            match = each.pattern.fullmatch(path)
            if match is None:
                continue
            if each.method in (method, "GET" if method == "HEAD" else method):
                return each, dict(zip(each.names, match.groups())), []
            allowed += [each.method, *(["HEAD"] if each.method == "GET" else [])]
        return None, {}, sorted(set(allowed))


def _compiled(route: Mapping[str, str]) -> Endpoint:
    names, rank, pattern = [], [], ""
    for segment in route["route"].split("/")[1:]:
        found = _SEGMENT.fullmatch(segment)
        rank.append(0 if found is None else 1 if found[1] else 2)
        if found is None:
            pattern += "/" + re.escape(segment)
        else:
            names.append(found[1] or "*")
            pattern += "/([^/]+)" if found[1] else "/(.*)"
    return Endpoint(re.compile(pattern, re.DOTALL), tuple(names), tuple(rank), route["method"], route["label"])


def asgi(routes: Sequence[Mapping[str, str]], execute: Execute) -> Application:
    """The application; see the module."""
    endpoints = Endpoints(routes)

    async def serve(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await live(receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close"})
        else:
            await _answer(endpoints, execute, scope, receive, send)

    return serve


async def _answer(endpoints: Endpoints, execute: Execute, scope: Any, receive: Any, send: Any) -> None:
    endpoint, parameters, allowed = endpoints.find(scope["method"], path_below(scope))
    if endpoint is None:
        allow = [(b"allow", ", ".join(allowed).encode())] if allowed else []
        status, said = (405, b"Method Not Allowed") if allowed else (404, b"Not Found")
        return await _send(send, status, [PLAIN, *allow], said)
    body = await _body(receive)
    if body is None:
        return None  # the client left before its request was whole
    request = Request(scope, parameters, body)
    context = TaskContext.here({**parameters, "label": endpoint.label, "request": request})
    try:
        result = await _executed(execute, context, receive)
    except (DeadlineExceeded, TaskCancelled):
        if not context.done:  # it is of something that Execute called
            raise
        status, said = (503, b"Service Unavailable") if context.cancelled else (504, b"Gateway Timeout")
        return await _send(send, status, [PLAIN], said)
    if callable(result):
        return await result(scope, receive, send)  # type: ignore[no-any-return]  # whatever it is
    return await _send(send, *_response(result))


async def _executed(execute: Execute, context: TaskContext, receive: Any) -> Any:
    """What Execute returns; its context is done when the client leaves."""
    leaving = asyncio.get_running_loop().create_task(_left(receive, context))
    try:
        return await execute(context)
    finally:
        leaving.cancel()
        await asyncio.gather(leaving, return_exceptions=True)


async def _left(receive: Any, context: TaskContext) -> None:
    while (await receive())["type"] != "http.disconnect":
        continue
    context.cancel()


async def _body(receive: Any) -> Optional[bytes]:
    parts = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        parts.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(parts)


def _response(result: Any) -> Tuple[int, List[Tuple[bytes, bytes]], bytes]:
    if result is None:
        return 204, [], b""
    if isinstance(result, bytes):
        return 200, [(b"content-type", b"application/octet-stream")], result
    if isinstance(result, str):
        return 200, [PLAIN], result.encode()
    if isinstance(result, (dict, list)):
        return 200, [(b"content-type", b"application/json")], json.dumps(result, allow_nan=False).encode()
    kind = type(result).__qualname__
    raise TypeError(f"Execute returned {kind}: expected None, a dict, a list, str, bytes, or an ASGI response")


async def _send(send: Any, status: int, headers: List[Tuple[bytes, bytes]], body: bytes) -> None:
    if status != 204:
        headers = [*headers, (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
