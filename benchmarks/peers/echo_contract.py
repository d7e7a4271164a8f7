"""The contract of Weft's hosts, with and without await, and the plugins that provide it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Protocol

import weft

PLUGIN = Path(__file__).parents[1] / "plugins/echo.py"
INLINE = Path(__file__).parents[1] / "plugins/echo_inline.py"


@weft.contract(name="echo")
class Echo(Protocol):
    """Hands back what it is given."""

    async def echo(self, data: bytes) -> bytes: ...

    def numbers(self, count: int) -> AsyncIterator[int]: ...


@weft.contract(name="echo")
class BlockingEcho(Protocol):
    """The same, for hosts that do not await."""

    def echo(self, data: bytes) -> bytes: ...

    def numbers(self, count: int) -> Iterator[int]: ...
