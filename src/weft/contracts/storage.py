"""The built-in contract ``storage``: entries by category and key, each for a time."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime
from typing import Any, AsyncIterator, Awaitable, Callable, Dict, Optional, Protocol, Tuple

from weft.contracts.declare import contract, raises

LONGEST = 1024
"""Bytes of UTF-8 that a category or a key may have."""
LONGEST_TTL = 100 * 365.25 * 24 * 3600
"""Seconds that an entry may be kept for; what is to stay longer has no time."""
PIECE = 64 * 1024
"""Bytes of the pieces in which a value is read."""


class NotFound(LookupError):  # noqa: N818 - what happened, as in weft.errors
    """There is no such entry, or its time is over."""


class InvalidEntry(ValueError):  # noqa: N818 - as above
    """A category, a key or a time to live that an entry cannot have."""


class TooLarge(ValueError):  # noqa: N818 - as above
    """A value, or an entry as a whole, is larger than the storage's bound. What was there before stays."""


class NoRoom(OSError):  # noqa: N818 - as above
    """The storage is full: the disk, or what it may use of it. What was there before stays."""


class Unreachable(ConnectionError):  # noqa: N818 - as above
    """What the storage keeps entries in does not answer. It is asked anew at the next call."""


@dataclass(frozen=True)
class Entry:
    """What a list says of one entry: its key, the bytes of its value, and when its time is over (UTC; None: never)."""

    key: str
    size: int
    expires: Optional[datetime] = None


@dataclass(frozen=True)
class Statistics:
    """What a storage counts; None: it does not.

    ``hits`` and ``misses`` of ``get`` and ``read`` since it started; ``entries`` that are there, and the ``bytes`` of
    their values.
    """

    hits: Optional[int] = None
    misses: Optional[int] = None
    entries: Optional[int] = None
    bytes: Optional[int] = None


class Fills:
    """Sources that are being asked, by entry: whoever wants the same entry meanwhile waits for the same answer."""

    def __init__(self) -> None:
        self._under_way: Dict[Tuple[str, str], asyncio.Future[Any]] = {}

    async def once(self, category: str, key: str, fill: Callable[[], Awaitable[bytes]]) -> bytes:
        """What ``fill()`` gives; of those that ask at the same time one calls it, and all get what it gives or raises.

        When the one that calls it is cancelled, another calls its own.
        """
        entry = category, key
        while entry in self._under_way:
            value = await asyncio.shield(self._under_way[entry])
            if value is not None:
                return bytes(value)
        answer = self._under_way[entry] = asyncio.get_running_loop().create_future()
        try:
            value = await fill()
        except Exception as error:
            answer.set_exception(error)
            answer.exception()  # nobody may be waiting
            raise
        except BaseException:
            answer.set_result(None)
            raise
        else:
            answer.set_result(value)
            return value
        finally:
            del self._under_way[entry]


def check_entry(category: Optional[str] = None, key: Optional[str] = None, ttl: Optional[float] = None) -> None:
    """What every storage refuses of what is given, not None. Raises InvalidEntry.

    Categories and keys are any text of 1 to 1,024 bytes in UTF-8: ``../x`` is a key as good as another, and is never
    taken for a path. ``ttl`` is a number of seconds above 0 and up to 100 years, or None.
    """
    for what, name in (("category", category), ("key", key)):
        if name is not None:
            _check_name(what, name)
    if ttl is not None and not 0 < ttl <= LONGEST_TTL:
        raise InvalidEntry(f"ttl must be a number of seconds above 0 and up to 100 years, or None, found {ttl}")


def _check_name(what: str, name: str) -> None:
    if name.isascii() and 0 < len(name) <= LONGEST:
        return
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

    @raises(InvalidEntry, TooLarge, NoRoom, Unreachable)
    async def put(self, category: str, key: str, value: bytes, ttl: Optional[float] = None) -> None:
        """Keep a value for ``ttl`` seconds from now; without, for the time of its category, or for ever.

        What was there is replaced, its time too. Raises TooLarge and NoRoom; what was there stays then.
        """

    @raises(NotFound, InvalidEntry, Unreachable)
    async def get(self, category: str, key: str) -> bytes:
        """The value. Raises NotFound."""
        ...

    @raises(InvalidEntry, Unreachable)
    async def delete(self, category: str, key: str) -> bool:
        """Forget an entry; returns whether there was one."""
        ...

    @raises(InvalidEntry, Unreachable)
    def list(self, category: str, prefix: str = "") -> AsyncIterator[Entry]:
        """The entries whose keys begin with ``prefix``, by key, in the order of code points; a snapshot of its start.

        A category without entries gives nothing.
        """
        ...

    @raises(InvalidEntry, Unreachable)
    async def purge(self, category: Optional[str] = None, *, everything: bool = False) -> int:
        """Give back the room of entries whose time is over, of one category or of all; returns how many there were.

        ``everything``: also of those whose time is not over, which are deleted.
        """
        ...

    @raises(NotFound, InvalidEntry, Unreachable)
    async def read(self, category: str, key: str) -> AsyncIterator[bytes]:
        """The value in pieces, as it was when the first was asked for. Raises NotFound then.

        A storage that lacks this is asked for the whole value.
        """
        value = await self.get(category, key)
        for start in range(0, len(value), PIECE):
            yield value[start : start + PIECE]

    @raises(InvalidEntry, TooLarge, NoRoom, Unreachable)
    async def write(self, category: str, key: str, pieces: AsyncIterator[bytes], ttl: Optional[float] = None) -> None:
        """Keep a value that comes in pieces, from when the last has come; until then all is as it was.

        A storage that lacks this is given the whole value.
        """
        value = bytearray()
        async for piece in pieces:
            value += piece
        await self.put(category, key, bytes(value), ttl)

    @raises(InvalidEntry, TooLarge, NoRoom, Unreachable)
    async def get_or_fill(
        self, category: str, key: str, fill: Callable[[], Awaitable[bytes]], ttl: Optional[float] = None
    ) -> bytes:
        """The value; where there is none, what ``fill()`` gives, which is kept as ``put`` keeps it.

        However many ask for an entry at the same time, ``fill`` of one of them is called, once. What it raises all of
        them get, and nothing is kept. Whether those of several processes share a call, the storage says. Of one that
        lacks this, those who share one proxy do.
        """
        fills: Fills = self.__dict__.setdefault("_fills", Fills())

        async def filled() -> bytes:
            try:
                return await self.get(category, key)  # another may have filled it since it was missed
            except NotFound:
                value = await fill()
            await self.put(category, key, value, ttl)
            return value

        try:
            return await self.get(category, key)
        except NotFound:
            return await fills.once(category, key, filled)

    @raises(InvalidEntry, Unreachable)
    async def statistics(self, category: Optional[str] = None) -> Statistics:
        """What the storage counts, of one category or of all."""
        if category is None:
            return Statistics()
        sizes = [entry.size async for entry in self.list(category)]
        return Statistics(entries=len(sizes), bytes=sum(sizes))
