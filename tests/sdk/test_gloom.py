"""GLoom's shape: answers, middleware, its configuration, and a start that may be refused."""

from __future__ import annotations

import asyncio
import json
import threading
import types
from datetime import timedelta

import pytest

from weft.errors import PluginError, StartFailed
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


def test_a_start_that_blocks_blocks_no_event_loop(run, site):
    """It goes on only when the loop has let another task run meanwhile."""
    gates = [threading.Event(), threading.Event()]

    class Slow(Plugin):
        def init(self):
            assert gates[0].wait(20)
            return super().init()

        def register_routes(self, router):
            assert gates[1].wait(20)
            super().register_routes(router)

    async def main():
        starting = asyncio.create_task(application(Slow(), 1))
        for gate in gates:
            await asyncio.sleep(0.01)
            assert not starting.done()
            gate.set()
        async with site(await starting) as its:
            assert (await its.request(target=b"/text").over())[0] == 200

    run(main())


def test_init_is_needed_and_may_refuse(run):
    class Refusing(Plugin):
        def init(self):
            raise ValueError("not today")

    class Leaving(Plugin):
        def init(self):
            raise SystemExit(3)

    class RefusingLater(Plugin):
        async def init(self):
            raise ValueError("not today")

    class Without:
        def register_routes(self, router): ...

    for refusing in (Refusing(), RefusingLater()):
        with pytest.raises(ValueError, match="not today"):
            run(application(refusing, 1))
    with pytest.raises(SystemExit):
        run(application(Leaving(), 1))
    with pytest.raises(StartFailed, match=r"no init\(\)"):
        run(application(Without(), 1))


@pytest.fixture
def ask(run, site):
    """``ask(plugin, *requests)``: status, head and body of each; a request is a target, or (method, target, body)."""

    def ask(plugin, *requests, threads=1):
        async def main():
            async with site(await application(plugin, threads)) as its:
                whole = [each if isinstance(each, tuple) else ("GET", each, b"") for each in requests]
                clients = [its.request(target, method=method, body=body) for method, target, body in whole]
                return [tuple(await client.over()) for client in clients]

        return run(main())

    return ask


class Layers:
    """Middleware of every kind, each leaving its mark."""

    def __init__(self, config=None):
        self.config = config

    def init(self):
        return self.config

    def register_routes(self, router):
        router.use(self.plain, self.later)
        admin = router.group("/admin", self.guard)
        admin.get("/", self.marks, lambda request: "never")
        admin.group("/users/:id").get("/posts/:post?", self.marks)
        router.use("/de", "/en", self.mark("language"))
        router.get("/de/:page", self.pass_on, self.marks)
        router.get("/only", self.marks).post("/only", self.marks)
        router.get("/fails", lambda request: 1 / 0)
        router.get("/exits", lambda request: exit(1))
        router.get("/refuses", self.refuse)

    def plain(self, request):
        request.locals["marks"] = ["plain"]
        try:
            return request.next().set("x-plain", "after")
        finally:
            request.response.set("x-always", "yes")

    async def later(self, request):
        request.locals["marks"].append("later")
        return (await request.next()).set("x-later", "after")

    def guard(self, request):
        if "key" not in request.query:
            return 401, "no key"
        request.locals["marks"].append("guard")
        return request.next()

    def mark(self, name):
        async def handler(request):
            request.locals["marks"].append(name)
            return request.next()

        return handler

    def pass_on(self, request):
        request.next()

    def marks(self, request):
        return {"marks": request.locals["marks"], "params": request.params}

    def refuse(self, request):
        raise request.error(403, "not you")


@pytest.mark.parametrize(
    ("target", "answer"),
    [
        (b"/admin?key=1", {"marks": ["plain", "later", "guard"], "params": {}}),
        (b"/ADMIN/users/7/posts/?key", {"marks": ["plain", "later", "guard"], "params": {"id": "7", "post": ""}}),
        (b"/de/start", {"marks": ["plain", "later", "language"], "params": {"page": "start"}}),
        (b"/only", {"marks": ["plain", "later"], "params": {}}),
    ],
)
def test_handlers_answer_in_the_order_of_their_making(ask, target, answer):
    ((status, head, body),) = ask(Layers(), target)
    assert (status, json.loads(body)) == (200, answer)
    assert b"x-plain: after\r\n" in head
    assert b"x-later: after\r\n" in head


def test_what_nobody_answers(ask):
    requests = (b"/admin", b"/nowhere", ("PUT", b"/only", b""), b"/refuses", b"/de", b"/administrator")
    answers = ask(Layers(), *requests)
    assert [(status, body) for status, _, body in answers] == [
        (401, b"no key"),
        (404, b"Cannot GET /nowhere"),
        (405, b"Method Not Allowed"),
        (403, b"not you"),
        (404, b"Cannot GET /de"),
        (404, b"Cannot GET /administrator"),
    ]
    assert b"allow: GET, HEAD, POST\r\n" in answers[2][1]
    assert all(b"x-always: yes" in head for _, head, _ in answers)


def test_middleware_that_waits_takes_no_thread_from_others(ask):
    answers = ask(Layers(), *[b"/de/start"] * 50, b"/fails", b"/exits", b"/only", threads=2)
    assert [status for status, _, _ in answers] == [200] * 50 + [500, 500, 200]


def test_a_request_that_is_cut_off_sets_its_threads_free(run, site):
    class Slow:
        def init(self): ...

        def register_routes(self, router):
            router.use(lambda request: request.next())
            router.get("/slow", self.slow)

        async def slow(self, request):
            began.set()
            await asyncio.sleep(3600)

    began = asyncio.Event()

    async def main():
        async with site(await application(Slow(), 1)) as its:
            its.request(b"/slow")
            await asyncio.wait_for(began.wait(), 10)

    run(main())
    left = [each for each in threading.enumerate() if each.name.startswith("plugin")]
    for thread in left:
        thread.join(10)
    assert not any(thread.is_alive() for thread in left)


def test_an_error_handler_answers(ask):
    async def handler(request, error):
        return 418, f"{type(error).__name__}: {error}"

    config = {"ErrorHandler": handler, "BodyLimit": 4}
    requests = (b"/fails", b"/nowhere", ("POST", b"/only", b"12345"), ("POST", b"/only", b"1234"))
    answers = [(status, body) for status, _, body in ask(Layers(config), *requests)]
    assert answers[:2] == [(418, b"ZeroDivisionError: division by zero"), (418, b"HttpError: Cannot GET /nowhere")]
    assert answers[2] == (418, b"HttpError: the body of a request to /only has at most 4 bytes")
    assert answers[3][0] == 200


def test_routing_is_as_configured(ask):
    config = types.SimpleNamespace(strict_routing=True, CaseSensitive=True, AppName="shop")
    assert [each[0] for each in ask(Layers(config), b"/only", b"/only/", b"/Only")] == [200, 404, 404]
    assert [each[0] for each in ask(Layers(), b"/only", b"/only/", b"/Only")] == [200, 200, 200]


def test_a_body_and_a_response_have_their_time(run, site):
    async def main():
        async with site(await application(Layers({"ReadTimeout": timedelta(milliseconds=50)}), 1)) as its:
            client = its.request(b"/only", method="POST", body=None)
            client.call.send(b"half")
            assert (await client.over())[0] == 408

        class Endless(Layers):
            def register_routes(self, router):
                router.get("/", lambda request: iter(lambda: b"x" * 1000, b""))

        async with site(await application(Endless({"write_timeout": 0.05}), 1)) as its:
            client = its.request(grants=False)
            with pytest.raises(PluginError, match="within its response"):
                await client.over()

    run(main())


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"BodyLimit": "4MiB"}, "BodyLimit = '4MiB': expected a number of bytes"),
        ({"body_limit": True}, "expected a number of bytes"),
        ({"ReadTimeout": -1}, "ReadTimeout = -1: expected a number of seconds"),
        ({"write_timeout": "1s"}, "expected a number of seconds"),
        ({"StrictRouting": 1}, "expected True or False"),
        ({"ErrorHandler": "x"}, "expected a function"),
        (7, r"init\(\) returned 7: expected None, a dict"),
    ],
)
def test_a_wrong_configuration_refuses_the_start(run, config, message):
    with pytest.raises(StartFailed, match=message):
        run(application(Layers(config), 1))


@pytest.mark.parametrize("wrong", [lambda router: router.get("/x", "text"), lambda router: router.use("/x")])
def test_a_route_without_a_function_refuses_the_start(run, wrong):
    class Wrong(Layers):
        def register_routes(self, router):
            wrong(router)

    with pytest.raises(ValueError, match="expected functions of the request"):
        run(application(Wrong(), 1))
