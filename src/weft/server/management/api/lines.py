"""Newline-delimited JSON: one object per line, as it comes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

import msgspec
from fastapi.responses import StreamingResponse

MEDIA_TYPE = "application/x-ndjson"


def plain(value: Any) -> Any:
    """A dataclass or struct as what JSON has."""
    return msgspec.to_builtins(value, enc_hook=str)


async def _encode(values: AsyncIterator[Any]) -> AsyncIterator[bytes]:
    # An iterator that is not closed at once would go on following.
    async with aclosing(values) as source:  # type: ignore[type-var]
        async for value in source:
            yield msgspec.json.encode(value, enc_hook=str) + b"\n"


class Lines(StreamingResponse):
    """A response of one JSON object per line."""

    media_type = MEDIA_TYPE

    def __init__(self, values: AsyncIterator[Any], status_code: int = 200) -> None:
        super().__init__(_encode(values), status_code, headers={"cache-control": "no-store"})
