"""What only the channel over the wire has: ids, hellos, pings, and a peer that does not keep to the protocol."""

from __future__ import annotations

import asyncio

import pytest

from weft.calls.wired import MOST_CUT, MOST_WAITING
from weft.errors import (
    DeadlineExceeded,
    DrainEnded,
    InstanceLost,
    Overloaded,
    ProtocolError,
    StartFailed,
    Unavailable,
    WeftError,
    WrongArgument,
)
from weft.wire import frames
from weft.wire.frames import HEADER
from weft.wire.pieces import MAX_VALUE
from weft.wire.values import MOST_VALUES

ANSWERABLE = {"kind": "raised", "type": "E", "message": "m", "traceback": ""}


def call(*, method="web.request", args=None, streaming=False, timeout=None):
    return [method, streaming, timeout, None, args or []]


ITEM = b"i" * 64 * 1024
VIOLATIONS = {
    "items without credit": [(frames.ITEM, 1, ITEM)] * 10,
    "a call with an id of ours": [(frames.CALL, 1, call())],
    "a call that is text": [(frames.CALL, 2, "web.request")],
    "a call that is a map": [(frames.CALL, 2, {"method": "web.request"})],
    "a call too short": [(frames.CALL, 2, ["web.request", []])],
    "a call whose method is a number": [(frames.CALL, 2, call(method=7))],
    "a call whose arguments are text": [(frames.CALL, 2, call(args="text"))],
    "a call whose streaming is a number": [(frames.CALL, 2, call(streaming=1))],
    "a call whose timeout is text": [(frames.CALL, 2, call(timeout="soon"))],
    "credit of nothing": [(frames.CREDIT, 1, 0)],
    "negative credit": [(frames.CREDIT, 1, -5)],
    "credit that is true": [(frames.CREDIT, 1, True)],
    "credit that is text": [(frames.CREDIT, 1, "much")],
    "a second hello": [(frames.HELLO, 0, {"wire": 1}), (frames.HELLO, 0, {"wire": 1})],
    "a hello that is a list": [(frames.HELLO, 0, [1])],
}


@pytest.mark.parametrize("name", VIOLATIONS)
def test_a_violation_ends_the_connection_and_every_call_once(run, raw_peer, recording, name):
    async def main():
        async with raw_peer() as peer:
            callers = [recording(grants=False) for _ in range(3)]
            for caller in callers:
                peer.channel.open("hold", [], caller)
            for frame in VIOLATIONS[name]:
                await peer.say(*frame)
            error = await peer.ended()
            assert isinstance(error, ProtocolError)
            assert "plugin shop 1.2: broke the wire protocol" in str(error)
            for caller in callers:
                ((_, found),) = caller.last_words
                assert found.args == error.args
                assert isinstance(found, ProtocolError)
            assert peer.channel.closed
            assert peer.faults == []

    run(main())


@pytest.mark.parametrize(
    "data",
    [
        b"\x00" * 4096,
        b"\xff" * 64,
        b"HTTP/1.1 200 OK\r\n\r\n",
        HEADER.pack(1, frames.RESULT, 1) + b"\xc1",
        HEADER.pack(50_001, frames.RESULT, 1) + b"\x91" * 50_001,
        HEADER.pack(2, frames.ITEM, 1) + b"\xc0\xc0",
    ],
)
def test_garbage_ends_the_connection_and_every_call_once(run, raw_peer, recording, data):
    async def main():
        async with raw_peer() as peer:
            caller = recording()
            peer.channel.open("hold", [], caller)
            await peer.write(data)
            assert isinstance(await peer.ended(), ProtocolError)
            assert isinstance(await caller.over(), ProtocolError)

    run(main())


def test_frames_of_calls_that_have_ended_are_ignored(run, raw_peer, recording):
    async def main():
        async with raw_peer() as peer:
            caller = recording()
            peer.channel.open("hold", [], caller).cancel()
            for kind, value in [
                (frames.ITEM, b"late"), (frames.CREDIT, 10), (frames.RESULT, 1), (frames.ERROR, ANSWERABLE),
                (frames.CANCEL, None), (frames.END, None), (frames.PONG, "nobody asked"), (frames.PONG, [1]),
            ]:  # fmt: skip
                for call_id in (1, 2, 77, 78):
                    await peer.say(kind, call_id, value)
            after = recording()
            peer.channel.open("echo", [], after)
            await peer.say(frames.RESULT, 3, "fine")
            assert await after.over() == "fine"
            assert caller.happened == []

    run(main())


@pytest.mark.parametrize(
    ("described", "kind", "text"),
    [
        ({"kind": "start", "message": "no"}, StartFailed, "plugin shop 1.2: no"),
        ({"kind": "deadline", "message": "late"}, DeadlineExceeded, "plugin shop 1.2: late"),
        ({"kind": "unavailable", "message": "gone"}, Unavailable, "plugin shop 1.2: gone"),
        ({"kind": "invented", "message": "?"}, WeftError, "plugin shop 1.2: ?"),
        ({}, WeftError, "plugin shop 1.2: "),
        ("text", ProtocolError, "an error that is none"),
        ({"kind": 7}, ProtocolError, "an error that is none"),
        ({"message": ["list"]}, ProtocolError, "an error that is none"),
        (None, ProtocolError, "an error that is none"),
    ],
)
def test_errors_of_every_kind_and_of_none(run, raw_peer, recording, described, kind, text):
    async def main():
        async with raw_peer() as peer:
            caller = recording()
            peer.channel.open("x", [], caller)
            await peer.say(frames.ERROR, 1, described)
            error = await caller.over()
            assert isinstance(error, kind)
            assert text in str(error)
            assert not peer.channel.closed

    run(main())


def test_the_end_of_the_socket_is_an_instance_lost(run, raw_peer, recording):
    async def main():
        async with raw_peer() as peer:
            caller = recording()
            peer.channel.open("hold", [], caller)
            ping = asyncio.create_task(peer.channel.ping(10))
            await asyncio.sleep(0)
            peer._sock.close()
            assert not isinstance(await peer.ended(), ProtocolError)
            error = await caller.over()
            assert isinstance(error, InstanceLost)
            assert error.plugin == "shop"
            with pytest.raises(InstanceLost):
                await ping
            with pytest.raises(InstanceLost):
                await peer.channel.ping(10)
            with pytest.raises(InstanceLost):
                await peer.channel.greet(10)

    run(main())


def test_hellos_are_exchanged(run, wired):
    async def main():
        async with wired({}) as pair:
            theirs, ours = await asyncio.gather(pair.host.greet(5), pair.plugin.greet(5))
            for hello in (theirs, ours):
                assert hello["wire"] == frames.VERSION
                assert set(hello) == {"wire", "python", "pid"}

    run(main())


@pytest.mark.parametrize("hello", [{"wire": 2}, {"wire": "1"}, {}])
def test_another_wire_version_is_refused_by_name(run, raw_peer, hello):
    async def main():
        async with raw_peer() as peer:
            await peer.say(frames.HELLO, 0, hello)
            with pytest.raises(ProtocolError, match=r"plugin shop 1\.2: speaks wire version .*, expected 1"):
                await peer.channel.greet(5)

    run(main())


def test_no_hello_is_a_missed_deadline(run, raw_peer):
    async def main():
        async with raw_peer() as peer:
            with pytest.raises(DeadlineExceeded, match=r"sent no hello within 0\.02 s"):
                await peer.channel.greet(0.02)

    run(main())


def test_a_ping_is_answered_and_a_missing_answer_told(run, wired, raw_peer):
    async def main():
        async with wired({}) as pair:
            await asyncio.gather(*(pair.host.ping(5) for _ in range(10)), pair.plugin.ping(5))
        async with raw_peer() as peer:
            with pytest.raises(DeadlineExceeded, match=r"did not answer a ping within 0\.02 s"):
                await peer.channel.ping(0.02)
            await peer.say(frames.PONG, 0, 1)  # too late

    run(main())


def test_both_sides_call_at_once(run, wired, provider, recording):
    async def main():
        async with wired(provider.methods, provider.methods) as pair:
            both = [each.call("echo", [number]) for number in range(200) for each in (pair.host, pair.plugin)]
            answers = await asyncio.gather(*both)
            assert answers == [[number] for number in range(200) for _ in range(2)]

    run(main())


def test_ids_begin_anew_and_step_over_calls_still_open(run, wired, provider, recording):
    async def main():
        async with wired(provider.methods) as pair:
            long = [recording(), recording()]
            for caller in long:
                pair.host.open("hold", [], caller)
            pair.host._next_id = frames.LAST_ID - 4
            answers = await asyncio.gather(*(pair.host.call("echo", [number]) for number in range(10)))
            assert answers == [[number] for number in range(10)]
            assert [caller.happened for caller in long] == [[], []]
            assert not pair.host.closed
            pair.host.fail(DrainEnded("enough"))

    run(main())


@pytest.mark.parametrize(("last", "first"), [(frames.LAST_ID, 1), (frames.LAST_ID - 1, 2)])
def test_each_side_keeps_its_own_ids(last, first):
    assert frames.next_id(last) == first
    assert frames.next_id(first) == first + 2


def test_drained_waits_for_the_last_call(run, wired, provider, recording):
    async def main():
        async with wired(provider.methods) as pair:
            await pair.host.drained()
            caller = recording()
            held = pair.host.open("hold", [], caller)
            waiting = [asyncio.create_task(pair.host.drained()) for _ in range(2)]
            await pair.host.call("echo")
            assert not any(each.done() for each in waiting)
            waiting[0].cancel()
            await asyncio.sleep(0)
            held.cancel()
            done = await asyncio.wait_for(asyncio.gather(*waiting, return_exceptions=True), 5)
            assert isinstance(done[0], asyncio.CancelledError)
            assert done[1] is None

    run(main())


def test_failing_ends_every_call_on_both_sides_and_the_channel_goes_on(run, wired, provider, recording):
    async def main():
        async with wired(provider.methods) as pair:
            callers = [recording() for _ in range(3)]
            for caller in callers:
                pair.host.open("hold", [], caller)
            await pair.host.call("echo")
            error = DrainEnded("limits.drain ran out", plugin="shop")
            pair.host.fail(error)
            assert [caller.happened for caller in callers] == [[("error", error)]] * 3
            await pair.host.drained()
            for consumer in provider.consumers:
                if consumer.kinds() != []:
                    continue
                await consumer.until(lambda consumer=consumer: consumer.kinds() == ["cancel"] or True)
            assert await pair.host.call("echo", [1]) == [1]
            assert pair.plugin.serving == 0

    run(main())


def test_an_answer_too_large_is_the_callees_error_not_silence(run, wired):
    def large(request, reply):
        reply.result(bytes(MAX_VALUE))

    def strange(request, reply):
        reply.result(object())

    async def main():
        async with wired({"large": large, "strange": strange}) as pair:
            with pytest.raises(WeftError, match="over the limit of .*: stream it"):
                await pair.host.call("large", timeout=5)
            with pytest.raises(WeftError, match=r"expected a value that can cross, found object"):
                await pair.host.call("strange", timeout=5)

    run(main())


def test_an_answer_of_too_many_values_is_the_callees_error_too(run, wired):
    def many(request, reply):
        reply.result([None] * MOST_VALUES)

    def most(request, reply):
        reply.result([None] * (MOST_VALUES - 1))

    async def main():
        async with wired({"many": many, "most": most}) as pair:
            with pytest.raises(WeftError, match="over the limit of .*: stream it"):
                await pair.host.call("many", timeout=15)
            assert len(await pair.host.call("most", timeout=15)) == MOST_VALUES - 1

    run(main())


def test_arguments_too_large_are_the_callers_error(run, wired, provider):
    async def main():
        async with wired(provider.methods) as pair:
            with pytest.raises(WrongArgument, match="echo: its arguments cannot be sent: .*: stream it"):
                await pair.host.call("echo", [bytes(MAX_VALUE)])
            assert pair.host.in_flight == 0
            assert await pair.host.call("echo", [1]) == [1]

    run(main())


def test_an_error_whose_text_cannot_be_made_still_arrives(run, wired):
    class SilentError(Exception):
        def __str__(self):
            raise RuntimeError("nothing to say")

    def silent(request, reply):
        raise SilentError

    def lengthy(request, reply):
        raise ValueError("long " * 1_000_000 + "\udcff")

    async def main():
        async with wired({"silent": silent, "lengthy": lengthy}) as pair:
            with pytest.raises(WeftError, match="its message cannot be shown: RuntimeError"):
                await pair.host.call("silent", timeout=5)
            with pytest.raises(WeftError, match="left out"):
                await pair.host.call("lengthy", timeout=5)

    run(main())


def test_relief_reaches_those_with_credit_only(run, wired, provider, recording, eventually):
    """A sender that is out of credit must not take the relief of the connection for credit."""

    async def main():
        async with wired(provider.methods) as pair:
            callers = [recording(grants=False) for _ in range(12)]
            pair.host.connection._transport.pause_reading()
            calls = [pair.host.open("count", [100, 32 * 1024], caller) for caller in callers]
            await eventually(lambda: pair.plugin.connection.congested)
            pair.host.connection._transport.resume_reading()
            await pair.host.call("echo")
            for caller, each in zip(callers, calls, strict=True):
                caller.hand = each
                each.grant(caller.unpaid)
                caller._grants = True
            assert [await caller.over() for caller in callers] == ["counted"] * 12

    run(main())


def test_a_peer_that_asks_without_reading_answers_is_bounded(run, raw_peer):
    async def main():
        async with raw_peer() as peer:
            flood = peer.frame(frames.PING, 0, "x" * 100_000) + peer.frame(frames.CALL, 2, call(method="m" * 50_000))
            try:
                for _ in range(400):
                    await asyncio.wait_for(peer.write(flood), 1)
                    if peer.lost:
                        break
            except (TimeoutError, ConnectionError):
                pass
            buffered = 0 if peer.lost else peer.channel.connection._transport.get_write_buffer_size()
            assert buffered < 8 * 1024 * 1024

    run(main())


def test_calls_that_their_callers_left_do_not_pile_up_for_a_peer_that_does_not_read(run, raw_peer, recording):
    async def main():
        async with raw_peer() as peer:
            while peer.channel.connection.waiting <= MOST_WAITING:
                peer.channel.open("web.request", ["x" * 50_000], recording()).cancel()
                await asyncio.sleep(0)
            with pytest.raises(Overloaded, match="shop"):
                peer.channel.open("web.request", [], recording())

    run(main())


def test_large_arguments_do_not_pile_up_for_a_peer_that_does_not_read(run, raw_peer, recording):
    async def main():
        async with raw_peer() as peer:
            large = bytes(16 * 1024 * 1024)
            while peer.channel.connection.cut <= MOST_CUT:
                peer.channel.open("web.request", [large], recording())
                await asyncio.sleep(0)
            with pytest.raises(Overloaded, match="shop"):
                peer.channel.open("web.request", [large], recording())

    run(main())


def test_a_host_cuts_off_whoever_calls_and_does_not_read_the_answers(run, raw_peer):
    async def main():
        async with raw_peer() as peer:
            peer.channel._methods = {"large": lambda _request, reply: reply.result("x" * 1_000_000)}
            for number in range(2, 400, 2):
                if peer.lost:
                    break
                await peer.say(frames.CALL, number, call(method="large"))
                await asyncio.sleep(0)
            assert "does not read the answers" in str(await peer.ended())

    run(main())


def test_an_error_longer_than_honest_ones_is_cut(run, raw_peer, recording):
    async def main():
        async with raw_peer() as peer:
            call = recording()
            peer.channel.open("web.request", [], call)
            long = dict.fromkeys(("type", "message", "traceback"), "x" * 300_000)
            await peer.write(peer.frame(frames.ERROR, 1, {"kind": "raised", **long}))
            error = await call.over()
            assert all(0 < len(part) < 100_000 for part in (error.message, error.traceback, error.type_name))

    run(main())


def test_an_item_where_none_belongs_leaves_no_call_behind(run, raw_peer):
    async def main():
        async with raw_peer() as peer:
            asked = asyncio.create_task(peer.channel.call("hold", timeout=30))
            await asyncio.sleep(0)
            await peer.say(frames.ITEM, 1, "unasked")
            with pytest.raises(ProtocolError, match="where one result was expected"):
                await asked
            assert peer.channel.in_flight == 0
            await peer.channel.drained()

    run(main())
