"""Provides ``kit_streams``: streams and callbacks, from ``async def`` and from ``def``."""

# ruff: noqa: INP001, UP006, UP035 (a plugin, as they are written on Python 3.9)
from __future__ import annotations

from typing import Any, AsyncIterator, Awaitable, Callable, Iterator, List


class Plugin:
    """One instance."""

    def __init__(self) -> None:
        self._produced = 0
        self._left = 0
        self._kept: Any = None

    async def count(self, until: int) -> AsyncIterator[int]:
        try:
            for number in range(until):
                self._produced += 1
                yield number
        except GeneratorExit:
            self._left += 1
            raise

    def count_def(self, until: int) -> Iterator[int]:
        yield from range(until)

    async def points(self, until: int) -> Any:
        for number in range(until):
            yield {"x": number, "y": 1.0}

    async def wrong(self) -> AsyncIterator[Any]:
        yield 1
        yield "two"

    async def breaks(self, after: int) -> AsyncIterator[int]:
        for number in range(after):
            yield number
        raise LookupError(f"broke after {after}")

    async def doubled(self, numbers: AsyncIterator[int]) -> AsyncIterator[int]:
        async for number in numbers:
            yield 2 * number

    async def total(self, numbers: AsyncIterator[int]) -> int:
        return sum([number async for number in numbers])

    def total_def(self, numbers: Iterator[int]) -> int:
        return sum(numbers)

    async def produced(self) -> int:
        return self._produced

    async def left(self) -> int:
        return self._left

    async def tell(self, times: int, told: Callable[[int], None]) -> int:
        for number in range(times):
            told(number)
        return times

    def tell_def(self, times: int, told: Callable[[int], None]) -> int:
        for number in range(times):
            told(number)
        return times

    def ask_def(self, asked: Callable[[int], str]) -> List[str]:
        return [asked(number) for number in range(3)]

    async def wait(self, awaited: Callable[[int], Awaitable[str]]) -> List[str]:
        return [await awaited(number) for number in range(3)]

    async def handle(self, asked: Callable[[int], Awaitable[str]]) -> str:
        try:
            return await asked(0)
        except Exception as error:  # noqa: BLE001 (it is what is shown)
            return f"{type(error).__name__}: {error}"

    async def keep(self, told: Callable[[int], None]) -> None:
        self._kept = told

    async def use_kept(self) -> str:
        try:
            self._kept(1)
        except Exception as error:  # noqa: BLE001 (it is what is shown)
            return f"{type(error).__name__}: {error}"
        return "told"
