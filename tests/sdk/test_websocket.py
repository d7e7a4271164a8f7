"""Websockets to an ASGI application, as the server's side sees them."""

from __future__ import annotations

import asyncio

import pytest

from weft.contracts.web import CHUNK

ACCEPT = {"type": "websocket.accept"}


def websocket(serve):
    async def application(scope, receive, send):
        if scope["type"] == "lifespan":
            raise RuntimeError("none")
        assert await receive() == {"type": "websocket.connect"}
        await serve(scope, receive, send)

    return application


def talk(run, site, serve, say=(), **options):
    """The items that ``serve`` sends; each of ``say`` is sent to it first."""

    async def main():
        async with site(websocket(serve)) as its:
            client = its.websocket(**options)
            for item in say:
                client.call.send(item)
            assert await client.over() is None
            return client.items

    return run(main())


def test_messages_go_both_ways_and_the_close_ends_it(run, site):
    seen = []

    async def serve(scope, receive, send):
        seen.append((scope["type"], scope["scheme"], list(scope["subprotocols"])))
        await send({**ACCEPT, "subprotocol": "two", "headers": [(b"X-A", b"b")]})
        while (message := await receive())["type"] == "websocket.receive":
            if "text" in message:
                await send({"type": "websocket.send", "text": message["text"].upper()})
            else:
                await send({"type": "websocket.send", "bytes": message["bytes"][::-1]})
        seen.append(message)

    async def main():
        async with site(websocket(serve)) as its:
            client = its.websocket(subprotocols=("one", "two"))
            client.call.send("text")
            client.call.send(b"bytes")
            await client.until(3)
            client.call.send(["close", 1001, "away"])
            await client.over()
            return client.items

    items = run(main())
    assert seen[0] == ("websocket", "ws", ["one", "two"])
    assert seen[1] == {"type": "websocket.disconnect", "code": 1001, "reason": "away"}
    assert items == [["accept", "two", b"x-a: b\r\n"], ["send", "TEXT"], ["send", b"setyb"]]


def test_large_messages_travel_in_pieces_both_ways(run, site):
    text = "é" * (2 * CHUNK + 5)

    async def serve(scope, receive, send):
        await send(ACCEPT)
        message = await receive()
        assert message["text"] == text
        await send({"type": "websocket.send", "text": text})
        await send({"type": "websocket.close", "code": 3000, "reason": "enough"})

    items = talk(run, site, serve, [["part", text[:CHUNK]], ["part", text[CHUNK : 2 * CHUNK]], text[2 * CHUNK :]])
    assert [item[0] for item in items] == ["accept", "part", "part", "send", "close"]
    assert "".join(item[1] for item in items[1:4]) == text
    assert items[4] == ["close", 3000, "enough"]


def test_tasks_that_send_at_once_do_not_mix_their_messages(run, site):
    async def serve(scope, receive, send):
        await send(ACCEPT)
        await asyncio.gather(
            *(send({"type": "websocket.send", "bytes": bytes([number]) * 5 * CHUNK}) for number in range(4)),
            send({"type": "websocket.send", "text": "small"}),
        )

    async def main():
        async with site(websocket(serve)) as its:
            client = its.websocket(grants=False)
            await client.until(5)
            client.grants = True
            client.call.grant(client.unpaid)
            await client.over()
            messages, parts = [], []
            for kind, *rest in client.items[1:]:
                parts.append(rest[0])
                if kind == "send":
                    messages.append(parts)
                    parts = []
            assert messages.pop() == ["small"]
            assert [b"".join(each) for each in messages] == [bytes([number]) * 5 * CHUNK for number in range(4)]

    run(main())


def test_a_message_that_is_cancelled_half_way_ends_the_websocket(run, site):
    seen = []

    async def serve(scope, receive, send):
        await send(ACCEPT)
        sending = asyncio.create_task(send({"type": "websocket.send", "bytes": b"x" * 50 * CHUNK}))
        await receive()
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)
        with pytest.raises(OSError, match="left"):
            await send({"type": "websocket.send", "text": "the next"})
        seen.append(await receive())

    async def main():
        async with site(websocket(serve)) as its:
            client = its.websocket(grants=False)
            await client.until(2)
            client.call.send("stop")
            await client.over()
            return client.items

    accept, *parts, last = run(main())
    assert accept[0] == "accept"
    assert parts
    assert {kind for kind, _ in parts} == {"part"}
    assert last == ["close", 1011, ""]
    assert seen == [{"type": "websocket.disconnect", "code": 1011, "reason": ""}]


DENIALS = {
    "close before accept": ([{"type": "websocket.close"}], ["deny", 403, b"", b""]),
    "an http response": (
        [
            {"type": "websocket.http.response.start", "status": 401, "headers": [(b"A", b"b")]},
            {"type": "websocket.http.response.body", "body": b"go ", "more_body": True},
            {"type": "websocket.http.response.body", "body": b"away"},
        ],
        ["deny", 401, b"a: b\r\n", b"go away"],
    ),
    "nothing": ([], ["deny", 500, b"", b""]),
    "half an http response": (
        [{"type": "websocket.http.response.start", "status": 401, "headers": []}],
        ["deny", 500, b"", b""],
    ),
}


@pytest.mark.parametrize("name", DENIALS)
def test_refusals(run, site, name):
    messages, item = DENIALS[name]

    async def serve(scope, receive, send):
        for message in messages:
            await send(message)

    assert talk(run, site, serve) == [item]


@pytest.mark.parametrize(
    ("messages", "last"),
    [
        ([{"type": "websocket.send", "text": "early"}], "deny"),
        ([{"type": "websocket.http.response.body", "body": b""}], "deny"),
        ([ACCEPT, ACCEPT], "close"),
        ([ACCEPT, {"type": "websocket.http.response.start", "status": 200}], "close"),
        ([ACCEPT, {"type": "websocket.unheard"}], "close"),
        ([ACCEPT, {"type": "websocket.send"}], "close"),
    ],
)
def test_what_asgi_does_not_allow_ends_it_with_a_server_error(run, site, messages, last):
    async def serve(scope, receive, send):
        for message in messages:
            await send(message)

    item = talk(run, site, serve)[-1]
    assert item[:2] == [last, 1011 if last == "close" else 500]


def test_an_application_that_returns_closes_in_good_order(run, site):
    async def serve(scope, receive, send):
        await send(ACCEPT)

    assert talk(run, site, serve)[-1] == ["close", 1000, ""]


def test_after_its_own_close_the_application_sees_the_disconnect(run, site):
    seen = []

    async def serve(scope, receive, send):
        await send(ACCEPT)
        await send({"type": "websocket.close", "code": 4000})
        await send({"type": "websocket.send", "text": "to nobody"})
        seen.append(await receive())

    assert talk(run, site, serve)[-1] == ["close", 4000, ""]
    assert seen == [{"type": "websocket.disconnect", "code": 4000, "reason": ""}]


def test_a_client_that_is_gone_is_code_1006(run, site):
    seen = asyncio.Queue()

    async def serve(scope, receive, send):
        await send(ACCEPT)
        await seen.put(await receive())
        await send({"type": "websocket.send", "text": "to nobody"})

    async def main():
        async with site(websocket(serve)) as its:
            client = its.websocket()
            await client.until(1)
            client.call.cancel()
            found = await asyncio.wait_for(seen.get(), 5)
            assert found == {"type": "websocket.disconnect", "code": 1006, "reason": ""}

    run(main())
