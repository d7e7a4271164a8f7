"""What reaches the client of an answer, and what an untrustworthy answer may not do."""

from __future__ import annotations

import asyncio

import pytest

from weft.contracts.web import REQUEST

HOST = b"Host: shop.localhost\r\n"
GET = b"GET / HTTP/1.1\r\n" + HOST + b"\r\n"


class Scripted:
    """The callee of web.request: sends ``items``, then ``result``."""

    def __init__(self, items, result):
        self.items, self.result = items, result
        self.methods = {REQUEST: self.serve}

    def serve(self, request, reply):
        for item in self.items:
            reply.send(item)
        reply.result(self.result)
        return self

    def on_item(self, item, size):
        """Not used."""

    def on_end(self):
        """Not used."""

    def on_credit(self):
        """Not used."""

    def on_cancel(self):
        """Not used."""


def test_whole_answer(run, site, respond):
    async def main():
        async with site(respond(b"Hello", 201, [(b"X-A", b"1"), (b"x-a", b"2")])) as it:
            client = await it.connect()
            for _ in range(3):
                client.send(GET)
                answer = await client.answer()
                assert (answer.status, answer.body, answer.header("content-length")) == (201, b"Hello", "5")
                assert [value for name, value in answer.headers if name == "x-a"] == ["1", "2"]
                assert answer.header("date")
                assert answer.header("connection") is None

    run(main())


def test_hop_by_hop_headers_of_the_application_are_dropped(run, site, respond):
    headers = [(b"connection", b"close"), (b"transfer-encoding", b"chunked"), (b"Keep-Alive", b"1"), (b"x", b"1")]

    async def main():
        async with site(respond(headers=headers)) as it:
            answer = await it.get()
            assert [name for name, _ in answer.headers] == ["x", "date", "content-length"]

    run(main())


def test_date_of_the_application_is_kept(run, site, respond):
    date = "Tue, 15 Nov 1994 08:12:31 GMT"

    async def main():
        async with site(respond(headers=[(b"date", date.encode())])) as it:
            assert (await it.get()).header("date") == date

    run(main())


INVALID = {
    "no list": "nothing",
    "too short": [200, b""],
    "status is text": ["200", b"", b""],
    "status of an interim answer": [101, b"", b""],
    "status out of range": [700, b"", b""],
    "head is text": [200, "a: b\r\n", b""],
    "body is text": [200, b"", "text"],
    "split header": [200, b"a: b\r\n\r\nHTTP/1.1 200 OK\r\n", b""],
    "bare LF": [200, b"a: b\nc: d\r\n", b""],
    "bare CR": [200, b"a: b\rc: d\r\n", b""],
    "NUL": [200, b"a: \0\r\n", b""],
    "no colon": [200, b"a\r\n", b""],
    "no end": [200, b"a: b", b""],
    "space in a name": [200, b"a b: c\r\n", b""],
    "folded": [200, b"a: b\r\n c\r\n", b""],
    "two lengths": [200, b"content-length: 1\r\nContent-Length: 1\r\n", b"a"],
    "length that is no number": [200, b"content-length: one\r\n", b"a"],
    "status is a list": [[], b"", b""],
}


@pytest.mark.parametrize("name", INVALID)
def test_invalid_answer_is_502_for_its_client_alone(run, site, name):
    async def main():
        async with site(methods=Scripted([], INVALID[name]).methods) as it:
            client = await it.connect()
            for _ in range(2):
                client.send(GET)
                assert (await client.answer()).status == 502
            assert it.reports[0].startswith("shop sent an invalid response")

    run(main())


def test_items_of_the_wrong_kind(run, site):
    async def main():
        async with site(methods=Scripted([b"no head"], None).methods) as it:
            assert (await it.get()).status == 502
        async with site(methods=Scripted([[200, b""], b"part", "text"], None).methods) as it:
            answer = await it.get()
            assert (answer.status, answer.body, answer.whole) == (200, b"part", False)

    run(main())


@pytest.mark.parametrize(("length", "body", "whole"), [(3, b"Hel", True), (9, b"Hello", False)])
def test_declared_length_is_kept(run, site, length, body, whole):
    head = b"content-length: %d\r\n" % length

    async def main():
        for script in (Scripted([], [200, head, b"Hello"]), Scripted([[200, head], b"He", b"llo"], None)):
            async with site(methods=script.methods) as it:
                client = await it.connect()
                client.send(GET)
                answer = await client.answer()
                assert (answer.body, answer.whole) == (body, whole)
                assert await client.closed()

    run(main())


@pytest.mark.parametrize("status", [204, 304])
@pytest.mark.parametrize("stream", [False, True])
def test_statuses_without_a_body(run, site, status, stream):
    head = b"content-length: 5\r\n"
    script = Scripted([[status, head], b"Hello"], None) if stream else Scripted([], [status, head, b"Hello"])

    async def main():
        async with site(methods=script.methods) as it:
            client = await it.connect()
            for _ in range(2):
                client.send(GET)
                answer = await client.answer()
                assert answer.status == status
                assert answer.header("content-length") == (None if status == 204 else "5")
                assert answer.header("transfer-encoding") is None

    run(main())


@pytest.mark.parametrize("script", [
    Scripted([], [200, b"content-length: 5\r\n", b"Hello"]), Scripted([], [200, b"", b"Hello"]),
    Scripted([], [200, b"content-length: 5\r\n", b""]), Scripted([[200, b"content-length: 5\r\n"], b"Hello"], None),
    Scripted([[200, b"content-length: 5\r\n"]], None),
])  # fmt: skip
def test_head(run, site, script):
    async def main():
        async with site(methods=script.methods) as it:
            client = await it.connect()
            for _ in range(2):
                client.send(b"HEAD / HTTP/1.1\r\n" + HOST + b"\r\n")
                answer = await client.answer(bodyless=True)
                assert (answer.status, answer.header("content-length")) == (200, "5")

    run(main())


def test_streams(run, site):
    script = Scripted([[200, b""], b"one", b"", b"two"], None)

    async def main():
        async with site(methods=script.methods) as it:
            client = await it.connect()
            for _ in range(2):
                client.send(GET)
                answer = await client.answer()
                assert (answer.header("transfer-encoding"), answer.body) == ("chunked", b"onetwo")
            client.send(b"GET / HTTP/1.0\r\n" + HOST + b"Connection: keep-alive\r\n\r\n")
            answer = await client.answer()
            assert (answer.header("transfer-encoding"), answer.header("connection")) == (None, "close")
            assert answer.body == b"onetwo"

    run(main())


def test_event_stream_is_not_held_back(run, site):
    go_on = asyncio.Event()

    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/event-stream")]})
        await send({"type": "http.response.body", "body": b"data: 1\n\n", "more_body": True})
        await go_on.wait()
        await send({"type": "http.response.body", "body": b"data: 2\n\n"})

    async def main():
        async with site(app) as it:
            client = await it.connect()
            client.send(GET)
            assert (await client.head())[0] == 200
            assert await client.reader.readuntil(b"\n\n") == b"9\r\ndata: 1\n\n"
            go_on.set()
            assert (await client.reader.readuntil(b"0\r\n\r\n")).startswith(b"\r\n9\r\ndata: 2")

    run(main())


def test_a_slow_reader_holds_the_application_up(run, site):
    sent = 0

    async def app(scope, receive, send):
        nonlocal sent
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for _ in range(600):
            await send({"type": "http.response.body", "body": bytes(60_000), "more_body": True})
            sent += 60_000
        await send({"type": "http.response.body", "body": b"end"})

    async def main():
        async with site(app) as it:
            client = await it.connect()
            client.send(GET)
            before = -1
            while sent != before:
                before = sent
                await asyncio.sleep(0.1)
            assert sent < 24_000_000
            answer = await client.answer()
            assert len(answer.body) == 36_000_003

    run(main())


def test_a_broken_off_answer_can_be_told_from_a_whole_one(run, site):
    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"part", "more_body": True})
        raise RuntimeError("on purpose")

    async def main():
        async with site(app) as it:
            answer = await it.get()
            assert (answer.body, answer.whole) == (b"part", False)
            client = await it.connect()
            client.send(b"GET / HTTP/1.0\r\n" + HOST + b"\r\n")
            with pytest.raises(ConnectionError):
                await client.answer()

    run(main())
