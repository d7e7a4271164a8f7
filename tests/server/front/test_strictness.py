"""Malformed requests: a clear answer, the connection closed, nothing passed on."""

from __future__ import annotations

import asyncio

import pytest

GET = b"GET / HTTP/1.1\r\n"
HOST = b"Host: shop.localhost\r\n"
POST = b"POST / HTTP/1.1\r\n" + HOST
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"

BAD = {
    "length beside transfer coding": (POST + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    "transfer coding beside length": (POST + b"Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n", 400),
    "two lengths": (POST + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", 400),
    "two equal lengths": (POST + b"Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc", 400),
    "a list of lengths": (POST + b"Content-Length: 3, 3\r\n\r\nabc", 400),
    "a signed length": (POST + b"Content-Length: +3\r\n\r\nabc", 400),
    "a negative length": (POST + b"Content-Length: -3\r\n\r\nabc", 400),
    "an empty length": (POST + b"Content-Length:\r\n\r\n", 400),
    "a length past 64 bits": (POST + b"Content-Length: 99999999999999999999\r\n\r\n", 400),
    "unknown transfer coding before chunked": (POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501),
    "chunked not last": (POST + b"Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n", None),
    "unknown transfer coding": (POST + b"Transfer-Encoding: gzip\r\n\r\n", None),
    "chunked twice": (POST + b"Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n", None),
    "nearly chunked": (POST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", None),
    "two transfer codings": (POST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n", None),
    "chunked in HTTP/1.0": (b"POST / HTTP/1.0\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    "chunk size that is no number": (CHUNKED + b"x\r\nabc\r\n0\r\n\r\n", 400),
    "negative chunk size": (CHUNKED + b"-3\r\nabc\r\n0\r\n\r\n", 400),
    "prefixed chunk size": (CHUNKED + b"0x3\r\nabc\r\n0\r\n\r\n", 400),
    "space behind a chunk size": (CHUNKED + b"3 \r\nabc\r\n0\r\n\r\n", 400),
    "chunk size past 64 bits": (CHUNKED + b"fffffffffffffffff\r\nabc\r\n0\r\n\r\n", 400),
    "chunk longer than its size": (CHUNKED + b"3\r\nabcd\r\n0\r\n\r\n", 400),
    "bare LF behind a chunk size": (CHUNKED + b"3\nabc\r\n0\r\n\r\n", 400),
    "bare LF behind a chunk": (CHUNKED + b"3\r\nabc\n0\r\n\r\n", 400),
    "bare CR in a chunk extension": (CHUNKED + b"3;a\rb\r\nabc\r\n0\r\n\r\n", 400),
    "a length beside an upgrade": (
        POST + b"Connection: upgrade\r\nUpgrade: h2c\r\nContent-Length: 40\r\n\r\n" + GET + HOST + b"\r\n",
        501,
    ),
    "chunked beside an upgrade": (
        POST + b"Connection: close, upgrade\r\nUpgrade: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        501,
    ),
    "length in trailers": (CHUNKED + b"0\r\nContent-Length: 4\r\n\r\n", 400),
    "folded header": (GET + HOST + b"X: a\r\n b\r\n\r\n", 400),
    "header folded at once": (GET + b" " + HOST + b"\r\n", 400),
    "NUL in a header": (GET + HOST + b"X: a\0b\r\n\r\n", 400),
    "control character in a header": (GET + HOST + b"X: a\x1bb\r\n\r\n", 400),
    "DEL in a header": (GET + HOST + b"X: a\x7fb\r\n\r\n", 400),
    "bare LF behind a header": (GET + HOST + b"X: a\nY: b\r\n\r\n", 400),
    "bare LF behind the request line": (b"GET / HTTP/1.1\n" + HOST + b"\r\n", 400),
    "bare LF behind the headers": (GET + HOST + b"\n", 400),
    "bare CR in a header": (GET + HOST + b"X: a\rb\r\n\r\n", 400),
    "space before a colon": (GET + b"Host : shop.localhost\r\n\r\n", 400),
    "header without a name": (GET + HOST + b": a\r\n\r\n", 400),
    "header without a colon": (GET + HOST + b"foo\r\n\r\n", 400),
    "header name that is no token": (GET + HOST + b"X(y): a\r\n\r\n", 400),
    "no Host": (GET + b"\r\n", 400),
    "two Hosts": (GET + HOST + HOST + b"\r\n", 400),
    "invalid Host": (GET + b"Host: shop localhost\r\n\r\n", 400),
    "Host with a path": (GET + b"Host: shop.localhost/x\r\n\r\n", 400),
    "Host with a user": (GET + b"Host: me@shop.localhost\r\n\r\n", 400),
    "absolute target of another host": (b"GET http://other.localhost/ HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    "absolute target with a user": (b"GET http://me@shop.localhost/ HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    "target of another scheme": (b"GET ftp://shop.localhost/ HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    "target with a fragment": (b"GET /a#b HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    "target without a slash": (b"GET a HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    "control character in the target": (b"GET /\x01 HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    "asterisk without OPTIONS": (b"GET * HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    "CONNECT": (b"CONNECT shop.localhost:80 HTTP/1.1\r\n" + HOST + b"\r\n", 501),
    "unknown method": (b"FETCH / HTTP/1.1\r\n" + HOST + b"\r\n", 501),
    "method in lower case": (b"get / HTTP/1.1\r\n" + HOST + b"\r\n", 501),
    "method of another protocol": (b"SOURCE / HTTP/1.1\r\n" + HOST + b"\r\n", None),
    "HTTP/2 preface": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
    "HTTP/2.0": (b"GET / HTTP/2.0\r\n" + HOST + b"\r\n", 505),
    "HTTP/1.2": (b"GET / HTTP/1.2\r\n" + HOST + b"\r\n", 400),
    "HTTP/0.9": (b"GET /\r\n\r\n", 400),
    "TLS": (bytes.fromhex("1603010200010001fc0303") + bytes(200), 400),
    "unknown expectation": (POST + b"Content-Length: 3\r\nExpect: more\r\n\r\n", 417),
    "body too large": (POST + b"Content-Length: 100001\r\n\r\n", 413),
    "chunked body too large": (CHUNKED + b"186a1\r\n" + bytes(100_001) + b"\r\n0\r\n\r\n", 413),
    "chunks that are mostly extensions": (CHUNKED + b"".join(b"1;%b\r\nx\r\n" % (b"a" * 1000) for _ in range(99)), 400),
    "endless trailers": (CHUNKED + b"0\r\n" + b"".join(b"X: %b\r\n" % (b"a" * 1000) for _ in range(99)), 400),
    "headers too large": (GET + HOST + b"X: " + b"a" * 65_536 + b"\r\n\r\n", 431),
    "large headers": (GET + HOST + b"".join(b"X%d: %b\r\n" % (i, b"a" * 900) for i in range(80)) + b"\r\n", 431),
    "headers without an end": (GET + HOST + b"X: " + b"a" * 90_000, 431),
    "too many headers": (GET + HOST + b"X: a\r\n" * 100 + b"\r\n", 431),
    "target too long": (b"GET /" + b"a" * 65_536 + b" HTTP/1.1\r\n" + HOST + b"\r\n", 414),
    "target without an end": (b"GET /" + b"a" * 90_000, 414),
}  # fmt: skip


def whole(raw):
    return [raw]


def split(raw):
    return [*(raw[:-1][start : start + 20_011] for start in range(0, len(raw), 20_011)), raw[-1:]]


@pytest.mark.parametrize("name", BAD)
def test_malformed_request_is_refused_and_the_connection_closed(run, site, name):
    raw, expected = BAD[name]
    called = []

    async def app(scope, receive, send):
        message = await receive()
        while message.get("more_body"):
            message = await receive()
        if message["type"] == "http.request":
            called.append(scope)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"passed on"})

    async def main():
        async with site(app, max_body_bytes=100_000) as it:
            for cut in (whole, split):
                client = await it.connect()
                for part in cut(raw):
                    client.send(part)
                    await client.writer.drain()
                    await asyncio.sleep(0.001)
                answer = await client.answer()
                assert answer.status in ((expected,) if expected else (400, 501))
                assert answer.header("connection") == "close"
                assert await client.closed()
        assert not called

    run(main())


def test_what_came_whole_before_a_malformed_request_is_answered(run, site, respond):
    async def main():
        async with site(respond(b"first")) as it:
            client = await it.connect()
            client.send(GET + HOST + b"\r\n" + GET + b"bad\r\n\r\n")
            first, second = await client.answer(), await client.answer()
            assert (first.status, first.body) == (200, b"first")
            assert second.status == 400
            assert await client.closed()

    run(main())


@pytest.mark.parametrize("raw", [b"\r\n\r\n" + GET + HOST, b"GET http://SHOP.localhost:80/ HTTP/1.1\r\n" + HOST])
def test_leniencies_that_the_standard_asks_for(run, site, echo, raw):
    async def main():
        async with site(echo) as it:
            answer = await it.ask(raw + b"\r\n")
            assert answer.body.startswith(b"GET / 1.1 127.0.0.1 http\n")

    run(main())
