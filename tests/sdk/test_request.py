"""HTTP requests to an ASGI application, as the server's side sees them."""

from __future__ import annotations

import asyncio

import pytest

from weft.calls.channel import WINDOW
from weft.contracts.web import CHUNK
from weft.errors import PluginError

START = {"type": "http.response.start", "status": 200, "headers": [(b"X-Name", b"value")]}
HEAD = b"x-name: value\r\n"


def body(data=b"", *, more=False):
    return {"type": "http.response.body", "body": data, "more_body": more}


def http(serve):
    async def application(scope, receive, send):
        if scope["type"] == "lifespan":
            raise RuntimeError("none")
        await serve(scope, receive, send)

    return application


def ask(run, site, serve, **request):
    """The result of one request to ``serve``, and its items."""

    async def main():
        async with site(http(serve)) as its:
            client = its.request(**request)
            return await client.over(), client.items

    return run(main())


def test_the_scope_is_asgis(run, site):
    seen = {}

    async def serve(scope, receive, send):
        seen.update(scope)
        await send(START)
        await send(body())

    ask(run, site, serve, target=b"/a%20b/%C3%A9?x=1&y=%20", method="PUT", headers=[(b"accept", b"*/*")])
    assert (seen["type"], seen["method"], seen["http_version"], seen["scheme"]) == ("http", "PUT", "1.1", "http")
    assert (seen["path"], seen["raw_path"], seen["query_string"]) == ("/a b/é", b"/a%20b/%C3%A9", b"x=1&y=%20")
    assert (seen["client"], seen["server"], seen["root_path"]) == (("127.0.0.1", 5), ("h", 80), "")
    assert [tuple(each) for each in seen["headers"]] == [(b"accept", b"*/*")]


def test_a_small_response_is_one_result(run, site):
    async def serve(scope, receive, send):
        assert await receive() == {"type": "http.request", "body": b"given", "more_body": False}
        await send(START)
        await send(body(b"answer"))
        assert await receive() == {"type": "http.disconnect"}

    result, items = ask(run, site, serve, body=b"given")
    assert (list(result), items) == ([200, HEAD, b"answer"], [])


@pytest.mark.parametrize("size", [CHUNK, CHUNK + 1, 5 * CHUNK])
def test_a_large_response_comes_in_chunks(run, site, size):
    async def serve(scope, receive, send):
        await send(START)
        await send(body(bytes(size)))

    result, items = ask(run, site, serve)
    if size <= CHUNK:
        assert list(result) == [200, HEAD, bytes(size)]
    else:
        assert result is None
        assert list(items[0]) == [200, HEAD]
        assert b"".join(items[1:]) == bytes(size)
        assert max(map(len, items[1:])) == CHUNK


def test_a_streamed_response_waits_for_credit_and_ends(run, site):
    sent = []

    async def serve(scope, receive, send):
        await send(START)
        for number in range(40):
            await send(body(bytes(CHUNK // 2), more=True))
            sent.append(number)
        await send(body())

    async def main():
        async with site(http(serve)) as its:
            client = its.request(grants=False)
            await client.until(1 + WINDOW // (CHUNK // 2) - 1)
            await asyncio.sleep(0.01)
            assert len(sent) < 12, "the application was not stopped"
            client.grants = True
            client.call.grant(client.unpaid)
            assert await client.over() is None
            assert sum(map(len, client.items[1:])) == 40 * CHUNK // 2

    run(main())


def test_a_request_body_arrives_in_pieces_and_ends(run, site):
    async def serve(scope, receive, send):
        got = b""
        while (message := await receive())["more_body"]:
            got += message["body"]
        got += message["body"]
        await send(START)
        await send(body(got[::-1]))

    async def main():
        async with site(http(serve)) as its:
            client = its.request(method="POST", body=None)
            for piece in (b"one", b"two", b"three"):
                client.call.send(piece)
            client.call.end()
            assert list(await client.over())[2] == b"onetwothree"[::-1]

    run(main())


@pytest.mark.parametrize("begin", [False, True])
def test_an_application_that_raises(run, site, begin, caplog):
    async def serve(scope, receive, send):
        if begin:
            await send(START)
            await send(body(b"some", more=True))
        raise ValueError("oh no")

    async def main():
        async with site(http(serve)) as its:
            client = its.request(target=b"/broken")
            if begin:
                with pytest.raises(PluginError, match="failed within its response"):
                    await client.over()
            else:
                assert (await client.over())[0] == 500

    run(main())
    assert "raised while it served /broken" in caplog.text


@pytest.mark.parametrize(
    "messages",
    [
        [],
        [START],
        [START, START],
        [body(b"early")],
        [{"type": "http.response.unheard"}],
        [{"type": "http.response.start", "status": 200, "headers": [("text", "text")]}],
    ],
)
def test_a_response_that_is_none_is_a_500(run, site, messages):
    async def serve(scope, receive, send):
        for message in messages:
            await send(message)

    result, items = ask(run, site, serve)
    assert (result[0], items) == (500, [])


def test_a_cancelled_error_of_the_applications_own_is_answered(run, site):
    async def serve(scope, receive, send):
        raise asyncio.CancelledError

    assert ask(run, site, serve)[0][0] == 500


def test_a_client_that_leaves_is_a_disconnect(run, site):
    seen = []

    async def serve(scope, receive, send):
        await receive()
        await send(START)
        await send(body(b"first", more=True))
        seen.append(await receive())
        with pytest.raises(OSError, match="the client left"):
            await send(body(b"to nobody", more=True))
        seen.append(await receive())

    async def main():
        async with site(http(serve)) as its:
            client = its.request()
            await client.until(2)
            client.call.cancel()
            async with asyncio.timeout(5):
                while len(seen) < 2:
                    await asyncio.sleep(0.001)
        assert seen == [{"type": "http.disconnect"}] * 2

    run(main())


def test_100_continue_is_asked_for_when_the_body_is(run, site):
    granted = []

    async def serve(scope, receive, send):
        granted.append(list(credits_seen))
        await receive()
        await send(START)
        await send(body())

    credits_seen = []

    async def main():
        async with site(http(serve)) as its:
            client = its.request(body=None, headers=[(b"expect", b"100-continue")])

            def on_credit():
                credits_seen.append("credit")
                client.call.send(b"body")
                client.call.end()

            client.on_credit = on_credit
            await client.over()
            assert granted == [[]]
            assert credits_seen == ["credit"]

    run(main())


def test_two_tasks_that_send_at_once_keep_to_their_credit(run, site):
    async def serve(scope, receive, send):
        await send(START)
        await send(body(b"", more=True))
        await asyncio.gather(*(send(body(bytes(CHUNK), more=True)) for _ in range(30)))
        await send(body())

    async def main():
        async with site(http(serve)) as its:
            client = its.request(grants=False)
            await client.until(5)
            await asyncio.sleep(0.01)
            assert sum(map(len, client.items[1:])) <= WINDOW + CHUNK
            client.grants = True
            client.call.grant(client.unpaid)
            await client.over()
            assert sum(map(len, client.items[1:])) == 30 * CHUNK

    run(main())
