"""What every storage does, whoever wrote it: one check for each promise of the contract.

Checks use categories of their own, and leave nothing in them; whatever else is in the storage stays.
"""

# ruff: noqa: ASYNC110 (a check waits for what another process does: there is no event for it)
from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from weft.contracts.storage import LONGEST, LONGEST_TTL, PIECE, Entry, InvalidEntry, NotFound, Storage

Check = Callable[[Storage], Awaitable[None]]
SharedCheck = Callable[[Storage, Storage], Awaitable[None]]

HOSTILE = (
    "../x", "..", ".", "/etc/passwd", "a/b", "a\0b", "C:\\x", " ", "ключ", "\u00e9", "e\u0301", "x" * LONGEST, "%2e%2e",
    "\n", "*", "?", "[a]", "a:b", "a_b", "a%3Ab", "\U0001f600",
)  # fmt: skip
"""Names that are text like any other."""
SOON = 0.05
"""Seconds after which a brief entry's time is over."""
OVER_WITHIN = 5.0
"""Seconds in which a storage must see that an entry's time is over."""
AT_ONCE = 20


async def what_is_put_is_got(storage: Storage) -> None:
    """Values come back as they were put, and another one replaces them."""
    names, numbers = _own(), _own()
    await storage.put(names, "ada", b"\0\xff" * 9)
    await storage.put(names, "ada", b"other")
    await storage.put(numbers, "ada", b"")
    _same("get", await storage.get(names, "ada"), b"other")
    _same("get of an empty value", await storage.get(numbers, "ada"), b"")
    _same("delete", await storage.delete(names, "ada"), True)
    _same("delete of what is not there", await storage.delete(names, "ada"), False)
    for name in ("ada", "bob"):
        await _raises(NotFound, "get of what is not there", storage.get(names, name))
    _same("get in another category", await storage.get(numbers, "ada"), b"")
    await storage.purge(numbers, everything=True)


async def names_are_text_and_nothing_else(storage: Storage) -> None:
    """No category or key means a path, a pattern, or another one."""
    category = _own()
    for number, name in enumerate(HOSTILE):
        await storage.put(name[: LONGEST // 4] + category, name, str(number).encode())
        await storage.put(category, name, b"x")
    for number, name in enumerate(HOSTILE):
        its = name[: LONGEST // 4] + category
        _same(f"get of {name[:20]!r}", await storage.get(its, name), str(number).encode())
        _same(f"list of {its[:20]!r}", await _listed(storage, its), [name])
        await storage.delete(its, name)
    _same("list", await _listed(storage, category), sorted(HOSTILE))
    for prefix in ("*", "a", "[a]", "%", "\n", "é"):
        wanted = sorted(each for each in HOSTILE if each.startswith(prefix))
        _same(f"list of prefix {prefix!r}", await _listed(storage, category, prefix), wanted)
    await storage.purge(category, everything=True)


async def wrong_names_and_times_are_refused(storage: Storage) -> None:
    """InvalidEntry, from every method."""
    for category, key in (("", "x"), ("x", ""), ("x" * (LONGEST + 1), "x"), ("x", "é" * LONGEST)):
        where = f"({category[:20]!r}, {key[:20]!r})"
        await _raises(InvalidEntry, f"put{where}", storage.put(category, key, b""))
        await _raises(InvalidEntry, f"get{where}", storage.get(category, key))
        await _raises(InvalidEntry, f"delete{where}", storage.delete(category, key))
        await _raises(InvalidEntry, f"read{where}", anext(storage.read(category, key)))
    for ttl in (0, -1.0, float("nan"), float("inf"), 2 * LONGEST_TTL):
        await _raises(InvalidEntry, f"put with ttl {ttl}", storage.put("x", "x", b"", ttl))
    await _raises(InvalidEntry, "list of category ''", _listed(storage, ""))
    await _raises(InvalidEntry, "purge of category ''", storage.purge(""))


async def an_entry_whose_time_is_over_is_not_there(storage: Storage, *, within: float = OVER_WITHIN) -> None:
    """For no method, whether it was purged or not. ``within``: seconds in which the storage must see it."""
    category, before = _own(), datetime.now(UTC)
    await storage.put(category, "kept", b"1", ttl=3600)
    await storage.put(category, "long", b"1", ttl=LONGEST_TTL)
    await storage.put(category, "ever", b"22", ttl=SOON)
    await storage.put(category, "ever", b"22")
    await storage.put(category, "brief", b"3", ttl=SOON)
    await _over(storage, category, "brief", within)
    await _raises(NotFound, "get", storage.get(category, "brief"))
    await _raises(NotFound, "read", anext(storage.read(category, "brief")))
    _same("delete", await storage.delete(category, "brief"), False)
    ever, kept, _ = [entry async for entry in storage.list(category)]
    _same("an entry without a time", ever, Entry("ever", 2, None))
    _same("the size of an entry", kept.size, 1)
    ends = kept.expires - timedelta(seconds=3600) if kept.expires is not None else None
    _true(f"expires: expected an hour from when it was put, found {kept.expires}", _between(before, ends))
    await storage.purge(category, everything=True)


async def a_list_is_in_order_and_of_a_prefix(storage: Storage) -> None:
    """By key, in the order of code points."""
    category, other = _own(), _own()
    for key in ("b", "a/2", "ä", "a/1", "B", "a"):
        await storage.put(category, key, b"")
    await storage.put(other, "a/3", b"")
    _same("list", await _listed(storage, category), ["B", "a", "a/1", "a/2", "b", "ä"])
    _same("list of a prefix", await _listed(storage, category, "a/"), ["a/1", "a/2"])
    _same("list of a category without entries", await _listed(storage, _own()), [])
    await storage.purge(category, everything=True)
    await storage.purge(other, everything=True)


async def purging_removes_what_is_over(storage: Storage) -> None:
    """And with ``everything`` the rest of the category; an entry may be gone before, but not be counted twice."""
    category, other = _own(), _own()
    for each in (category, other):
        await storage.put(each, "kept", b"")
        await storage.put(each, "brief", b"", ttl=SOON)
    await _over(storage, other, "brief")
    await _over(storage, category, "brief")
    purged = await storage.purge(category)
    _true(f"purge: expected 1, or 0 where it is gone by itself, found {purged}", purged in (0, 1))
    _same("purge again", await storage.purge(category), 0)
    _same("list after purge", await _listed(storage, category), ["kept"])
    _same("purge of everything", await storage.purge(category, everything=True), 1)
    _same("list after purge of everything", await _listed(storage, category), [])
    _same("list of the other category", await _listed(storage, other), ["kept"])
    await storage.purge(other, everything=True)


async def values_stream_in_and_out(storage: Storage) -> None:
    """A stream that is read goes on with the value that it began with."""
    category = _own()
    await storage.write(category, "film", _pieces(), ttl=60)
    whole = b"".join([piece async for piece in _pieces()])
    _same("read", b"".join([piece async for piece in storage.read(category, "film")]), whole)
    _same("get of what was written", await storage.get(category, "film"), whole)
    reading = storage.read(category, "film")
    first = await anext(reading)
    _true(f"read: expected pieces of at most {PIECE} bytes, found {len(first)}", len(first) <= PIECE)
    await storage.put(category, "film", b"other")
    _same("a read that had begun", first + b"".join([piece async for piece in reading]), whole)
    await _raises(NotFound, "read of what is not there", anext(storage.read(category, "none")))
    await storage.purge(category, everything=True)


async def a_value_whose_last_piece_never_comes_is_not_kept(storage: Storage) -> None:
    """What was there before stays."""
    category = _own()

    async def broken() -> AsyncIterator[bytes]:
        yield b"new"
        await asyncio.sleep(SOON)  # it is taken by then
        raise LookupError("no more pieces")

    await storage.put(category, "film", b"old")
    try:
        await storage.write(category, "film", broken())
    except Exception as error:  # noqa: BLE001 (of which class depends on the runtime)
        _true(f"write: expected the stream's own error, found {error}", "no more pieces" in str(error))
    else:
        raise AssertionError("write: expected the stream's own error, found none")
    await asyncio.sleep(SOON)  # whoever keeps a part of it has done so by then
    _same("get", await storage.get(category, "film"), b"old")
    _same("list", await _listed(storage, category), ["film"])
    await storage.purge(category, everything=True)


async def whoever_reads_sees_one_whole_value(storage: Storage) -> None:
    """While others overwrite it."""
    category, values = _own(), [bytes([number]) * 100_000 for number in range(AT_ONCE)]
    await storage.put(category, "x", values[0])
    puts = [storage.put(category, "x", value) for value in values]
    *_, found = await asyncio.gather(*puts, *(storage.get(category, "x") for _ in range(AT_ONCE)))
    _true("get: expected one of the values that were put, found a mixture", found in values)
    await storage.purge(category, everything=True)


async def a_source_is_asked_once(storage: Storage) -> None:
    """However many ask for an entry at the same time; and not at all once it is there."""
    category, asked, go_on = _own(), 0, asyncio.Event()

    async def fill() -> bytes:
        nonlocal asked
        asked += 1
        await go_on.wait()
        return b"value"

    calls = [asyncio.create_task(storage.get_or_fill(category, "x", fill, 60)) for _ in range(AT_ONCE)]
    while not asked:
        await asyncio.sleep(0.01)
    await asyncio.sleep(SOON)  # whoever would ask as well has done so by then
    go_on.set()
    _same("get_or_fill", set(await asyncio.gather(*calls)), {b"value"})
    _same("get_or_fill of what is there", await storage.get_or_fill(category, "x", fill), b"value")
    _same("how often the source was asked", asked, 1)
    _same("get", await storage.get(category, "x"), b"value")
    await storage.purge(category, everything=True)


async def a_source_of_two_is_asked_once(first: Storage, second: Storage) -> None:
    """Of two processes that share their entries: while one fills an entry, the other waits, and asks no source."""
    category, asked, go_on = _own(), 0, asyncio.Event()

    async def fill() -> bytes:
        nonlocal asked
        asked += 1
        await go_on.wait()
        return b"value"

    async def fails() -> bytes:
        raise LookupError("the source is down")

    await first.put(category, "shared", b"")
    _same("what the other has put", await second.get(category, "shared"), b"")
    try:
        await first.get_or_fill(category, "x", fails)
    except Exception as error:  # noqa: BLE001 (of which class depends on the runtime)
        _true(f"get_or_fill: expected the source's error, found {error}", "the source is down" in str(error))
    calls = [asyncio.create_task(each.get_or_fill(category, "x", fill, 60)) for each in (first, second) * AT_ONCE]
    while not asked:
        await asyncio.sleep(0.01)
    await asyncio.sleep(10 * SOON)  # whoever would ask as well has done so by then
    _same("list while it is filled", await _listed(second, category), ["shared"])
    go_on.set()
    _same("get_or_fill", set(await asyncio.gather(*calls)), {b"value"})
    _same("how often the source was asked", asked, 1)
    await first.purge(category, everything=True)


async def a_source_that_fails_fills_nothing(storage: Storage) -> None:
    """Its error is the caller's, and the next call asks again."""
    category = _own()

    async def fails() -> bytes:
        raise LookupError("the source is down")

    async def works() -> bytes:
        return b"value"

    try:
        await storage.get_or_fill(category, "x", fails)
    except Exception as error:  # noqa: BLE001 (of which class depends on the runtime)
        _true(f"get_or_fill: expected the source's error, found {error}", "the source is down" in str(error))
    else:
        raise AssertionError("get_or_fill: expected the source's error, found none")
    _same("list", await _listed(storage, category), [])
    _same("get_or_fill after a failure", await storage.get_or_fill(category, "x", works), b"value")
    await storage.purge(category, everything=True)


async def it_counts_what_it_keeps(storage: Storage) -> None:
    """Entries and bytes of a category; hits and misses, where it counts them."""
    category, before = _own(), await storage.statistics()
    await storage.put(category, "a", b"12")
    await storage.put(category, "b", b"345")
    await storage.put(category, "brief", b"6789", ttl=SOON)
    await _over(storage, category, "brief")
    await storage.get(category, "a")
    await _raises(NotFound, "get", storage.get(category, "none"))
    counted, after = await storage.statistics(category), await storage.statistics()
    _same("entries", counted.entries, 2)
    _same("bytes", counted.bytes, 5)
    if before.hits is not None and after.hits is not None:
        _true(f"hits: expected more than {before.hits}, found {after.hits}", after.hits > before.hits)
    if before.misses is not None and after.misses is not None:
        _true(f"misses: expected more than {before.misses}, found {after.misses}", after.misses > before.misses)
    await storage.purge(category, everything=True)


CHECKS: tuple[Check, ...] = (
    what_is_put_is_got,
    names_are_text_and_nothing_else,
    wrong_names_and_times_are_refused,
    an_entry_whose_time_is_over_is_not_there,
    a_list_is_in_order_and_of_a_prefix,
    purging_removes_what_is_over,
    values_stream_in_and_out,
    a_value_whose_last_piece_never_comes_is_not_kept,
    whoever_reads_sees_one_whole_value,
    a_source_is_asked_once,
    a_source_that_fails_fills_nothing,
    it_counts_what_it_keeps,
)


SHARED_CHECKS: tuple[SharedCheck, ...] = (a_source_of_two_is_asked_once,)
"""Of storages whose entries several processes share: called with what two of them use."""


def _own() -> str:
    """A category that nobody else uses."""
    return f"conformance-{secrets.token_hex(8)}"


async def _listed(storage: Storage, *args: str) -> list[str]:
    return [entry.key async for entry in storage.list(*args)]


async def _pieces() -> AsyncIterator[bytes]:
    for number in range(40):
        yield bytes([number]) * 50_000


async def _over(storage: Storage, category: str, key: str, within: float = OVER_WITHIN) -> None:
    """Wait until an entry's time is over."""
    try:
        async with asyncio.timeout(within):
            while key in await _listed(storage, category):
                await asyncio.sleep(SOON / 5)
    except TimeoutError:
        raise AssertionError(f"list: {key!r}, put with ttl={SOON}, is there after {within:g} s") from None


def _between(before: datetime, moment: datetime | None) -> bool:
    slack = timedelta(seconds=0.01)  # clocks of two programs are rounded in their own ways
    return moment is not None and before - slack <= moment <= datetime.now(UTC) + slack


def _same(what: str, found: Any, expected: Any) -> None:
    _true(f"{what}: expected {_shown(expected)}, found {_shown(found)}", found == expected)


def _true(problem: str, holds: bool) -> None:  # noqa: FBT001 (what is true is the question)
    if not holds:
        raise AssertionError(problem)


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 200 else f"{text[:197]}…"


async def _raises(expected: type[Exception], what: str, call: Awaitable[Any]) -> None:
    try:
        found = await call
    except expected:
        return
    except Exception as error:
        raise AssertionError(f"{what}: expected {expected.__name__}, found {type(error).__name__}: {error}") from error
    raise AssertionError(f"{what}: expected {expected.__name__}, found {_shown(found)}")
