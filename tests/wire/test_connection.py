"""A connection over a real socket pair."""

from __future__ import annotations

import asyncio

import pytest

from weft.wire import frames
from weft.wire.frames import HEADER, FrameError
from weft.wire.pieces import MAX_VALUE

LARGE = bytes(range(256)) * 4096  # 1 MiB


def test_frames_arrive_in_order_with_small_and_large_values(run, ends):
    async def main():
        async with ends() as (here, there):
            values = [1, "text", b"small", LARGE, [b"x" * 9000, {"key": None}], b"y" * 8192, b"", LARGE, "end"]
            for number, value in enumerate(values):
                here.connection.send(frames.ITEM, number, value)
            await there.until(lambda: len(there.received) == len(values))
            assert there.received == [(frames.ITEM, number, value) for number, value in enumerate(values)]

    run(main())


def test_send_tells_the_size_that_the_other_side_counts(run, raw_end):
    async def main():
        async with raw_end() as (here, theirs):
            for value in (None, "text", b"b" * 8191, b"b" * 8192, list(range(1000))):
                size = here.connection.send(frames.ITEM, 1, value)
                loop = asyncio.get_running_loop()
                got = b""
                while len(got) < 9 + size:
                    got += await loop.sock_recv(theirs, 65536)
                assert frames.HEADER.unpack(got[:9]) == (size, frames.ITEM, 1)
                assert len(got) == 9 + size

    run(main())


def test_the_first_frame_of_a_turn_is_written_at_once_and_the_next_ones_together(run, raw_end):
    async def main():
        async with raw_end() as (here, _):
            writes = []
            write = here.transport.write
            here.connection._transport = Recorder(here.transport, writes, write)
            for number in range(100):
                here.connection.send(frames.PING, 0, number)
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            assert len(writes[0]) == 9 + 1
            assert len(writes) <= 1 + 100 / 4 + 1
            here.connection._transport = here.transport

    class Recorder:
        def __init__(self, transport, writes, write):
            self._transport, self._writes, self._write = transport, writes, write

        def write(self, data):
            self._writes.append(data)
            self._write(data)

        def __getattr__(self, name):
            return getattr(self._transport, name)

    run(main())


def test_a_value_larger_than_a_frame_arrives_whole_with_others_between(run, ends):
    async def main():
        async with ends() as (here, there):
            large, text = LARGE * 20, "x" * frames.MAX_PAYLOAD
            size = here.connection.send(frames.CALL, 1, ("method", [large]))
            assert size > len(large)
            here.connection.send(frames.ITEM, 1, "behind it")
            here.connection.send(frames.ITEM, 3, text)
            here.connection.send(frames.PING, 0, "between")
            await there.until(lambda: len(there.received) == 4)
            assert there.received[0] == (frames.PING, 0, "between")
            assert sorted(there.received[1:], key=lambda each: each[1]) == [
                (frames.CALL, 1, ["method", [large]]),
                (frames.ITEM, 1, "behind it"),
                (frames.ITEM, 3, text),
            ]

    run(main())


def test_many_large_values_at_once_wait_for_each_other(run, ends):
    async def main():
        async with ends() as (here, there):
            for number in range(1, 20, 2):
                here.connection.send(frames.RESULT, number, bytes([number]) * (2 * len(LARGE)))
            await there.until(lambda: len(there.received) == 10)
            assert {(number, value[:1], len(value)) for _, number, value in there.received} == {
                (number, bytes([number]), 2 * len(LARGE)) for number in range(1, 20, 2)
            }

    run(main())


def test_a_large_value_that_is_dropped_midway_leaves_nothing_behind(run, ends):
    async def main():
        async with ends() as (here, there):
            here.connection.send(frames.CALL, 1, LARGE * 60)
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            here.connection.drop(1)
            here.connection.send(frames.CANCEL, 1, None)
            here.connection.send(frames.CALL, 1, "again")
            await there.until(lambda: len(there.received) == 2)
            assert there.received == [(frames.CANCEL, 1, None), (frames.CALL, 1, "again")]

    run(main())


def test_a_value_too_large_is_refused_and_the_connection_goes_on(run, ends):
    async def main():
        async with ends() as (here, there):
            with pytest.raises(FrameError, match=f"over the limit of {MAX_VALUE}: stream it"):
                here.connection.send(frames.RESULT, 1, bytes(MAX_VALUE))
            here.connection.send(frames.PING, 0, "after")
            await there.until(lambda: there.received)
            assert there.received == [(frames.PING, 0, "after")]

    run(main())


def test_a_side_that_does_not_read_congests_and_one_that_reads_relieves(run, ends):
    async def main():
        async with ends() as (here, there):
            there.transport.pause_reading()
            sent = 0
            while not here.connection.congested:
                here.connection.send(frames.ITEM, 1, LARGE)
                sent += 1
                await asyncio.sleep(0)
                assert sent < 50, "nothing says that the other side does not read"
            assert here.relieved == 0
            there.transport.resume_reading()
            await here.until(lambda: not here.connection.congested)
            assert here.relieved == 1
            await there.until(lambda: len(there.received) == sent)

    run(main())


def test_what_is_queued_is_written_before_a_close(run, ends):
    async def main():
        async with ends() as (here, there):
            here.connection.send(frames.ITEM, 1, LARGE)
            here.connection.send(frames.ITEM, 1, "last")
            here.connection.close()
            await there.over.wait()
            assert [value for _, _, value in there.received] == [LARGE, "last"]
            assert here.lost == [None]
            assert there.lost == [None]

    run(main())


def test_an_abort_gives_its_fault_once(run, ends):
    async def main():
        async with ends() as (here, there):
            fault = FrameError("enough")
            here.connection.abort(fault)
            here.connection.abort(FrameError("later"))
            await asyncio.gather(here.over.wait(), there.over.wait())
            assert here.lost == [fault]
            assert len(there.lost) == 1
            here.connection.send(frames.PING, 0, None)  # into nothing
            await asyncio.sleep(0)

    run(main())


@pytest.mark.parametrize(
    "data",
    [
        b"\xff" * 9,
        HEADER.pack(1, frames.ITEM, 1) + b"\xc1",
        HEADER.pack(2, frames.ITEM, 1) + b"\xa1\xff",
        HEADER.pack(3, frames.ITEM, 1) + b"\x81\x80\x01",
        HEADER.pack(0, frames.ITEM, 1),
        HEADER.pack(100_001, frames.ITEM, 1) + b"\x91" * 100_001,
        b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
    ],
)
def test_garbage_ends_the_connection_with_its_reason(run, raw_end, data):
    async def main():
        async with raw_end() as (here, theirs):
            await asyncio.get_running_loop().sock_sendall(theirs, data)
            await here.over.wait()
            (fault,) = here.lost
            assert isinstance(fault, (FrameError, ValueError, TypeError, RecursionError))

    run(main())
