"""The access log: records are taken on the hot path, lines are made off it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from weft.server.front.traffic import Access, Traffic

if TYPE_CHECKING:
    from weft.server.front.request import Request
    from weft.server.front.routes import Address

_HELD = 20_000
"""Records held between two flushes; what comes past it is counted and lost."""

_LONGEST = 2048
"""Bytes kept of a target or a host: a log that cannot be written must not hold what a client made long."""

Sink = Callable[[Sequence[Access]], None]
"""Takes a batch of records, in a thread of its own; never two batches at a time."""


def line(access: Access) -> str:
    """One record as a line: client, request, status, bytes, milliseconds, plugin. Control characters are escaped."""
    host = access.host.decode("latin-1")
    target = access.target.decode("latin-1")
    text = (
        f'{access.client} {host} "{access.method} {target} HTTP/{access.version}" '
        f"{access.status} {access.sent} {access.seconds * 1000:.0f}ms {access.plugin or '-'}"
    )
    return text if text.isprintable() else text.encode("unicode_escape").decode("ascii")


class AccessLog:
    """Bounded between flushes; ``lost`` counts what was dropped."""

    def __init__(self, sink: Sink) -> None:
        self.lost = 0
        self._sink = sink
        self._records: list[Access] = []
        self._flushing: asyncio.Task[None] | None = None

    def add(
        self, client: Address, request: Request, traffic: Traffic | None, *, status: int, sent: int, seconds: float
    ) -> None:
        """One answered request."""
        if len(self._records) >= _HELD:
            self.lost += 1
            return
        self._records.append(
            Access(
                time.time(), traffic.name if traffic is not None else "", client[0] if client else "-",
                request.method, request.host[:_LONGEST], request.target[:_LONGEST], request.version, status, sent,
                seconds,
            )
        )  # fmt: skip

    def flush(self) -> None:
        """Hand over what came since the last time, unless that is still being written."""
        if self._records and (self._flushing is None or self._flushing.done()):
            records, self._records = self._records, []
            self._flushing = asyncio.get_running_loop().create_task(asyncio.to_thread(self._sink, records))

    async def close(self) -> None:
        """Write the rest."""
        if self._flushing is not None:
            await self._flushing
        self.flush()
        if self._flushing is not None:
            await self._flushing
