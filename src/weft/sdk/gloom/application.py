"""A ``Plugin`` of GLoom's shape as an ASGI application."""

from __future__ import annotations

import asyncio
import inspect
from concurrent.futures import ThreadPoolExecutor
from typing import Any, AsyncIterator, Awaitable, Callable, Dict, Tuple

from weft.calls.threads import Threads
from weft.contracts.web import CHUNK
from weft.errors import StartFailed
from weft.sdk.gloom.chain import Chain, is_async
from weft.sdk.gloom.conditions import fit
from weft.sdk.gloom.config import Config, read_config
from weft.sdk.gloom.failures import HttpError
from weft.sdk.gloom.responses import Response
from weft.sdk.gloom.router import Router
from weft.sdk.lifespan import live
from weft.sdk.web import method_of

_END = object()


async def application(plugin: Any, threads: int, folders: Tuple[str, ...] = ()) -> Any:
    """The ASGI application of a ``Plugin`` instance. ``folders``: the plugin's own, and its data folder.

    ``init()`` and ``register_routes()`` are called here, in a thread unless they are ``async def``: they may block.
    What they raise refuses the start.
    """
    init = method_of(plugin, "init", "Init")
    if init is None:
        raise StartFailed("Plugin has register_routes but no init(): expected both, as GLoom has them")
    thread = Threads(1)
    try:
        config = read_config(await _called(thread, init))
        router = Router(config, folders)
        await _called(thread, method_of(plugin, "register_routes", "RegisterRoutes"), router)
    finally:
        thread.close()
    pool = ThreadPoolExecutor(threads, thread_name_prefix="plugin")

    async def serve(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "websocket":
            await send({"type": "websocket.close"})
        elif scope["type"] == "http":
            await _Exchange(router, config, pool).serve(scope, receive, send)
        else:
            await live(receive, send)
            pool.shutdown(wait=False, cancel_futures=True)

    return serve


async def _called(thread: Threads, function: Callable[..., Any], *arguments: Any) -> Any:
    result = function(*arguments) if is_async(function) else await thread.run(function, *arguments)
    return await result if inspect.isawaitable(result) else result


class _Exchange:
    """Serves one request."""

    def __init__(self, router: Router, config: Config, pool: ThreadPoolExecutor) -> None:
        self._router = router
        self._config = config
        self._pool = pool

    async def serve(self, scope: Dict[str, Any], receive: Any, send: Any) -> None:
        """From the scope to the end of the response; nothing for a client that left before its request was whole."""
        refusal = None
        try:
            body = await asyncio.wait_for(_body(scope, receive, self._config.body_limit), self._config.read_timeout)
        except HttpError as error:
            body, refusal = b"", error
        except asyncio.TimeoutError:
            body, refusal = b"", HttpError(408)
        if body is None:
            return
        chain = Chain(self._router, scope, body, self._pool)
        try:
            response = await (self._failed(chain, refusal) if refusal else self._answered(chain))
            fit(response, chain.request)
            await asyncio.wait_for(_send(response, scope["method"], send, chain), self._config.write_timeout)
        finally:
            chain.close()

    async def _answered(self, chain: Chain) -> Response:
        try:
            return await chain.advance()
        except Exception as error:
            return await self._failed(chain, error)

    async def _failed(self, chain: Chain, error: Exception) -> Response:
        request = chain.request
        if self._config.error_handler is not None:
            return request.response.take(await chain.call(self._config.error_handler, request, error))
        if not isinstance(error, HttpError):
            raise error
        response = request.response.status(error.status).type("text/plain; charset=utf-8").text(str(error))
        for name, value in error.headers.items():
            response.set(name, value)
        return response


async def _body(scope: Dict[str, Any], receive: Callable[[], Awaitable[Any]], limit: "int | None") -> "bytes | None":
    """A request's body; None when the client left before it was whole. Raises HttpError 413."""
    parts = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        part = message.get("body", b"")
        size += len(part)
        if limit is not None and size > limit:
            raise HttpError(413, f"the body of a request to {scope['path']} has at most {limit} bytes")
        parts.append(part)
        if not message.get("more_body", False):
            return b"".join(parts)


async def _send(response: Response, method: str, send: Callable[[Any], Awaitable[None]], chain: Chain) -> None:
    body = response.body
    try:
        status, headers = response.head()
        await send({"type": "http.response.start", "status": status, "headers": headers})
        if not isinstance(body, bytes) and body is not None and method != "HEAD":
            pieces = _pieces(body, chain) if response.length is None else _of_file(body, response.length, chain)
            async for piece in pieces:
                data = piece.encode() if isinstance(piece, str) else piece
                await send({"type": "http.response.body", "body": data, "more_body": True})
    except asyncio.CancelledError:  # a thread may be within a generator: that ends with its last reference
        if response.length is not None:
            body.close()
        raise
    except BaseException:
        await _close(body, chain)
        raise
    await _close(body, chain)
    await send({"type": "http.response.body", "body": body if isinstance(body, bytes) else b""})


async def _pieces(body: Any, chain: Chain) -> AsyncIterator[Any]:
    if hasattr(body, "__aiter__"):
        async for piece in body:
            yield piece
        return
    source = iter(body)
    while True:
        piece = await chain.in_thread(next, source, _END)
        if piece is _END:
            return
        yield piece


async def _of_file(file: Any, left: int, chain: Chain) -> AsyncIterator[bytes]:
    while left > 0:
        piece = await chain.in_thread(file.read, min(CHUNK, left))
        if not piece:
            return
        left -= len(piece)
        yield piece


async def _close(body: Any, chain: Chain) -> None:
    if hasattr(body, "aclose"):
        await body.aclose()
    elif inspect.isgenerator(body):
        await chain.in_thread(body.close)
    elif hasattr(body, "close"):
        body.close()
