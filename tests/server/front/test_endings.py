"""Timeouts, draining, TLS: how connections end."""

from __future__ import annotations

import asyncio
import ssl
import subprocess

import pytest

GET = b"GET / HTTP/1.1\r\nHost: shop.localhost\r\n\r\n"
PUT = b"PUT / HTTP/1.1\r\nHost: shop.localhost\r\nContent-Length: 9\r\n\r\n"


@pytest.mark.parametrize("raw", [b"GET / HT", b"GET / HTTP/1.1\r\nHost: shop.localhost\r\nX", b"\r\n"])
def test_slow_head(run, site, respond, raw):
    async def main():
        async with site(respond(), header_timeout=0.1) as it:
            client = await it.connect()
            client.send(raw)
            answer = await client.answer()
            assert (answer.status, answer.header("connection")) == (408, "close")
            assert await client.closed()

    run(main())


def test_a_trickle_does_not_prolong_the_head(run, site, respond):
    async def main():
        async with site(respond(), header_timeout=0.3) as it:
            client = await it.connect()
            client.send(b"GET / HTTP/1.1\r\nX: ")
            head = asyncio.ensure_future(client.answer())
            while not head.done():
                client.send(b"x")
                await asyncio.sleep(0.02)
            assert head.result().status == 408

    run(main())


def test_slow_body(run, site, respond):
    async def main():
        async with site(respond(), body_timeout=0.1) as it:
            client = await it.connect()
            client.send(PUT + b"abc")
            answer = await client.answer()
            assert (answer.status, answer.header("connection")) == (408, "close")
            assert await client.closed()
            assert it.front.traffic["shop"].in_flight == 0

    run(main())


def test_idle_connection_is_closed(run, site, respond):
    async def main():
        async with site(respond(), keep_alive_timeout=0.1) as it:
            fresh, used = await it.connect(), await it.connect()
            used.send(GET)
            assert (await used.answer()).status == 200
            assert await fresh.closed()
            assert await used.closed()
            assert not it.front.connections

    run(main())


@pytest.mark.parametrize("raw", [GET, PUT + b"123456789"])
def test_plugin_too_slow(run, site, raw):
    left = asyncio.Event()

    async def app(scope, receive, send):
        await receive()
        while (await receive())["type"] != "http.disconnect":
            pass
        left.set()

    async def main():
        async with site(app, call_timeout=0.1) as it:
            client = await it.connect()
            for _ in range(2):
                client.send(raw)
                answer = await client.answer()
                assert (answer.status, answer.header("connection")) == (504, None)
            await left.wait()
            assert it.front.traffic["shop"].in_flight == 0

    run(main())


def test_stream_may_take_its_time(run, site):
    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"a", "more_body": True})
        await asyncio.sleep(1.2)
        await send({"type": "http.response.body", "body": b"b"})

    async def main():
        async with site(app, call_timeout=0.5, keep_alive_timeout=0.5, header_timeout=0.5) as it:
            answer = await it.get()
            assert (answer.body, answer.whole) == (b"ab", True)

    run(main())


def test_client_that_takes_nothing_is_cut(run, site):
    left = asyncio.Event()

    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for _ in range(500):
            await send({"type": "http.response.body", "body": bytes(64_000), "more_body": True})
            if it_left.done():
                break
        left.set()

    async def main():
        nonlocal it_left
        it_left = asyncio.get_running_loop().create_future()
        async with site(app, send_timeout=0.1) as it:
            client = await it.connect()
            client.writer.transport.pause_reading()
            client.send(GET)
            while not it.front.connections:
                await asyncio.sleep(0.01)
            while it.front.connections:
                await asyncio.sleep(0.01)
            it_left.set_result(None)
            assert it.front.traffic["shop"].in_flight == 0
            client.writer.transport.abort()

    it_left = None
    run(main())


def test_drain_finishes_what_is_under_way(run, site):
    go_on = asyncio.Event()

    async def app(scope, receive, send):
        await go_on.wait()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"done"})

    async def main():
        async with site(app) as it:
            idle, busy = await it.connect(), await it.connect()
            busy.send(GET)
            await asyncio.sleep(0.02)
            draining = asyncio.ensure_future(it.front.drain(20))
            await asyncio.sleep(0.05)
            with pytest.raises(ConnectionError):
                await it.connect()
            idle.send(GET)
            await asyncio.sleep(0.05)
            go_on.set()
            for client in (busy, idle):
                answer = await client.answer()
                assert (answer.body, answer.header("connection")) == (b"done", "close")
                assert await client.closed()
            await draining
            assert not it.front.connections

    run(main())


def test_drain_ends_when_a_stream_that_began_before_it_ends(run, site):
    go_on = asyncio.Event()

    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"begun, ", "more_body": True})
        await go_on.wait()
        await send({"type": "http.response.body", "body": b"done"})

    async def main():
        async with site(app) as it:
            client = await it.connect()
            client.send(GET)
            await client.reader.readuntil(b"begun, ")
            draining = asyncio.ensure_future(it.front.drain(20))
            await asyncio.sleep(0.05)
            go_on.set()
            async with asyncio.timeout(5):
                await draining
            assert not it.front.connections

    run(main())


def test_drain_has_an_end(run, site):
    async def app(scope, receive, send):
        await asyncio.sleep(60)

    async def main():
        async with site(app) as it:
            client = await it.connect()
            client.send(GET)
            await asyncio.sleep(0.02)
            await it.front.drain(0.1)
            await it.front.close()
            assert await client.closed()

    run(main())


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tls")
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    command += ["-days", "2", "-subj", "/CN=shop.localhost", "-addext", "subjectAltName=DNS:shop.localhost"]
    command += ["-keyout", str(folder / "key.pem"), "-out", str(folder / "cert.pem")]
    subprocess.run(command, check=True, capture_output=True)
    return folder / "cert.pem", folder / "key.pem"


@pytest.mark.system_package("openssl")
def test_tls(run, site, echo, certificate):
    cert, key = certificate
    context = ssl.create_default_context(cafile=cert)

    async def main():
        async with site(echo, tls_certificate=cert, tls_key=key) as it:
            client = await it.connect(ssl=context, server_hostname="shop.localhost")
            body = bytes(600_000)
            for _ in range(2):
                client.send(b"POST / HTTP/1.1\r\nHost: shop.localhost\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
                answer = await client.answer()
                assert answer.body.startswith(b"POST / 1.1 127.0.0.1 https\n")
                assert answer.body.endswith(body)
            client.send(b"BAD\r\n\r\n")
            assert (await client.answer()).status == 400

    run(main())
