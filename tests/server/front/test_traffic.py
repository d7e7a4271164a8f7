"""What the front counts of a plugin: answers, errors by what happened, and how long the plugin took."""

from __future__ import annotations

import asyncio
from bisect import bisect_left
from contextlib import suppress
from time import monotonic

import pytest
import websockets
from websockets.asyncio.client import connect

from weft.contracts.web import REQUEST
from weft.errors import DrainEnded
from weft.server.front.latency import BOUNDS

GET = b"GET / HTTP/1.1\r\nHost: shop.localhost\r\n\r\n"


@pytest.mark.parametrize("seconds", [0.0, 0.15])
def test_a_latency_lands_in_its_bucket(run, site, respond, seconds):
    async def app(scope, receive, send):
        await asyncio.sleep(seconds)
        await respond()(scope, receive, send)

    async def main():
        async with site(app) as it:
            before = monotonic()
            await it.get()
            most = monotonic() - before
            traffic = it.front.traffic["shop"]
            assert sum(traffic.latency) == 1
            place = next(place for place, count in enumerate(traffic.latency) if count)
            assert bisect_left(BOUNDS, seconds * 0.98) <= place <= bisect_left(BOUNDS, most * 1.02)
            assert seconds * 0.98 <= traffic.seconds <= most * 1.02
            assert traffic.all_errors() == {}

    run(main())


def test_a_streamed_answer_counts_to_its_start(run, site):
    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"a", "more_body": True})
        await asyncio.sleep(2)
        await send({"type": "http.response.body", "body": b"b"})

    async def main():
        async with site(app) as it:
            assert (await it.get()).whole
            assert it.front.traffic["shop"].seconds < 1.5
        return it.accesses

    (access,) = run(main())
    assert access.seconds >= 1.99


def test_a_slow_client_is_no_latency_of_the_plugin(run, site, respond):
    async def main():
        async with site(respond()) as it:
            client = await it.connect()
            client.send(b"PUT / HTTP/1.1\r\nHost: shop.localhost\r\nContent-Length: 2\r\n\r\na")
            await asyncio.sleep(2)
            client.send(b"b")
            assert (await client.answer()).status == 200
            assert it.front.traffic["shop"].seconds < 1.5

    run(main())


def test_an_answer_of_its_own_that_is_an_error(run, site, respond):
    async def main():
        async with site(respond(status=503)) as it:
            assert (await it.get()).status == 503
            traffic = it.front.traffic["shop"]
            assert traffic.all_errors() == {"answered": 1}
            assert sum(traffic.latency) == 1

    run(main())


def test_an_application_that_raises_answers_500(run, site):
    async def app(scope, receive, send):
        raise LookupError("nothing there")

    async def main():
        async with site(app) as it:
            assert (await it.get()).status == 500
            assert it.front.traffic["shop"].all_errors() == {"answered": 1}

    run(main())


def test_nobody_there(run, site):
    async def main():
        async with site() as it:
            assert (await it.get()).status == 503
            with pytest.raises(websockets.InvalidStatus):
                async with connect("ws://shop.localhost/", host="127.0.0.1", port=it.port, proxy=None):
                    pass
            traffic = it.front.traffic["shop"]
            assert traffic.all_errors() == {"unavailable": 2}
            assert (traffic.answered, traffic.in_flight) == ([0, 0, 0, 0, 0, 2], 0)
            assert sum(traffic.latency) == 0  # how soon that is said says nothing of the plugin

    run(main())


def test_too_many_at_once(run, site, respond):
    go_on = asyncio.Event()

    async def app(scope, receive, send):
        await go_on.wait()
        await respond()(scope, receive, send)

    async def main():
        async with site(app, max_in_flight=1) as it:
            first = await it.connect()
            first.send(GET)
            while not it.front.traffic.get("shop") or not it.front.traffic["shop"].in_flight:
                await asyncio.sleep(0.01)
            assert (await it.get()).status == 503
            go_on.set()
            assert (await first.answer()).status == 200
            traffic = it.front.traffic["shop"]
            assert traffic.all_errors() == {"overloaded": 1}
            assert (traffic.answered[2], traffic.answered[5], sum(traffic.latency)) == (1, 1, 1)

    run(main())


def test_too_late(run, site):
    async def app(scope, receive, send):
        await asyncio.sleep(20)

    async def main():
        async with site(app, call_timeout=0.1) as it:
            assert (await it.get()).status == 504
            traffic = it.front.traffic["shop"]
            assert traffic.all_errors() == {"late": 1}
            assert sum(traffic.latency) == 1

    run(main())


@pytest.mark.parametrize(("how", "reason", "status"), [("lost", "lost", 502), ("drained", "drained", 504)])
def test_what_ends_under_a_request(run, site, how, reason, status):
    async def app(scope, receive, send):
        await asyncio.sleep(20)

    async def main():
        async with site(app) as it:
            client = await it.connect()
            client.send(GET)
            while not it.shop.channel.in_flight:
                await asyncio.sleep(0.01)
            if how == "lost":
                await it.shop.stop()
            else:
                it.shop.channel.fail(DrainEnded("limits.drain ran out"))
            assert (await client.answer()).status == status
            assert it.front.traffic["shop"].all_errors() == {reason: 1}

    run(main())


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (lambda reply: reply.result("no answer at all"), "invalid"),
        (lambda reply: reply.result([200, b"no head", b""]), "invalid"),
        (lambda reply: reply.error(LookupError("nothing there")), "raised"),
    ],
)
def test_no_answer(run, site, answer, reason):
    def serve(_request, reply):
        answer(reply)

    async def main():
        async with site(methods={REQUEST: serve}) as it:
            assert (await it.get()).status == 502
            assert it.front.traffic["shop"].all_errors() == {reason: 1}

    run(main())


def test_an_answer_that_is_broken_off(run, site):
    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"a", "more_body": True})
        raise LookupError("no more")

    async def main():
        async with site(app) as it:
            assert not (await it.get()).whole
            traffic = it.front.traffic["shop"]
            assert traffic.all_errors() == {"cut": 1}
            assert traffic.answered == [0, 0, 1, 0, 0, 0]

    run(main())


def test_a_client_that_leaves_is_no_error(run, site):
    async def app(scope, receive, send):
        while (await receive())["type"] != "http.disconnect":
            pass

    async def main():
        async with site(app) as it:
            client = await it.connect()
            client.send(GET)
            while not it.front.traffic.get("shop") or not it.front.traffic["shop"].in_flight:
                await asyncio.sleep(0.01)
            await client.close()
            while it.front.traffic["shop"].in_flight:
                await asyncio.sleep(0.01)
            traffic = it.front.traffic["shop"]
            assert (traffic.all_errors(), traffic.answered[0], sum(traffic.latency)) == ({}, 1, 0)

    run(main())


@pytest.mark.parametrize(("accepts", "errors"), [(False, {"answered": 1}), (True, {"cut": 1})])
def test_a_websocket_that_the_application_gives_up(run, site, accepts, errors):
    async def app(scope, receive, send):
        if accepts:
            await send({"type": "websocket.accept"})
        raise LookupError("no more")

    async def main():
        async with site(app) as it:
            with suppress(websockets.WebSocketException):
                async with connect("ws://shop.localhost/", host="127.0.0.1", port=it.port, proxy=None) as client:
                    await client.recv()
            while it.front.traffic["shop"].websockets:
                await asyncio.sleep(0.01)
            assert it.front.traffic["shop"].all_errors() == errors

    run(main())
