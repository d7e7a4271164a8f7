"""The contract of Weft's hosts, with and without await, and the plugins that provide it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Protocol

import weft

PLUGIN = Path(__file__).parents[1] / "plugins/echo.py"
INLINE = PLUGIN.with_name("echo_inline.py")
INLINE_BLOCKING = PLUGIN.with_name("echo_inline_blocking.py")


@weft.contract(name="echo")
class Echo(Protocol):
    """Hands back what it is given."""

    async def echo(self, data: bytes) -> bytes: ...

    def numbers(self, count: int) -> AsyncIterator[int]: ...


# The same contract, for hosts that do not await.
@weft.contract(name="echo")
class BlockingEcho(Protocol):
    """Hands back what it is given."""

    def echo(self, data: bytes) -> bytes: ...

    def numbers(self, count: int) -> Iterator[int]: ...
