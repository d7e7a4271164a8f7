"""Plugins that are started together, some of which wait: for others, or for code that is fetched."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from weft.errors import UsageError, WeftError
from weft.server.fleet import Record

Outcome = tuple[str, WeftError | None]
"""What was to be loaded (a plugin's name, or a path), and why it was not."""


@dataclass(frozen=True)
class Wanted:
    """The name and the domains that a plugin will have when it serves."""

    name: str
    domains: tuple[str, ...]

    def meets(self, record: Record) -> bool:
        """Whether another plugin has one of them."""
        return self.name == record.name or not set(self.domains).isdisjoint(record.domains)


@dataclass(frozen=True, eq=False)
class Attempt:
    """One plugin to be started. ``failed`` is called when it was not, and that is the last word."""

    make: Callable[[], Awaitable[Outcome]]
    failed: Callable[[WeftError], None] = lambda _error: None
    fetched: asyncio.Future[Wanted] = field(default_factory=asyncio.Future)
    """Is done once its code has to be fetched, which others do not wait for."""

    def over(self, outcome: Outcome) -> Outcome:
        """``outcome`` is the last word."""
        if outcome[1] is not None:
            self.failed(outcome[1])
        return outcome


class Attempts:
    """Makes attempts, and remembers those of which the last word is not spoken.

    A UsageError is one that others may have caused, as plugins that are required and do not run yet.
    """

    def __init__(self) -> None:
        self._waiting: list[Attempt] = []
        self._fetched: dict[asyncio.Future[Outcome], Attempt] = {}

    @property
    def wanted(self) -> list[Wanted]:
        """By those that are being fetched."""
        return [attempt.fetched.result() for attempt in self._fetched.values()]

    async def make(self, attempts: Sequence[Attempt]) -> AsyncGenerator[Outcome, None]:
        """Make all at the same time; gives outcomes in their order, without those that wait."""
        tasks = {asyncio.ensure_future(attempt.make()): attempt for attempt in attempts}
        try:
            for task, attempt in list(tasks.items()):
                either: set[asyncio.Future[Any]] = {task, attempt.fetched}
                await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
                if task.done():
                    for outcome in self._told(attempt, task.result()):
                        yield outcome
                else:
                    self._fetched[task] = tasks.pop(task)
        finally:
            await _ended(tasks)

    async def make_again(self) -> AsyncGenerator[Outcome, None]:
        """Those that wait for others, as long as that brings one more of them."""
        came = True
        while came and self._waiting:
            waiting, self._waiting = self._waiting, []
            outcomes = [await attempt.make() for attempt in waiting]
            came = any(error is None for _, error in outcomes)
            for attempt, outcome in zip(waiting, outcomes, strict=True):
                if isinstance(outcome[1], UsageError) and (came or self._fetched):
                    self._waiting.append(attempt)
                else:
                    yield attempt.over(outcome)

    async def arrived(self) -> list[Outcome]:
        """What came of those whose code is there next, without those that wait for others."""
        done, _ = await asyncio.wait(self._fetched, return_when=asyncio.FIRST_COMPLETED)
        return [outcome for task in done for outcome in self._told(self._fetched.pop(task), task.result())]

    def _told(self, attempt: Attempt, outcome: Outcome) -> Iterator[Outcome]:
        """``outcome``, unless it may wait for others."""
        if isinstance(outcome[1], UsageError):
            self._waiting.append(attempt)
        else:
            yield attempt.over(outcome)

    async def close(self) -> None:
        """Fetch nothing more."""
        await _ended(self._fetched)


async def _ended(tasks: Iterable[asyncio.Future[Outcome]]) -> None:
    tasks = [*tasks]
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
