"""What an engine counts of the calls by contract."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Protocol

import pytest

import weft
from weft.errors import DeadlineExceeded, InstanceLost, PluginError, Unavailable, WrongArgument, WrongResult


class Closed(Exception):  # noqa: N818 - a name that a plugin writes as well
    pass


@weft.contract(name="counted_press")
class Press(Protocol):
    @weft.raises(Closed)
    async def printed(self, page: str) -> str: ...

    def pages(self, most: int) -> AsyncIterator[str]: ...

    async def bound(self, pages: AsyncIterator[str]) -> int: ...


PRESS = """
# /// script
# [tool.weft]
# provides = ["counted_press"]
# limits.call = "2s"
# ///
import asyncio
import os

class Closed(Exception):
    pass

class Plugin:
    async def printed(self, page: str) -> str:
        if page == "late":
            await asyncio.sleep(20)
        if page == "die":
            os._exit(1)
        if page == "closed":
            raise Closed("for today")
        if page == "wrong":
            return 1
        if page == "raise":
            raise LookupError("no paper")
        return page

    async def pages(self, most):
        for number in range(most):
            yield str(number)
        raise LookupError("no paper")

    async def bound(self, pages):
        return len([page async for page in pages])
"""


async def of_pages(*pages):
    for page in pages:
        yield page


def test_calls_are_counted_and_their_errors_but_not_those_that_are_agreed_or_the_callers_own(
    run, engine, tmp_path, eventually
):
    (tmp_path / "press.py").write_text(PRESS)

    async def main():
        async with engine() as its:
            (plugin,) = await its.load(tmp_path / "press.py")
            press = its.use(Press)

            def counted():
                stats = plugin.stats()
                return stats["calls"], stats["errors"]

            assert counted() == (0, 0)
            assert await press.printed("a") == "a"
            with pytest.raises(Closed):
                await press.printed("closed")
            with pytest.raises(WrongArgument):
                await press.printed(object())
            cancelled = asyncio.create_task(press.printed("late"))
            await asyncio.sleep(0.02)
            cancelled.cancel()
            with pytest.raises(asyncio.CancelledError):
                await cancelled
            assert await press.bound(of_pages("a", "b")) == 2
            assert counted() == (5, 0)

            for page, error in (("raise", PluginError), ("wrong", WrongResult), ("late", DeadlineExceeded)):
                with pytest.raises(error):
                    await press.printed(page)
            with pytest.raises(PluginError):
                [page async for page in press.pages(2)]
            assert counted() == (9, 4)

            with pytest.raises(InstanceLost):
                await press.printed("die")
            assert counted() == (10, 5)
            await eventually(lambda: plugin.restarts == 1)
            await its.restart("press")
            assert counted() == (10, 5)  # it is the plugin's, whatever instance answered
            await its.stop("press")
            with pytest.raises(Unavailable):
                await press.printed("a")
            assert counted() == (11, 6)

    run(main())


RELAY = """
# /// script
# [tool.weft]
# provides = ["counting_relay"]
# permissions.plugins = ["press"]
# ///
from typing import Protocol
import weft

@weft.contract(name="counted_press")
class Press(Protocol):
    async def printed(self, page: str) -> str: ...

class Plugin:
    def __init__(self, context):
        self.press = context.use(Press, "press")
    async def ask(self, page: str) -> str:
        return await self.press.printed(page)
"""


@weft.contract(name="counting_relay")
class Relay(Protocol):
    async def ask(self, page: str) -> str: ...


def test_calls_of_another_plugin_count_too(run, engine, tmp_path):
    (tmp_path / "press.py").write_text(PRESS)
    (tmp_path / "relay.py").write_text(RELAY)

    async def main():
        async with engine() as its:
            await its.load(tmp_path / "press.py")
            await its.load(tmp_path / "relay.py")
            relay = its.use(Relay)
            assert await relay.ask("a") == "a"
            with pytest.raises(PluginError):
                await relay.ask("raise")
            for name in ("press", "relay"):
                stats = its.plugin(name).stats()
                assert (name, stats["calls"], stats["errors"]) == (name, 2, 1)

    run(main())
