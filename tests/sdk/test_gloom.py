"""GLoom's shape: answers, middleware, its configuration, and a start that may be refused."""

from __future__ import annotations

import asyncio
import json

import pytest

from weft.errors import StartFailed
from weft.sdk.gloom import application


class Plugin:
    def __init__(self):
        self.started = False

    def init(self):
        self.started = True
        return {"any": "config"}

    def register_routes(self, router):
        assert self.started
        router.get("/text", lambda request: "héllo")
        router.get("/bytes", lambda request: b"raw")
        router.get("/json", lambda request: {"query": request.query, "x": request.headers.get("x")})
        router.get("/none", lambda request: None)
        router.get("/status", lambda request: (418, "teapot", {"X-Pot": "yes"}))
        router.get("/gone", lambda request: (410, None))
        router.get("/broken", lambda request: 1 / 0)
        router.get("/strange", lambda request: object())
        router.get("/hello/{name}", lambda request: request.params["name"])

        @router.post("/echo")
        async def echo(request):
            return request.json()


ANSWERS = [
    ("GET", b"/text", 200, b"text/html; charset=utf-8", "héllo".encode()),
    ("GET", b"/bytes", 200, b"application/octet-stream", b"raw"),
    ("GET", b"/json?a=1&a=2", 200, b"application/json", {"query": {"a": ["1", "2"]}, "x": "y"}),
    ("GET", b"/none", 204, b"", b""),
    ("GET", b"/status", 418, b"text/html; charset=utf-8", b"teapot"),
    ("GET", b"/gone", 410, b"", b""),
    ("GET", b"/broken", 500, b"text/plain; charset=utf-8", b"Internal Server Error"),
    ("GET", b"/strange", 500, b"text/plain; charset=utf-8", b"Internal Server Error"),
    ("GET", b"/hello/w%C3%B6rld", 200, b"text/html; charset=utf-8", "wörld".encode()),
    ("GET", b"/nowhere", 404, b"text/plain; charset=utf-8", b"Cannot GET /nowhere"),
    ("GET", b"/echo", 405, b"text/plain; charset=utf-8", b"Method Not Allowed"),
    ("POST", b"/echo", 200, b"application/json", {"sent": [1, 2]}),
]


@pytest.mark.parametrize(("method", "target", "status", "content_type", "body"), ANSWERS)
def test_answers(run, site, method, target, status, content_type, body):
    async def main():
        async with site(await application(Plugin(), 2)) as its:
            client = its.request(target, method=method, body=b'{"sent": [1, 2]}', headers=[(b"x", b"y")])
            found, head, sent = await client.over()
            assert found == status
            assert content_type in head
            assert (json.loads(sent) if isinstance(body, dict) else sent) == body

    run(main())


def test_a_handler_never_sees_half_a_body(run, site):
    seen = []

    class Store:
        def init(self): ...

        def register_routes(self, router):
            router.post("/", seen.append)

    async def main():
        async with site(await application(Store(), 1)) as its:
            client = its.request(method="POST", body=None)
            client.call.send(b"half")
            left = its.request(target=b"/nowhere")
            await left.over()
            client.call.cancel()
            await its.request(target=b"/nowhere").over()

    run(main())
    assert seen == []


def test_a_websocket_is_refused(run, site):
    async def main():
        async with site(await application(Plugin(), 1)) as its:
            client = its.websocket()
            await client.over()
            assert client.items == [["deny", 403, b"", b""]]

    run(main())


def test_init_may_be_a_coroutine(run, site):
    class Slow(Plugin):
        async def init(self):
            await asyncio.sleep(0)
            return super().init()

    async def main():
        async with site(await application(Slow(), 1)) as its:
            client = its.request(target=b"/text")
            assert (await client.over())[0] == 200

    run(main())


def test_init_is_needed_and_may_refuse(run):
    class Refusing(Plugin):
        def init(self):
            raise ValueError("not today")

    class RefusingLater(Plugin):
        async def init(self):
            raise ValueError("not today")

    class Without:
        def register_routes(self, router): ...

    for refusing in (Refusing(), RefusingLater()):
        with pytest.raises(ValueError, match="not today"):
            run(application(refusing, 1))
    with pytest.raises(StartFailed, match=r"no init\(\)"):
        run(application(Without(), 1))
