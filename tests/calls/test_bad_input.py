"""What plugins do wrong is a named error of the call in question, in time, and of no other call of the instance."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Protocol

import pytest

from weft.calls.channel import WINDOW
from weft.calls.deadline import deadline
from weft.contracts.declare import contract
from weft.errors import (
    ContractError,
    ContractMismatch,
    DeadlineExceeded,
    InstanceLost,
    PluginError,
    StartFailed,
    Unavailable,
    WrongArgument,
    WrongResult,
)
from weft.wire.pieces import MAX_VALUE

PLUGINS = Path(__file__).parents[1] / "plugins"
BOTH = pytest.mark.weft_runtimes("process", "inline")


class Fine(Protocol):
    async def ok(self, number: int) -> int: ...


@contract
class Hostile(Fine, Protocol):
    async def misbehave(self, kind: str) -> int: ...
    async def misbehave_def(self, kind: str) -> int:
        return 0


@contract
class HostileStream(Fine, Protocol):
    def items(self, kind: str) -> AsyncIterator[int]: ...
    async def counted(self) -> list[int]:
        return []


@contract
class HostileCallbacks(Fine, Protocol):
    async def give(self, told: Callable[[int], None]) -> None: ...
    async def use_given(self) -> None: ...
    async def round(self, depth: int, asked: Callable[[int], Awaitable[int]]) -> int: ...


@contract
class HostileSizes(Fine, Protocol):
    async def data(self, size: int) -> bytes: ...
    async def give(self, data: bytes) -> None: ...
    def items(self, size: int) -> AsyncIterator[bytes]: ...


@contract
class HostileReader(Fine, Protocol):
    async def total(self, numbers: AsyncIterator[int]) -> int: ...
    async def tell(self, told: Callable[[bytes], None]) -> None: ...
    async def nap(self, seconds: float) -> None: ...
    async def pid(self) -> int: ...


@contract
class HostileConstant(Protocol):
    unit: str


@asynccontextmanager
async def unharmed(plugin):
    """Other calls of the same instance go on all the while, and after it, and every one has its own result."""
    over = False

    async def call(first):
        number = first
        while not over:
            assert await plugin.ok(number) == number
            number += 1
            await asyncio.sleep(0)
        return number - first

    callers = [asyncio.create_task(call(1000 * each)) for each in range(4)]
    await asyncio.sleep(0)
    try:
        yield
        await asyncio.gather(*(plugin.ok(number) for number in range(100)))
    finally:
        over = True
        done = await asyncio.gather(*callers)
    assert min(done) > 0


@pytest.fixture
def misbehaving(run, weft_load):
    """``misbehaving(name, contract, test)``: ``await test(plugin)`` while other calls of the plugin are unharmed."""

    def runs(name, cls, test):
        async def main():
            async with weft_load(PLUGINS / f"{name}.py", cls) as plugin, unharmed(plugin):
                await test(plugin)

        run(main())

    return runs


def refused(run, weft_load, name, cls):
    async def main():
        async with weft_load(PLUGINS / f"{name}.py", cls):
            pass

    with pytest.raises(StartFailed) as caught:
        run(main())
    assert caught.value.plugin == name
    return caught.value


def test_a_contract_that_cannot_be_described_is_refused_where_it_is_declared():
    with pytest.raises(ContractError, match="(?s)bad.*connect.*socket.*complex"):

        @contract
        class Bad(Protocol):
            async def connect(self, socket: complex) -> None: ...


@BOTH
def test_a_plugin_that_lacks_a_method_is_refused(run, weft_load):
    error = refused(run, weft_load, "lacks_a_method", Hostile)
    assert isinstance(error, ContractMismatch)
    assert "misbehave(kind: str) -> int" in str(error).replace("misbehave: the contract says (", "misbehave(")


@BOTH
def test_a_plugin_with_another_signature_is_refused_with_both_shown(run, weft_load):
    error = refused(run, weft_load, "another_signature", Hostile)
    assert isinstance(error, ContractMismatch)
    for words in ("kind: str", "kind: int", "more"):
        assert words in str(error)


@BOTH
def test_a_constant_that_raises_refuses_the_plugin(run, weft_load):
    assert "no unit today" in str(refused(run, weft_load, "constant_that_raises", HostileConstant))


NAMES = {
    "exit": "SystemExit",
    "own": "Own",
    "stop": "",
    "cancelled": "",
    "mute": "WithoutWords",
    "muter": "WithoutWordsAtAll",
}
PASSING = {"interrupt": "KeyboardInterrupt", "generator": "GeneratorExit"}


def raises_named(misbehaving, names):
    async def test(plugin):
        for kind, name in names.items():
            for misbehave in (plugin.misbehave, plugin.misbehave_def):
                with pytest.raises(PluginError) as caught:
                    await misbehave(kind)
                assert name in caught.value.type_name
                assert caught.value.plugin == "raises_no_exception"

    misbehaving("raises_no_exception", Hostile, test)


@BOTH
def test_what_is_no_exception_is_an_error_of_its_call(misbehaving):
    raises_named(misbehaving, NAMES)


@pytest.mark.weft_runtimes("process")
def test_interrupts_of_a_process_are_errors_of_their_calls(misbehaving):
    raises_named(misbehaving, PASSING)


@BOTH
@pytest.mark.parametrize("kind", ["text", "none", "object", "function", "deep", "endless", "broken"])
def test_a_result_of_a_wrong_type_is_named(misbehaving, kind):
    async def test(plugin):
        with pytest.raises(WrongResult, match=r"plugin wrong_results|hostile\.misbehave") as caught:
            await plugin.misbehave(kind)
        assert len(str(caught.value)) < 1000

    misbehaving("wrong_results", Hostile, test)


@BOTH
def test_recursion_without_end_is_an_error(misbehaving):
    async def test(plugin):
        for misbehave in (plugin.misbehave, plugin.misbehave_def):
            with pytest.raises(PluginError) as caught:
                await misbehave("")
            assert caught.value.type_name == "RecursionError"

    misbehaving("recurses", Hostile, test)


@BOTH
def test_garbage_on_its_output_harms_no_call(misbehaving, capfd):
    async def test(plugin):
        assert await plugin.misbehave("") == 1

    misbehaving("prints_garbage", Hostile, test)


def test_a_value_over_the_limit_is_named_and_is_never_sent(misbehaving):
    """A gigabyte would fare as one byte too many does: its size is looked at before anything of it is copied."""

    async def test(plugin):
        with pytest.raises(WrongResult, match=r"plugin returns_too_much.*over the limit") as caught:
            await plugin.data(MAX_VALUE)
        assert len(str(caught.value)) < 1000
        stream = plugin.items(MAX_VALUE)
        assert await anext(stream) == b"first"
        with pytest.raises(WrongResult, match=r"plugin returns_too_much.*over the limit"):
            await anext(stream)
        with pytest.raises(WrongArgument, match="over the limit"):
            await plugin.give(bytes(MAX_VALUE))

    misbehaving("returns_too_much", HostileSizes, test)


# --- code that does not yield ----------------------------------------------------------------------------------------


def test_a_thread_that_never_yields_is_given_up_and_the_others_go_on(run, weft_load):
    async def main():
        async with weft_load(PLUGINS / "spins.py", Hostile) as plugin:
            spinning = asyncio.create_task(plugin.misbehave_def(""))
            answers = [await plugin.ok(number) for number in range(20)]
            with pytest.raises(DeadlineExceeded, match=r"spins.*misbehave_def"):
                await spinning
            assert answers == list(range(20))

    run(main())


async def each_in_time(plugin, hanging):
    """The call that blocks, and others beside it: each ends by its own deadline, named, or with its result."""
    began = time.monotonic()
    ends = await asyncio.gather(hanging, *(plugin.ok(each) for each in range(20)), return_exceptions=True)
    assert time.monotonic() - began < 5  # limits.call is half a second
    for number, end in enumerate(ends[1:]):
        assert end == number or isinstance(end, DeadlineExceeded), end
    return ends[0]


def test_an_event_loop_that_never_yields_ends_every_call_by_its_deadline(run, weft_load):
    """Who spins on the plugin's loop holds up all its calls: each has its named error in time; a restart helps."""

    async def main():
        async with weft_load(PLUGINS / "spins.py") as engine:
            await engine.load(PLUGINS / "spins.py", name="other")
            plugin, other = (engine.use(Hostile, name) for name in ("spins", "other"))
            end = await each_in_time(plugin, plugin.misbehave(""))
            assert isinstance(end, DeadlineExceeded)
            assert "plugin spins" in str(end)
            assert await other.ok(1) == 1
            os.kill(engine.plugin("spins").instances[0].pid, signal.SIGKILL)
            async with asyncio.timeout(20):
                while engine.plugin("spins").stats()["restarts"] == 0:
                    await asyncio.sleep(0.01)
            assert await plugin.ok(2) == 2

    run(main())


def test_an_event_loop_that_blocks_for_a_while_answers_again(run, weft_load):
    async def main():
        async with weft_load(PLUGINS / "blocks.py", Hostile) as plugin:
            assert await each_in_time(plugin, plugin.misbehave("0.1")) == 1
            assert isinstance(await each_in_time(plugin, plugin.misbehave("1.5")), DeadlineExceeded)
            async with asyncio.timeout(10):
                while True:
                    try:
                        assert await plugin.ok(3) == 3
                        break
                    except DeadlineExceeded:
                        continue

    run(main())


@BOTH
def test_threads_end_when_the_callers_that_they_wait_for_have_left(misbehaving):
    async def never():
        yield 1
        await asyncio.sleep(600)

    async def test(plugin):
        before = await plugin.pid()
        for _ in range(5):  # each would hold one of two threads
            with pytest.raises(DeadlineExceeded):
                async with deadline(0.1):
                    await plugin.total(never())
            assert await plugin.pid() == before

    misbehaving("reads_in_a_thread", HostileReader, test)


@pytest.mark.weft_runtimes("process")
def test_threads_end_that_call_back_without_end_when_the_caller_has_left(misbehaving):
    async def test(plugin):
        before = await plugin.pid()
        for _ in range(5):
            with pytest.raises(DeadlineExceeded):
                async with deadline(0.1):
                    await plugin.tell(lambda _data: None)
            assert await plugin.pid() == before

    misbehaving("reads_in_a_thread", HostileReader, test)


@BOTH
def test_callers_that_leave_all_at_once_end_no_instance_whose_threads_end_soon(misbehaving):
    async def test(plugin):
        before = await plugin.pid()
        with pytest.raises(DeadlineExceeded):
            async with deadline(0.1):
                await asyncio.gather(plugin.nap(0.3), plugin.nap(0.3))
        assert await plugin.pid() == before

    misbehaving("reads_in_a_thread", HostileReader, test)


# --- streams and callbacks -------------------------------------------------------------------------------------------


@BOTH
@pytest.mark.parametrize("after", [0, 1, 1000])
@pytest.mark.parametrize("name", ["raises_in_stream", "raises_in_plain_stream"])
def test_a_stream_that_raises_gives_its_items_first(misbehaving, name, after):
    async def test(plugin):
        stream = plugin.items(str(after))
        assert [await anext(stream) for _ in range(after)] == list(range(after))
        with pytest.raises(PluginError, match=f"broke after {after}"):
            await anext(stream)

    misbehaving(name, HostileStream, test)


@BOTH
def test_what_a_stream_raises_when_it_is_left_is_the_plugins(misbehaving, weft_runtime):
    async def test(plugin):
        stream = plugin.items("")
        assert await anext(stream) == 1
        if weft_runtime == "process":
            await stream.aclose()  # nobody waits for the other side any longer
        else:
            with pytest.raises(PluginError, match="ValueError: not so fast"):
                await stream.aclose()

    misbehaving("raises_at_stream_end", HostileStream, test)


@pytest.mark.parametrize("kind", ["exit", "kill"])
def test_a_process_that_dies_between_items_is_named_to_every_caller(run, weft_load, kind):
    async def main():
        async with weft_load(PLUGINS / "dies_in_stream.py", HostileStream) as plugin:
            stream, other = plugin.items(kind), plugin.items(kind)
            assert [await anext(stream), await anext(stream)] == [0, 1]
            assert await anext(other) == 0
            for each in (stream, other):
                with pytest.raises(InstanceLost, match="plugin dies_in_stream"):
                    async for _ in each:
                        pass
            async with asyncio.timeout(20):
                while True:
                    try:
                        assert await plugin.ok(1) == 1
                        break
                    except (Unavailable, InstanceLost):
                        await asyncio.sleep(0.01)

    run(main())


@BOTH
def test_a_stream_that_is_never_read_never_begins(misbehaving):
    async def test(plugin):
        stream = plugin.items("")
        assert await plugin.counted() == [0, 0]
        await stream.aclose()
        assert await plugin.counted() == [0, 0]

    misbehaving("endless_stream", HostileStream, test)


@BOTH
def test_a_producer_stops_where_its_consumer_does(misbehaving):
    async def test(plugin):
        stream = plugin.items("")
        assert await anext(stream) == 1
        before = -1
        while (now := (await plugin.counted())[0]) != before:
            before = now
        assert now < 2 * WINDOW
        assert (await plugin.counted())[1] == 0
        await stream.aclose()
        await until_left(plugin)

    misbehaving("endless_stream", HostileStream, test)


def test_a_stream_that_is_let_go_of_ends_its_producer(misbehaving):
    async def test(plugin):
        async for item in plugin.items(""):
            if item == 10:
                break
        gc.collect()
        await until_left(plugin)

    misbehaving("endless_stream", HostileStream, test)


async def until_left(plugin):
    async with asyncio.timeout(10):
        while (await plugin.counted())[1] == 0:
            await asyncio.sleep(0.005)


@pytest.mark.weft_runtimes("process")
def test_a_callback_after_its_call_is_refused(misbehaving):
    async def test(plugin):
        told = []
        await plugin.give(told.append)
        with pytest.raises(Unavailable, match="callback told: the call that it belongs to has ended"):
            await plugin.use_given()
        assert told == [1]

    misbehaving("calls_back_late", HostileCallbacks, test)


@BOTH
def test_callbacks_into_the_plugin_itself_do_not_deadlock(misbehaving):
    async def test(plugin):
        async def again(depth):
            return await plugin.round(depth, again)

        async with deadline(20):
            assert await plugin.round(20, again) == 20

    misbehaving("calls_back_late", HostileCallbacks, test)
