"""What every channel does, whatever runtime it leads to."""

from __future__ import annotations

import asyncio

import pytest

from weft.calls.channel import WINDOW
from weft.errors import DeadlineExceeded, InstanceLost, PluginError, Unavailable, WeftError

PLAIN = [None, True, 0, -1, 1.5, "text", b"bytes", [1, [2, {"key": "value"}]], {"a": None}]


def test_values_come_back_as_they_went(run, channel, provider):
    async def main():
        async with channel(provider.methods) as its:
            assert await its.call("echo", PLAIN) == PLAIN
            assert its.in_flight == 0

    run(main())


def test_many_calls_at_once_get_their_own_answers(run, channel, provider):
    async def main():
        async with channel(provider.methods) as its:
            answers = await asyncio.gather(*(its.call("echo", [number]) for number in range(500)))
            assert answers == [[number] for number in range(500)]

    run(main())


def test_what_a_method_raises_names_the_plugin_and_shows_its_traceback(run, channel, provider):
    async def main():
        async with channel(provider.methods) as its:
            with pytest.raises(PluginError) as caught:
                await its.call("boom", [7])
            error = caught.value
            assert (error.plugin, error.version, error.type_name) == ("shop", "1.2", "ValueError")
            assert error.message == "no good: [7]"
            assert 'raise ValueError("no good: "' in error.traceback
            assert str(error) == "plugin shop 1.2: ValueError: no good: [7]"
            with pytest.raises(PluginError, match="KeyError: 'gone'"):
                await its.call("late")
            assert await its.call("echo", [1]) == [1]

    run(main())


def test_an_unknown_method_is_unavailable(run, channel, provider):
    async def main():
        async with channel(provider.methods) as its:
            with pytest.raises(Unavailable, match=r"plugin shop 1\.2: there is no method 'dance' here"):
                await its.call("dance")

    run(main())


def test_a_deadline_ends_the_wait_and_the_call(run, channel, provider):
    async def main():
        async with channel(provider.methods) as its:
            with pytest.raises(DeadlineExceeded, match=r"shop 1\.2 did not answer hold within 0\.05 s"):
                await its.call("hold", timeout=0.05)
            assert its.in_flight == 0
            (consumer,) = provider.consumers
            await consumer.until(lambda: "cancel" in consumer.kinds())

    run(main())


def test_a_cancelled_caller_cancels_the_call(run, channel, provider, eventually):
    async def main():
        async with channel(provider.methods) as its:
            waiting = asyncio.create_task(its.call("hold"))
            await eventually(lambda: provider.consumers)
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)
            (consumer,) = provider.consumers
            await consumer.until(lambda: "cancel" in consumer.kinds())
            assert its.in_flight == 0

    run(main())


def test_items_to_the_caller_arrive_in_order_before_the_result(run, channel, provider, recording):
    async def main():
        async with channel(provider.methods) as its:
            caller = recording()
            caller.hand = its.open("count", [50, 30_000], caller)
            assert await caller.over() == "counted"
            assert caller.kinds()[:50] == ["item"] * 50
            assert caller.kinds()[50:] == ["result"]

    run(main())


def test_items_from_the_caller_arrive_in_order_before_the_end(run, channel, provider, recording):
    async def main():
        async with channel(provider.methods) as its:
            caller = recording()
            call = caller.hand = its.open("total", [], caller, streaming=True)
            for _ in range(40):
                if not call.send(bytes(30_000)):
                    had = caller.kinds().count("credit")
                    await caller.until(lambda had=had: caller.kinds().count("credit") > had)
            call.end()
            assert await caller.over() == 40 * 30_000
            (consumer,) = provider.consumers
            assert [kind for kind in consumer.kinds() if kind != "credit"] == ["item"] * 40 + ["end"]

    run(main())


def test_a_caller_that_grants_nothing_stops_the_sender(run, channel, provider, recording):
    async def main():
        async with channel(provider.methods) as its:
            caller = recording(grants=False)
            call = its.open("count", [1000, 32 * 1024], caller)
            await caller.until(lambda: caller.unpaid >= WINDOW)
            await its.call("echo")  # others go on, and whatever was under way has arrived
            sent = provider.consumers[0].sent
            assert WINDOW / (32 * 1024) <= sent + 1 <= WINDOW / (32 * 1024) + 2
            call.grant(caller.unpaid)
            await caller.until(lambda: len(caller.all("item")) > sent)
            call.cancel()

    run(main())


def test_a_callee_that_grants_nothing_stops_the_caller(run, channel, provider, recording):
    async def main():
        async with channel(provider.methods) as its:
            caller = recording()
            call = its.open("hoard", [], caller, streaming=True)
            sent = 0
            while call.send(bytes(32 * 1024)):
                sent += 1
                assert sent < 20
            await its.call("echo")
            assert "credit" not in caller.kinds()
            consumer = provider.consumers[0]
            consumer.hand.grant(consumer.unpaid)
            await caller.until(lambda: "credit" in caller.kinds())
            call.cancel()

    run(main())


def test_last_words_that_follow_the_last_credit_are_no_violation(run, channel, provider, recording):
    async def main():
        async with channel(provider.methods) as its:
            caller = recording()
            call = its.open("hoard", [], caller, streaming=True)
            while call.send(bytes(64 * 1024)):
                pass
            call.send(["close", 1000, ""])
            call.end()
            assert await its.call("echo", ["still here"]) == ["still here"]
            await provider.consumers[0].until(lambda: "end" in provider.consumers[0].kinds())
            call.cancel()

    run(main())


def test_a_call_is_answered_once(run, channel, provider, recording):
    async def main():
        async with channel(provider.methods) as its:
            caller = recording()
            its.open("twice", [], caller)
            assert await caller.over() == "first"
            await its.call("echo")
            assert caller.happened == [("result", "first")]

    run(main())


def test_after_a_cancel_nothing_comes(run, channel, provider, recording):
    async def main():
        async with channel(provider.methods) as its:
            caller = recording()
            call = its.open("count", [1000, 1000], caller)
            call.cancel()
            call.cancel()
            assert its.in_flight == 0
            await its.call("echo")
            assert caller.happened == []
            call.send(b"late")
            call.grant(10)
            call.end()
            await its.call("echo")
            assert caller.happened == []

    run(main())


@pytest.mark.parametrize("callback", ["item", "end"])
def test_an_exception_in_a_callees_callback_ends_that_call_only(run, channel, provider, recording, callback):
    async def main():
        async with channel(provider.methods) as its:
            other = recording()
            its.open("hold", [], other)
            caller = recording()
            call = its.open("broken", [callback], caller, streaming=True)
            call.send(b"1")
            call.end()
            error = await caller.over()
            assert isinstance(error, PluginError)
            assert error.type_name == "LookupError"
            assert other.happened == []
            assert await its.call("echo", [1]) == [1]
            assert [str(fault) for fault in its.noted] == [f"{callback} cannot cope"]

    run(main())


@pytest.mark.parametrize("callback", ["item", "result", "error"])
def test_an_exception_in_a_callers_callback_ends_that_call_only(run, channel, provider, recording, callback):
    async def main():
        async with channel(provider.methods) as its:
            caller = recording(raises=callback)
            method = {"item": "count", "result": "echo", "error": "boom"}[callback]
            caller.hand = its.open(method, [3, 10], caller)
            last = await caller.over()
            assert isinstance(last, WeftError) or callback == "result"
            assert await its.call("echo", [1]) == [1]
            assert its.in_flight == 0
            assert len(caller.last_words) == 1
            assert caller.kinds().count("item") <= 1
            assert [str(fault) for fault in its.noted] == [f"{callback} cannot cope"]

    run(main())


def test_a_closed_channel_fails_its_calls_once_and_opens_no_more(run, channel, provider, recording, eventually):
    async def main():
        async with channel(provider.methods) as its:
            callers = [recording() for _ in range(3)]
            for caller in callers:
                its.open("hold", [], caller)
            await eventually(lambda: len(provider.consumers) == 3)
            await its.close()
            await its.close()
            for caller in callers:
                (word,) = caller.happened
                assert isinstance(word[1], InstanceLost)
                assert word[1].plugin == "shop"
            for consumer in provider.consumers:
                await consumer.until(lambda consumer=consumer: consumer.kinds() == ["cancel"])
            assert its.closed
            assert its.in_flight == 0
            with pytest.raises(Unavailable, match="shop"):
                its.open("echo", [], recording())
            with pytest.raises(Unavailable, match="shop"):
                await its.call("echo")

    run(main())


def test_a_plain_call_that_gets_items_fails(run, channel, provider):
    async def main():
        async with channel(provider.methods) as its:
            with pytest.raises(WeftError, match="where one result was expected"):
                await its.call("count", [3, 10])
            assert its.in_flight == 0

    run(main())
