"""What reaches the application, and in which order."""

from __future__ import annotations

import asyncio

import h11
import pytest

HOST = b"Host: shop.localhost\r\n"
GET = b"GET / HTTP/1.1\r\n" + HOST


def lines_of(answer):
    head, _, body = answer.body.partition(b"\n\n")
    return head.decode("latin-1").splitlines(), body


def test_request_reaches_the_application(run, site, echo):
    async def main():
        async with site(echo) as it:
            answer = await it.ask(
                b"POST /a%20b/c?x=1&y HTTP/1.1\r\n"
                + HOST
                + b"X-One: 1 \r\nX-ONE: \xff\r\nContent-Length: 4\r\n\r\nbody"
            )
            head, body = lines_of(answer)
            assert head[0] == "POST /a%20b/c?x=1&y 1.1 127.0.0.1 http"
            assert head[1:] == ["host: shop.localhost", "x-one: 1", "x-one: \xff", "content-length: 4"]
            assert body == b"body"
            assert answer.header("date")

    run(main())


def test_hop_by_hop_headers_end_at_the_front(run, site, echo):
    async def main():
        async with site(echo) as it:
            answer = await it.ask(
                GET + b"Connection: keep-alive, X-Secret, Host\r\nX-Secret: 1\r\nKeep-Alive: 3\r\nTE: trailers\r\n"
                b"Proxy-Connection: a\r\nTrailer: x\r\nUpgrade: h2c\r\nX-Kept: 1\r\n\r\n"
            )
            assert lines_of(answer)[0][1:] == ["host: shop.localhost", "x-kept: 1"]

    run(main())


def test_chunked_body_arrives_whole_and_trailers_are_dropped(run, site, echo):
    async def main():
        async with site(echo) as it:
            client = await it.connect()
            for _ in range(2):
                client.send(
                    b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: Chunked\r\n\r\n3;a=b\r\nabc\r\n0002\r\nde\r\n"
                    b"0\r\nX-Trailer: 1\r\n\r\n"
                )
                head, body = lines_of(await client.answer())
                assert body == b"abcde"
                assert head[1:] == ["host: shop.localhost"]

    run(main())


def test_request_in_single_bytes(run, site, echo):
    async def main():
        async with site(echo) as it:
            client = await it.connect()
            for byte in b"POST /x HTTP/1.1\r\n" + HOST + b"Content-Length: 3\r\n\r\nabc":
                client.send(bytes([byte]))
                await client.writer.drain()
                await asyncio.sleep(0)
            head, body = lines_of(await client.answer())
            assert (head[0], body) == ("POST /x 1.1 127.0.0.1 http", b"abc")

    run(main())


@pytest.mark.parametrize("count", [3, 5000])
def test_pipelined_requests_are_answered_in_order(run, site, count):
    async def app(scope, receive, send):
        number = int(scope["path"][1:])
        if number % 100 == 1:
            await asyncio.sleep(0.001)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"%d" % number})

    async def main():
        async with site(app) as it:
            client = await it.connect()
            client.send(b"".join(b"GET /%d HTTP/1.1\r\n%b\r\n" % (number, HOST) for number in range(count)))
            for number in range(count):
                assert (await client.answer()).body == b"%d" % number
            assert it.front.traffic["shop"].answered[2] == count
            assert it.front.traffic["shop"].in_flight == 0

    run(main())


def test_pipelined_bodies(run, site, echo):
    async def main():
        async with site(echo) as it:
            client = await it.connect()
            bodies = [bytes([number]) * size for number, size in enumerate((0, 1, 70_000, 5, 300_000, 2))]
            for body in bodies:
                client.send(b"POST / HTTP/1.1\r\n%bContent-Length: %d\r\n\r\n%b" % (HOST, len(body), body))
            for body in bodies:
                assert lines_of(await client.answer())[1] == body

    run(main())


def test_an_independent_client_understands(run, site, echo):
    async def main():
        async with site(echo) as it:
            client = await it.connect()
            h11_client = h11.Connection(h11.CLIENT)
            headers = [("Host", "shop.localhost"), ("Transfer-Encoding", "chunked")]
            for event in (
                h11.Request(method="POST", target="/", headers=headers),
                h11.Data(data=b"one"),
                h11.Data(data=b"two"),
                h11.EndOfMessage(),
            ):
                client.send(h11_client.send(event))
            events = []
            while not events or not isinstance(events[-1], h11.EndOfMessage):
                event = h11_client.next_event()
                if event is h11.NEED_DATA:
                    h11_client.receive_data(await client.reader.read(1000))
                else:
                    events.append(event)
            assert events[0].status_code == 200
            assert b"".join(bytes(event.data) for event in events[1:-1]).endswith(b"\n\nonetwo")

    run(main())


def test_nothing_is_served_behind_connection_close(run, site, respond):
    async def main():
        async with site(respond()) as it:
            client = await it.connect()
            client.send(GET + b"Connection: close\r\n\r\n" + GET + b"\r\n")
            answer = await client.answer()
            assert answer.header("connection") == "close"
            assert await client.closed()
            assert it.front.traffic["shop"].answered[2] == 1

    run(main())


def test_http_1_0(run, site, respond):
    async def main():
        async with site(respond()) as it:
            client = await it.connect()
            client.send(b"GET / HTTP/1.0\r\n" + HOST + b"Connection: keep-alive\r\n\r\n")
            assert (await client.answer()).header("connection") == "keep-alive"
            client.send(b"GET / HTTP/1.0\r\n" + HOST + b"\r\n")
            assert (await client.answer()).header("connection") == "close"
            assert await client.closed()
            assert (await it.ask(b"GET / HTTP/1.0\r\n\r\n")).status == 404

    run(main())


def test_other_upgrades_are_ignored(run, site, respond):
    async def main():
        async with site(respond()) as it:
            client = await it.connect()
            for _ in range(2):
                client.send(GET + b"Connection: upgrade\r\nUpgrade: h2c\r\n\r\n" + GET + b"\r\n")
                assert (await client.answer()).status == 200
                assert (await client.answer()).status == 200

    run(main())


def test_continue_is_said_when_the_application_asks(run, site, echo):
    async def main():
        async with site(echo) as it:
            client = await it.connect()
            client.send(b"PUT / HTTP/1.1\r\n" + HOST + b"Content-Length: 3\r\nExpect: 100-continue\r\n\r\n")
            assert await client.head() == (100, [])
            client.send(b"abc")
            assert lines_of(await client.answer())[1] == b"abc"

    run(main())


def test_no_continue_when_the_application_answers_at_once(run, site):
    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 403, "headers": []})
        await send({"type": "http.response.body", "body": b"no"})

    async def main():
        async with site(app) as it:
            client = await it.connect()
            client.send(b"PUT / HTTP/1.1\r\n" + HOST + b"Content-Length: 3\r\nExpect: 100-continue\r\n\r\n")
            answer = await client.answer()
            assert (answer.status, answer.header("connection")) == (403, "close")
            assert await client.closed()

    run(main())


def test_answer_before_the_upload_ended_reaches_a_client_that_goes_on(run, site):
    async def app(scope, receive, send):
        await receive()
        await send({"type": "http.response.start", "status": 403, "headers": []})
        await send({"type": "http.response.body", "body": b"enough"})

    async def main():
        async with site(app) as it:
            client = await it.connect()
            client.send(b"PUT / HTTP/1.1\r\n" + HOST + b"Content-Length: 10000000\r\n\r\n" + bytes(100_000))
            await asyncio.sleep(0.05)
            client.send(bytes(1_000_000))
            answer = await client.answer()
            assert (answer.status, answer.body, answer.header("connection")) == (403, b"enough", "close")
            assert await client.closed()

    run(main())


def test_an_upload_waits_for_the_application(run, site):
    """What the front holds of an upload nobody reads stays below a bound, and nothing of it is lost."""
    read = asyncio.Event()

    async def app(scope, receive, send):
        await read.wait()
        size = 0
        while True:
            message = await receive()
            size += len(message["body"])
            if not message["more_body"]:
                break
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"%d" % size})

    async def main():
        size = 40_000_000
        async with site(app) as it:
            client = await it.connect()
            client.send(b"PUT / HTTP/1.1\r\n" + HOST + b"Content-Length: %d\r\n\r\n" % size)
            sent = 0
            writing = client.writer.transport
            while sent < size and writing.get_write_buffer_size() == 0:
                client.send(bytes(100_000))
                sent += 100_000
                await asyncio.sleep(0.002)
            assert sent < size / 2
            read.set()
            client.send(bytes(size - sent))
            assert (await client.answer()).body == b"%d" % size
            assert it.front.traffic["shop"].bytes_in == size

    run(main())


def test_a_client_that_leaves_is_told_to_the_application(run, site):
    left = asyncio.Event()

    async def app(scope, receive, send):
        await receive()
        if (await receive())["type"] == "http.disconnect":
            left.set()

    async def main():
        async with site(app) as it:
            client = await it.connect()
            client.send(GET + b"\r\n")
            await asyncio.sleep(0.02)
            await client.close()
            await left.wait()
            assert it.front.traffic["shop"].in_flight == 0
            assert it.front.traffic["shop"].answered[0] == 1

    run(main())


def test_tiny_chunks_cross_together(run, site):
    sizes = []

    async def app(scope, receive, send):
        while True:
            message = await receive()
            sizes.append(len(message["body"]))
            if not message["more_body"]:
                break
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"%d" % sum(sizes)})

    async def main():
        async with site(app) as it:
            client = await it.connect()
            client.send(b"PUT / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n")
            await asyncio.sleep(0.05)
            client.send(b"1\r\nx\r\n" * 10_000 + b"0\r\n\r\n")
            assert (await client.answer()).body == b"10000"
            assert len(sizes) < 1000

    run(main())
