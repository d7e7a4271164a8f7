"""Exceptions of plugins, deadlines, and callers that leave."""

# ruff: noqa: ASYNC110 (a test waits for what another process does: there is no event for it)
from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

import pytest

from weft.calls.deadline import deadline
from weft.errors import DeadlineExceeded, PluginError
from weft.testing.kit.contracts import Calls, Errors, NotThere
from weft.testing.kit.running import Bench, Conformance, conforms

ANY = {
    "value": "ValueError",
    "exit": "SystemExit",
    "own": "kit_errors.Own",
    "mute": "kit_errors.Mute",
}
NO_EXCEPTION = {"interrupt": "KeyboardInterrupt", "generator": "GeneratorExit"}


class ErrorsConformance(Conformance):
    """What a plugin raises is its call's error, and no other's."""

    @conforms("errors")
    async def test_an_exception_names_the_plugin_and_carries_its_type_and_traceback(self, bench: Bench) -> None:
        plugin = await bench.use(Errors)
        for fail in (plugin.fail, plugin.fail_def):
            with pytest.raises(PluginError, match="no such value") as caught:
                await fail("value")
            error = caught.value
            assert (error.plugin, error.version, error.type_name) == ("errors", "1.0.0", "ValueError")
            assert error.message == "no such value"
            assert "kit_errors.py" in error.traceback
            assert "raise KINDS[kind]" in error.traceback

    @conforms("errors")
    async def test_an_exception_of_any_kind_is_the_error_of_its_call(self, bench: Bench) -> None:
        plugin = await bench.use(Errors)
        await _each_is_an_error(plugin, ANY)

    @conforms("any exception")
    async def test_one_that_ends_interpreters_and_generators_is_the_error_of_its_call(self, bench: Bench) -> None:
        plugin = await bench.use(Errors)
        await _each_is_an_error(plugin, NO_EXCEPTION)

    @conforms("errors")
    async def test_a_declared_exception_comes_back_as_itself(self, bench: Bench) -> None:
        plugin = await bench.use(Errors)
        for find in (plugin.find, plugin.find_def):
            with pytest.raises(NotThere) as caught:
                await find("cup")
            assert caught.value.args == ("cup", 404)


async def _each_is_an_error(plugin: Errors, kinds: dict[str, str]) -> None:
    for kind, type_name in kinds.items():
        for fail in (plugin.fail, plugin.fail_def):
            with pytest.raises(PluginError) as caught:
                await fail(kind)
            assert caught.value.type_name == type_name
    with pytest.raises(PluginError, match="no such value"):
        await plugin.fail("value")


class DeadlinesConformance(Conformance):
    """Calls that end before they are done."""

    @conforms("deadlines")
    async def test_a_deadline_ends_the_call_there_too(self, bench: Bench) -> None:
        plugin = await bench.use(Calls)
        with pytest.raises(DeadlineExceeded):
            async with deadline(0.1):
                await plugin.hang()
        await _until(plugin.ended, 1)
        assert await plugin.join("a") == "a-right"

    @conforms("deadlines")
    async def test_cancelling_the_task_that_waits_cancels_the_plugins(self, bench: Bench) -> None:
        plugin = await bench.use(Calls)
        waiting = [asyncio.create_task(plugin.hang()) for _ in range(3)]
        await _until(plugin.begun, 3)
        for task in waiting:
            task.cancel()
        await asyncio.wait(waiting)
        assert all(task.cancelled() for task in waiting)
        await _until(plugin.ended, 3)

    @conforms("limits.call")
    async def test_the_plugins_own_limit_ends_a_call(self, bench: Bench) -> None:
        plugin = await bench.use(Calls, more="limits: {call: 200ms}\n")
        with pytest.raises(DeadlineExceeded, match=r"plugin calls 1\.0\.0 .*kit_calls\.hang"):
            await plugin.hang()
        await _until(plugin.ended, 1)

    @conforms("limits.call")
    async def test_a_thread_that_never_yields_is_left_behind(self, bench: Bench) -> None:
        plugin = await bench.use(Calls, more="limits: {call: 200ms, threads: 2}\n")
        with pytest.raises(DeadlineExceeded, match="spin"):
            await plugin.spin()
        with suppress(DeadlineExceeded):  # the spinning thread has half of the interpreter
            assert await plugin.join("a") == "a-right"


async def _until(counted: Callable[[], Awaitable[int]], times: int) -> None:
    async with asyncio.timeout(10):
        while await counted() < times:
            await asyncio.sleep(0.01)
