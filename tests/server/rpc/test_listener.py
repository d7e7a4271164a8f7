"""Connections over real sockets: calls in flight, bad input, deadlines and bounds."""

from __future__ import annotations

import asyncio
import base64
import json
import time

import pytest

from weft.errors import UsageError
from weft.gob import Array, Basic, Encoder, Map, Slice, Struct
from weft.server.rpc.calls import Method
from weft.server.rpc.connection import LARGE_BYTES as LARGE

DATA = Struct("Sent", (("Data", Basic.BYTES),))


class Service:
    """``S.Echo`` answers at once, ``S.Wait`` when ``go`` is set; ``S.Keep`` takes large data, and waits as well."""

    def __init__(self):
        self.go = asyncio.Event()
        self.under_way = self.most = self.held = self.most_held = 0
        self.keep = asyncio.Event()

    @property
    def services(self):
        waits = Method(Basic.STRING, Basic.STRING, self._wait)
        keeps = Method(DATA, Basic.INT, self._keep)
        return {"S": {"Echo": Method(Basic.STRING, Basic.STRING, self._echo), "Wait": waits, "Keep": keeps}}

    def _echo(self, text, _taken):
        if text == "fail":
            raise UsageError("as you say")
        return text

    async def _wait(self, text, _taken):
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        await self.go.wait()
        self.under_way -= 1
        if text == "break":
            raise LookupError("a bug")
        return text

    async def _keep(self, sent, taken):
        self.held += 1
        self.most_held = max(self.most_held, self.held)
        await self.keep.wait()
        self.held -= 1
        taken()
        await self.go.wait()
        return len(sent["Data"])


async def until(condition):
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline, "it does not happen"
        await asyncio.sleep(0.005)


def echo(client, text="x"):
    return client.ask("S.Echo", Basic.STRING, text)


# --- calls in flight ------------------------------------------------------------------------------------------------


def test_a_call_that_waits_holds_up_no_other(listening, kinds, run):
    async def main():
        service = Service()
        async with listening(service.services) as connect:
            gob, json_ = await connect(kinds[0]), await connect(kinds[1])
            gob.call("S.Wait", Basic.STRING, "slow")
            json_.call("S.Wait", "slow", number="a")
            assert await echo(gob, "quick") == ({"ServiceMethod": "S.Echo", "Seq": 2}, "quick")
            assert await json_.ask("S.Echo", "quick", number="b") == {"id": "b", "result": "quick", "error": None}
            service.go.set()
            assert await gob.answer() == ({"ServiceMethod": "S.Wait", "Seq": 1}, "slow")
            assert await json_.answer() == {"id": "a", "result": "slow", "error": None}

    run(main())


def test_calls_under_way_are_bounded_and_none_is_lost(listening, kinds, run):
    async def main():
        service = Service()
        async with listening(service.services, max_in_flight=5) as connect:
            client = await connect(kinds[0])
            for number in range(50):
                client.call("S.Wait", Basic.STRING, str(number))
            await until(lambda: service.under_way == 5)
            service.go.set()
            answers = [await client.answer() for _ in range(50)]
            assert sorted(int(value) for _, value in answers) == list(range(50))
            assert service.most == 5

    run(main())


def test_many_calls_in_one_write_are_all_answered_in_order(listening, kinds, run):
    async def main():
        async with listening(Service().services) as connect:
            client, other = await connect(kinds[1]), await connect(kinds[1])
            client.send(b"".join(b'{"method":"S.Echo","params":["x"],"id":%d}' % number for number in range(2000)))
            assert (await other.ask("S.Echo", "y"))["result"] == "y"
            assert [(await client.answer())["id"] for _ in range(2000)] == list(range(2000))

    run(main())


def test_a_client_that_sends_no_more_still_gets_its_answers(listening, kinds, run):
    async def main():
        service = Service()
        async with listening(service.services) as connect:
            client = await connect(kinds[1])
            client.call("S.Wait", "last")
            client.writer.write_eof()
            await until(lambda: service.under_way)
            service.go.set()
            assert json.loads(await client.rest())["result"] == "last"

    run(main())


def test_a_client_that_leaves_ends_no_call(listening, kinds, run, logged):
    async def main():
        service = Service()
        async with listening(service.services) as connect:
            client = await connect(kinds[0])
            client.call("S.Wait", Basic.STRING, "x")
            await until(lambda: service.under_way)
            await client.abort()
            await asyncio.sleep(0.1)
            assert service.under_way == 1
            service.go.set()
            await until(lambda: not service.under_way)
            await until(lambda: not connect.listener.connections)
        assert logged == []

    run(main())


def test_what_a_call_raises_is_its_answer(listening, kinds, run, logged):
    async def main():
        service = Service()
        service.go.set()
        async with listening(service.services) as connect:
            client = await connect(kinds[0])
            assert (await echo(client, "fail"))[0]["Error"] == "as you say"
            broken = (await client.ask("S.Wait", Basic.STRING, "break"))[0]["Error"]
            assert broken == "S.Wait failed within the server: LookupError('a bug')"
            assert (await echo(client))[1] == "x"
        assert [line["event"] for line in logged] == ["a call failed within the server"]

    run(main())


# --- bad input ------------------------------------------------------------------------------------------------------


def deep(levels):
    kind, value = Basic.INT, 1
    for _ in range(levels):
        kind, value = Slice(kind), [value]
    return with_argument(kind, value)


def request(method="S.Echo", number=1):
    kind = Struct("Request", (("ServiceMethod", Basic.STRING), ("Seq", Basic.UINT)))
    encoder = Encoder()
    return encoder.encode(kind, {"ServiceMethod": method, "Seq": number}), encoder


def with_argument(kind, value):
    header, encoder = request()
    return header + encoder.encode(kind, value)


SELF = bytes.fromhex("13ff8b020101045472656501ff8c0001ff8c0000")
"""Go's description of ``type Tree []Tree``, number 70."""
GOB = {
    "garbage": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(100), ""),
    "http": (b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n" + bytes(100), ""),
    "a length without end": (b"\xf8" + b"\xff" * 8, "a message of 18446744073709551615 bytes"),
    "an announced message that is too large": (b"\xfc\x7f\xff\xff\xff", "a message of 2147483647 bytes"),
    "an argument that is too large": (request()[0] + b"\xfc\x7f\xff\xff\xff", "a message of 2147483647 bytes"),
    "a request that is none": (Encoder().encode(Basic.STRING, "S.Echo") * 2, "expected a request"),
    "a negative number": (
        Encoder().encode(Struct("R", (("Seq", Basic.INT),)), {"Seq": -1}),
        "expected a request",
    ),
    "a deep argument": (deep(20), "nested deeper than 16"),
    "a slice within itself": (request()[0] + SELF + b"\x7f\xff\x8c\0" + b"\1" * 123 + b"\0", "nested deeper than 16"),
    "many values": (with_argument(Slice(Basic.BOOL), [True] * 30_000), "more than 20000 values"),
    "many keys": (with_argument(Map(Basic.INT, Basic.INT), dict.fromkeys(range(15_000), 0)), "20000 values"),
    "many types": (
        with_argument(Struct("S", tuple((f"F{size}", Array(Basic.INT, size)) for size in range(70))), {}),
        "more than 64 types",
    ),
}
JSON = {
    "a batch": (b'[{"method":"S.Echo","params":["x"],"id":1}]', "net/rpc has no batches"),
    "a batch later": (b'{"method":"S.Echo","params":["x"],"id":1}[]', "net/rpc has no batches"),
    "no object": (b'{"method":"S.Echo","params":["x"],"id":1} 5', "expected a JSON object, found b'5'"),
    "no JSON": (b'{"method":}', "expected a call"),
    "brackets that do not match": (b'{"method":"S.Echo"]', "expected a call"),
    "no method": (b'{"params":["x"],"id":1}', "expected a call"),
    "a method that is no text": (b'{"method":5,"params":["x"],"id":1}', "expected a call"),
    "no UTF-8": (b'{"method":"S.Ech\xff","params":["x"],"id":1}', "expected a call"),
    "a deep argument": (b'{"method":"S.Echo","params":' + b"[" * 5000, "nested deeper than 32"),
    "many brackets": (b'{"method":"S.Echo","params":[' + b"[]," * 30_000, "more than 50000 quotes and brackets"),
    "a long call": (b'{"method":"S.Echo","params":["' + b"x" * 300_000, "a call of more than"),
    "a long id": (b'{"method":"S.Echo","params":["x"],"id":"' + b"x" * 2000 + b'"}', "the id of a call has 2002 bytes"),
}


@pytest.mark.parametrize("name", GOB)
def test_what_is_no_gob_ends_its_connection_and_nothing_else(listening, kinds, run, logged, name):
    stream, told = GOB[name]

    async def main():
        async with listening(Service().services) as connect:
            well, bad = await connect(kinds[0]), await connect(kinds[0])
            assert (await echo(well))[1] == "x"
            bad.send(stream)
            await bad.rest()
            assert (await echo(well))[1] == "x"

    run(main())
    (line,) = logged
    assert (line["event"], line["log_level"]) == ("a client sent what is no call", "warning")
    assert told in line["reason"]


def test_an_argument_that_is_too_large_is_told_where_the_call_is_known(listening, kinds, run):
    async def main():
        async with listening(Service().services) as connect:
            client = await connect(kinds[0])
            client.send(request(number=7)[0] + b"\xfc\x7f\xff\xff\xff")
            header, _ = await client.answer()
            assert (header["Seq"], header["Error"][:28]) == (7, "a message of 2147483647 byte")
            assert await client.rest() == b""

    run(main())


@pytest.mark.parametrize("name", JSON)
def test_what_is_no_json_call_is_told_and_ends_its_connection(listening, kinds, run, logged, name):
    stream, told = JSON[name]

    async def main():
        async with listening(Service().services) as connect:
            well, bad = await connect(kinds[1]), await connect(kinds[1])
            assert (await well.ask("S.Echo", "x"))["result"] == "x"
            bad.send(stream)
            last = (await bad.rest()).splitlines()[-1]
            assert json.loads(last)["id"] is None
            assert told in json.loads(last)["error"]
            assert (await well.ask("S.Echo", "x"))["result"] == "x"

    run(main())
    assert [line["event"] for line in logged] == ["a client sent what is no call"]


@pytest.mark.parametrize("size", [1, 20, 50])
def test_a_stream_that_ends_within_a_call_is_told(listening, kinds, run, logged, size):
    async def main():
        async with listening(Service().services) as connect:
            for kind, stream in (
                (kinds[0], with_argument(Basic.STRING, "x")),
                (kinds[1], b'{"method":"S.Echo"' + b" " * 90),
            ):
                client = await connect(kind)
                client.send(stream[:size])
                client.writer.write_eof()
                await client.rest()

    run(main())
    assert len(logged) == 2
    assert all("ended within a call" in line["reason"] for line in logged)


@pytest.mark.parametrize(
    ("params", "told"),
    [
        (b"", "params are missing"),
        (b',"params":null', "params are missing"),
        (b',"params":{}', "wrong params: Expected `array`, got `object`"),
        (b',"params":"x"', "wrong params: Expected `array`, got `str`"),
        (b',"params":[5]', "wrong params: Expected `str | null`, got `int`"),
        (b',"params":[{}]', "wrong params"),
    ],
)
def test_wrong_params_end_no_more_than_their_call(listening, kinds, run, params, told):
    async def main():
        async with listening(Service().services) as connect:
            client = await connect(kinds[1])
            client.send(b'{"method":"S.Echo"%s,"id":3}' % params)
            answer = await client.answer()
            assert (answer["id"], answer["result"]) == (3, None)
            assert f"S.Echo: {told}" in answer["error"]
            assert (await client.ask("S.Echo", "x"))["result"] == "x"

    run(main())


@pytest.mark.parametrize("number", ['"a"', "null", "1.5", "-1", "18446744073709551616", '{"a": [1]}', "true"])
def test_any_id_goes_back_as_it_came(listening, kinds, run, number):
    async def main():
        async with listening(Service().services) as connect:
            client = await connect(kinds[1])
            client.send(b'{"method":"S.Echo","params":["x", 5],"id":%s}\n' % number.encode())
            assert await client.answer() == {"id": json.loads(number), "result": "x", "error": None}
            client.send(b' {"method":"S.Echo","params":[]}')
            assert await client.answer() == {"id": None, "result": "", "error": None}

    run(main())


# --- deadlines and bounds -------------------------------------------------------------------------------------------


def test_a_client_that_is_silent_within_a_call_is_cut(listening, kinds, run, logged):
    async def main():
        async with listening(Service().services, read_timeout=0.3) as connect:
            slow, idle = await connect(kinds[1]), await connect(kinds[1])
            slow.send(b'{"method":')
            assert await slow.rest() == b""
            assert (await idle.ask("S.Echo", "x"))["result"] == "x"

    run(main())
    assert [(line["event"], line["within"]) for line in logged] == [
        ("a client was silent for too long", "10 bytes of a call")
    ]


def test_an_idle_client_is_cut_and_one_that_waits_for_an_answer_is_not(listening, kinds, run, logged):
    async def main():
        service = Service()
        async with listening(service.services, idle_timeout=1) as connect:
            waits = await connect(kinds[0])
            waits.call("S.Wait", Basic.STRING, "x")
            new, idle = await connect(kinds[0]), await connect(kinds[0])
            await echo(idle)
            assert await new.rest() == await idle.rest() == b""
            service.go.set()
            assert (await waits.answer())[1] == "x"

    run(main())


def test_a_client_that_reads_no_answers_is_read_no_more_and_cut(listening, kinds, run, logged):
    async def main():
        async with listening(Service().services, read_timeout=0.5) as connect:
            client = await connect(kinds[1])
            call = b'{"method":"S.Echo","params":["%s"],"id":1}' % (b"x" * 50_000)
            client.send(call * 1000)  # and its reader takes 32 MiB at most of what comes
            await until(lambda: not connect.listener.connections)

    run(main())
    assert "a client was silent for too long" in [line["event"] for line in logged]


def test_connections_are_bounded(listening, kinds, run, logged):
    async def main():
        async with listening(Service().services, max_connections=2) as connect:
            first, second = await connect(kinds[0]), await connect(kinds[0])
            assert (await echo(first))[1] == (await echo(second))[1] == "x"
            third = await connect(kinds[0])
            assert await third.rest() == b""
            await first.close()
            await until(lambda: len(connect.listener.connections) == 1)
            assert (await echo(await connect(kinds[0])))[1] == "x"

    run(main())
    assert [line["event"] for line in logged] == ["too many clients"]


def test_who_is_not_welcome_is_not_read(listening, kinds, run, logged):
    async def main():
        async with listening(Service().services, welcome=False) as connect:
            client = await connect(kinds[1])
            client.call("S.Echo", "x")
            assert await client.rest() == b""

    run(main())
    (line,) = logged
    assert line["event"].startswith("refused a client that is a plugin, another user's program")


def test_few_large_calls_arrive_at_a_time(listening, kinds, run):
    """Two are taken in; the others wait, unread, until what those sent is kept elsewhere."""

    async def main():
        service = Service()
        async with listening(service.services, most=8 * LARGE) as connect:
            clients = [await connect(kinds[0]) for _ in range(5)]
            for client in clients:
                client.call("S.Keep", DATA, {"Data": bytes(6 * LARGE)})
            small = await connect(kinds[0])
            assert (await echo(small))[1] == "x"
            await until(lambda: service.held == 2)
            await asyncio.sleep(0.1)
            waiting = [each._codec.waiting for each in connect.listener.connections if each._codec]
            assert sum(waiting) < 5 * 2 * LARGE
            await clients[4].abort()
            service.keep.set()
            service.go.set()
            assert [(await client.answer())[1] for client in clients[:4]] == [6 * LARGE] * 4
            assert service.most_held == 2

    run(main())


def test_a_large_call_holds_up_only_what_comes_behind_it(listening, kinds, run):
    async def main():
        service = Service()
        service.go.set()
        async with listening(service.services, most=8 * LARGE) as connect:
            gob, json_, other = await connect(kinds[0]), await connect(kinds[1]), await connect(kinds[1])
            data = bytes(range(256)) * (2 * LARGE // 256)
            gob.call("S.Keep", DATA, {"Data": data})
            gob.call("S.Echo", Basic.STRING, "behind")
            json_.call("S.Keep", {"data": base64.b64encode(data).decode()}, number=1)
            json_.call("S.Keep", {"data": "?" * 2 * LARGE}, number=2)
            json_.call("S.Echo", "behind", number=3)
            await until(lambda: service.held == 2)
            assert (await other.ask("S.Echo", "x"))["result"] == "x"
            service.keep.set()
            assert {(await gob.answer())[1] for _ in range(2)} == {2 * LARGE, "behind"}
            answers = {answer["id"]: answer for answer in [await json_.answer() for _ in range(3)]}
            assert [answers[number]["result"] for number in (1, 2, 3)] == [2 * LARGE, None, "behind"]
            assert answers[2]["error"].startswith("S.Keep: wrong params: ")

    run(main())


def test_the_end_waits_for_calls_under_way_for_as_long_as_it_may(listening, kinds, run):
    async def main():
        service = Service()
        async with listening(service.services) as connect:
            client, other = await connect(kinds[1]), await connect(kinds[1])
            client.call("S.Wait", "x")
            await until(lambda: service.under_way)
            draining = asyncio.create_task(connect.listener.drain(5))
            await asyncio.sleep(0.05)
            service.go.set()
            assert json.loads(await client.rest())["result"] == "x"
            assert await other.rest() == b""
            await draining

    run(main())
