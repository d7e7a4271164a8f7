"""Newline-delimited JSON: one object per line, as it comes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any, TypeVar

import msgspec
from fastapi.responses import StreamingResponse

MEDIA_TYPE = "application/x-ndjson"
T = TypeVar("T")
_END: Any = object()


def plain(value: Any) -> Any:
    """A dataclass or struct as what JSON has."""
    return msgspec.to_builtins(value, enc_hook=str)


async def _encode(values: AsyncIterator[Any]) -> AsyncIterator[bytes]:
    yield b""  # the head goes out at once, however long the first line takes
    # An iterator that is not closed at once would go on following.
    async with aclosing(values) as source:  # type: ignore[type-var]
        async for value in source:
            yield json.dumps(plain(value)).encode() + b"\n"


async def until(stopping: asyncio.Event, values: AsyncIterator[T]) -> AsyncIterator[T]:
    """``values``, ended early when the server stops."""
    stop = asyncio.ensure_future(stopping.wait())
    async with aclosing(values) as source:  # type: ignore[type-var]
        try:
            while (value := await _next_before(stop, source)) is not _END:
                yield value
        finally:
            stop.cancel()


async def _next_before(stop: asyncio.Future[Any], source: AsyncIterator[Any]) -> Any:
    coming = asyncio.ensure_future(anext(source, _END))
    try:
        await asyncio.wait({coming, stop}, return_when=asyncio.FIRST_COMPLETED)
        return coming.result() if coming.done() else _END
    finally:
        if not coming.done():
            coming.cancel()
            await asyncio.gather(coming, return_exceptions=True)


class Lines(StreamingResponse):
    """A response of one JSON object per line."""

    media_type = MEDIA_TYPE

    def __init__(self, values: AsyncIterator[Any], status_code: int = 200) -> None:
        super().__init__(_encode(values), status_code, headers={"cache-control": "no-store"})
