"""The built-in contract ``storage``: entries by category and key, each for a time."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime
from typing import AsyncIterator, Optional, Protocol

from weft.contracts.declare import contract, raises

LONGEST = 1024
"""Bytes of UTF-8 that a category or a key may have."""
PIECE = 64 * 1024
"""Bytes of the pieces in which a value is read."""


class NotFound(LookupError):  # noqa: N818 - what happened, as in weft.errors
    """There is no such entry, or its time is over."""


class InvalidEntry(ValueError):  # noqa: N818 - as above
    """A category, a key or a time to live that an entry cannot have."""


@dataclass(frozen=True)
class Entry:
    """What a list says of one entry: its key, the bytes of its value, and when its time is over (UTC; None: never)."""

    key: str
    size: int
    expires: Optional[datetime] = None


def check_entry(category: Optional[str] = None, key: Optional[str] = None, ttl: Optional[float] = None) -> None:
    """What every storage refuses of what is given, not None. Raises InvalidEntry.

    Categories and keys are any text of 1 to 1,024 bytes in UTF-8: ``../x`` is a key as good as another, and is never
    taken for a path. ``ttl`` is a number of seconds above 0, or None.
    """
    for what, name in (("category", category), ("key", key)):
        if name is not None:
            _check_name(what, name)
    if ttl is not None and not 0 < ttl < math.inf:
        raise InvalidEntry(f"ttl must be a number of seconds above 0, or None for ever, found {ttl}")


def _check_name(what: str, name: str) -> None:
    try:
        length = len(name.encode())
    except UnicodeEncodeError as error:
        raise InvalidEntry(f"the {what} is no text that UTF-8 can say: {error.reason}") from None
    if not 0 < length <= LONGEST:
        raise InvalidEntry(f"the {what} must have 1 to {LONGEST} bytes in UTF-8, found {length}")


@contract
class Storage(Protocol):
    """Keeps values (bytes) by category and key, each for a time.

    Two entries are the same where category and key are equal, character by character. An entry whose time is over is
    not there any more, for any method, whether it was purged or not. Whoever reads sees one whole value, or none,
    never a mixture of two. Every method raises InvalidEntry for names and times that ``check_entry`` refuses.
    """

    @raises(InvalidEntry)
    async def put(self, category: str, key: str, value: bytes, ttl: Optional[float] = None) -> None:
        """Keep a value for ``ttl`` seconds from now, or for ever. What was there is replaced, its time too."""

    @raises(NotFound, InvalidEntry)
    async def get(self, category: str, key: str) -> bytes:
        """The value. Raises NotFound."""
        ...

    @raises(InvalidEntry)
    async def delete(self, category: str, key: str) -> bool:
        """Forget an entry; returns whether there was one."""
        ...

    @raises(InvalidEntry)
    def list(self, category: str, prefix: str = "") -> AsyncIterator[Entry]:
        """The entries whose keys begin with ``prefix``, by key, in the order of code points; a snapshot of its start.

        A category without entries gives nothing.
        """
        ...

    @raises(InvalidEntry)
    async def purge(self, category: Optional[str] = None, *, everything: bool = False) -> int:
        """Give back the room of entries whose time is over, of one category or of all; returns how many there were.

        ``everything``: also of those whose time is not over, which are deleted.
        """
        ...

    @raises(NotFound, InvalidEntry)
    async def read(self, category: str, key: str) -> AsyncIterator[bytes]:
        """The value in pieces, as it was when the first was asked for. Raises NotFound then.

        A storage that lacks this is asked for the whole value.
        """
        value = await self.get(category, key)
        for start in range(0, len(value), PIECE):
            yield value[start : start + PIECE]

    @raises(InvalidEntry)
    async def write(self, category: str, key: str, pieces: AsyncIterator[bytes], ttl: Optional[float] = None) -> None:
        """Keep a value that comes in pieces, from when the last has come; until then all is as it was.

        A storage that lacks this is given the whole value.
        """
        value = bytearray()
        async for piece in pieces:
            value += piece
        await self.put(category, key, bytes(value), ttl)
