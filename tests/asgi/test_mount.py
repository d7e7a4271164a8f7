"""An engine's plugins within another ASGI application: routes of ``http_services``, domains, bodies, failures."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager

import httpx
import pytest
from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route

import weft
import weft.asgi
from weft.asgi.place import target_of
from weft.errors import StartFailed

CODE = """
import time

def Execute(ctx):
    label = ctx.get_value("label")
    if label == "get":
        return {"id": ctx.get_value("id")}
    if label == "size":
        return {"size": len(ctx.get_value("request").body)}
    if label == "large":
        return b"x" * 1_000_000
    if label == "raises":
        raise ValueError("a secret")
    if label == "heeds":
        open(ctx.get_value("request").query["file"][0], "w").close()
        ctx.done.wait(30)
        raise ctx.err
    if label == "hang":
        ctx.done.wait(30)
        with open(ctx.get_value("request").query["file"][0], "w") as file:
            file.write(type(ctx.err).__name__)
"""
ROUTES = {
    "/api/plugin/sample/:id": ("GET", "get"),
    "/size": ("POST", "size"),
    "/large": ("GET", "large"),
    "/raises": ("GET", "raises"),
    "/hang": ("GET", "hang"),
    "/heeds": ("GET", "heeds"),
}


@pytest.fixture
def write(tmp_path):
    """``write(name, driver="asgi", routes=ROUTES)``: a plugin's folder."""

    def plugin(name="sample", driver="asgi", routes=ROUTES):
        folder = tmp_path / name
        folder.mkdir()
        (folder / f"{name}.py").write_text(CODE)
        listed = [{"route": route, "method": method, "label": label} for route, (method, label) in routes.items()]
        text = {
            "name": name,
            "version": "0.1.0",
            "source": {"mode": "local_so", "path": f"{name}.so"},
            "http_services": {"driver": driver, "routes": listed},
        }
        (folder / "plugin.json").write_text(json.dumps(text))
        return folder

    return plugin


def client(application, **options):
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(application, raise_app_exceptions=False),
        base_url="http://host.example",
        **options,
    )


@pytest.fixture
def asked(tmp_path, run):
    """``asked(work, *sources)``: runs ``await work(client, engine)`` with these plugins mounted beside a host's own."""

    def with_plugins(work, *sources):
        async def main():
            async with weft.Engine(tmp_path / "state") as engine:
                for source in sources:
                    await engine.load(source)
                own = Route("/own", lambda _request: PlainTextResponse("the host's own"))
                application = Starlette(routes=[own, Mount("/plugins", weft.asgi.mount(engine))])
                async with client(application) as session:
                    return await work(session, engine)

        return run(main())

    return with_plugins


def test_routes_are_served_beside_the_hosts_own(asked, write):
    async def work(session, _engine):
        assert (await session.get("/own")).text == "the host's own"
        assert (await session.get("/plugins/api/plugin/sample/a%20%C3%A9")).json() == {"id": "a é"}
        assert (await session.get("/plugins/api/plugin/other")).status_code == 404
        wrong = await session.put("/plugins/size")
        assert (wrong.status_code, wrong.headers["allow"]) == (405, "POST")
        raised = await session.get("/plugins/raises")
        assert (raised.status_code, raised.text) == (500, "Internal Server Error")

    asked(work, write())


def test_bodies_of_any_size_go_both_ways(asked, write):
    async def pieces():
        for _ in range(20):
            yield b"x" * 50_000

    async def work(session, _engine):
        assert (await session.post("/plugins/size", content=b"abc")).json() == {"size": 3}
        assert (await session.post("/plugins/size", content=b"x" * 1_000_000)).json() == {"size": 1_000_000}
        assert (await session.post("/plugins/size", content=pieces())).json() == {"size": 1_000_000}
        assert len((await session.get("/plugins/large")).content) == 1_000_000

    asked(work, write())


def test_each_route_leads_to_its_plugin_and_a_domain_goes_before(asked, write):
    async def work(session, engine):
        assert (await session.get("/plugins/first/1")).json() == {"id": "1"}
        assert (await session.get("/plugins/second/2")).json() == {"id": "2"}
        elsewhere = {"host": "second.localhost:80"}
        assert (await session.get("/plugins/first/1", headers=elsewhere)).status_code == 404
        await engine.unload("first")
        assert (await session.get("/plugins/first/1")).status_code == 404

    first = write("first", routes={"/first/:id": ("GET", "get")})
    asked(work, first, write("second", routes={"/second/:id": ("GET", "get")}))


def test_a_client_that_leaves_ends_the_work(asked, write, tmp_path):
    async def work(_session, engine):
        application = weft.asgi.mount(engine)
        left, seen = asyncio.Event(), tmp_path / "state/data/sample/seen"

        async def receive():
            if not left.is_set():
                left.set()
                return {"type": "http.request"}
            await asyncio.sleep(0.2)
            return {"type": "http.disconnect"}

        scope = {
            "type": "http", "method": "GET", "path": "/hang", "headers": [], "query_string": f"file={seen}".encode(),
        }  # fmt: skip
        sent = []
        await application(scope, receive, sent.append)
        while not seen.exists() or not seen.read_text():
            await asyncio.sleep(0.01)
        assert (sent, seen.read_text()) == ([], "TaskCancelled")

    asked(work, write())


def test_what_gives_up_as_it_is_unloaded_is_unavailable(asked, write, tmp_path):
    async def work(session, engine):
        began = tmp_path / "state/data/sample/began"
        asking = asyncio.create_task(session.get("/plugins/heeds", params={"file": str(began)}))
        while not began.exists():
            await asyncio.sleep(0.01)
        await engine.unload("sample")
        assert (await asking).status_code == 503

    asked(work, write())


def test_a_stopped_plugin_is_unavailable(asked, write):
    async def work(session, engine):
        await engine.stop("sample")
        assert (await session.get("/plugins/large", headers={"host": "sample.localhost"})).status_code == 503

    asked(work, write())


def test_an_unknown_driver_is_refused_with_those_there_are(asked, write):
    async def work(_session, engine):
        with pytest.raises(StartFailed, match=r"there is no driver 'gin' \(there are asgi, beego\)"):
            await engine.load(write(driver="gin"))

    asked(work)


def test_a_driver_of_the_plugins_own_packages(asked, write, tmp_path):
    async def work(session, _engine):
        answer = await session.get("/plugins/large")
        assert (answer.status_code, answer.text) == (299, "/large")

    folder = write(driver="own")
    about = folder / "own_driver-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: own-driver\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[weft.http_drivers]\nown = own_driver:driver\n")
    (folder / "own_driver.py").write_text(
        "def driver(routes, execute):\n"
        "    async def serve(scope, receive, send):\n"
        "        if scope['type'] != 'http':\n"
        "            raise RuntimeError('no lifespan')\n"
        "        path = scope['path'].removeprefix(scope['root_path'])\n"
        "        found = [each['route'] for each in routes if each['route'] == path]\n"
        "        await send({'type': 'http.response.start', 'status': 299, 'headers': []})\n"
        "        await send({'type': 'http.response.body', 'body': found[0].encode()})\n"
        "    return serve\n"
    )
    asked(work, folder)


# --- below a path, in a host as people write it ---------------------------------------------------------------------

STARLETTE = """
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route


async def where(request):
    link = str(request.url_for("where", item="b"))
    return JSONResponse({"item": request.path_params["item"], "self": str(request.url), "link": link})


app = Starlette(routes=[Route("/where/{item}", where)])
"""
FLASK = """
from flask import Flask, request, url_for

app = Flask(__name__)


@app.get("/where/<item>")
def where(item):
    return {"item": item, "self": request.url, "link": url_for("where", item="b", _external=True)}
"""
GLOOM = """
class Site:
    def init(self): ...

    def register_routes(self, router):
        router.get("/where/:item", self.where)

    def where(self, request):
        link = f"http://site.localhost/plugins/where/b"
        return {"item": request.params["item"], "self": f"http://site.localhost/plugins{request.path}", "link": link}


Plugin = Site()
"""


@pytest.fixture
def site(tmp_path):
    """``site(code, *packages)``: a plugin that is a web application of its own."""

    def write(code, *packages):
        folder = tmp_path / "site"
        folder.mkdir()
        (folder / "site_app.py").write_text(code)
        about = f'[project]\nname = "site"\nversion = "1.0"\ndependencies = {json.dumps(packages)}\n'
        (folder / "pyproject.toml").write_text(about + '[tool.weft]\nprovides = ["web"]\n')
        return folder

    return write


@asynccontextmanager
async def mounted(framework, state, *sources):
    """An application of the framework's with these plugins at ``/plugins``."""
    async with weft.Engine(state) as engine:
        for source in sources:
            await engine.load(source)
        application = framework()
        application.mount("/plugins", weft.asgi.mount(engine))
        yield application


@pytest.mark.network
@pytest.mark.parametrize("framework", [Starlette, FastAPI])
@pytest.mark.parametrize(("code", "packages"), [(STARLETTE, ["starlette"]), (FLASK, ["flask"]), (GLOOM, [])])
def test_a_plugin_knows_the_path_at_which_it_is_mounted(run, site, tmp_path, framework, code, packages):
    async def main():
        async with mounted(framework, tmp_path / "state", site(code, *packages)) as application:
            async with client(application, headers={"host": "site.localhost"}) as session:
                answer = (await session.get("/plugins/where/a%20c")).json()
                assert answer["item"] == "a c"
                assert answer["self"].replace("%20", " ") == "http://site.localhost/plugins/where/a c"
                assert answer["link"] == "http://site.localhost/plugins/where/b"
                assert (await session.get("/plugins/plugins/where/a")).status_code == 404
                assert (await session.get("/where/a")).status_code == 404

    run(main())


def test_routes_are_found_below_the_path(run, write, tmp_path):
    source = write("sample", routes={"/plugins/:id": ("GET", "get"), "/size": ("POST", "size")})

    async def main():
        async with mounted(FastAPI, tmp_path / "state", source) as application, client(application) as session:
            assert (await session.get("/plugins/plugins/7")).json() == {"id": "7"}
            assert (await session.get("/plugins/plugins")).status_code == 404
            assert (await session.post("/plugins/size", content=b"abc")).json() == {"size": 3}

    run(main())


# --- websockets ------------------------------------------------------------------------------------------------------

TALKS = """
import os


async def app(scope, receive, send):
    if scope["type"] != "websocket":
        return
    await receive()
    if scope["path"] == "/plugins/deny":
        await send({"type": "websocket.http.response.start", "status": 418, "headers": [(b"x-why", b"tea")]})
        return await send({"type": "websocket.http.response.body", "body": b"no"})
    await send(
        {
            "type": "websocket.accept",
            "subprotocol": scope["subprotocols"][-1] if scope["subprotocols"] else None,
            "headers": [(b"x-path", f'{scope["root_path"]} {scope["path"]}'.encode())],
        }
    )
    while True:
        message = await receive()
        if message["type"] == "websocket.disconnect":
            with open(os.path.join(os.environ["WEFT_DATA_DIR"], "left"), "w") as file:
                file.write(str(message["code"]))
            return
        text = message.get("text")
        if text == "bye":
            return await send({"type": "websocket.close", "code": 4001, "reason": "as you wish"})
        if text == "return":
            return
        if text == "fail":
            raise ValueError("a secret")
        if text is None:
            await send({"type": "websocket.send", "bytes": message["bytes"][::-1]})
        elif text.isdecimal():
            await send({"type": "websocket.send", "text": "x" * int(text)})
        else:
            await send({"type": "websocket.send", "text": text})
"""


class Socket:
    """The host's server and its client, of one websocket."""

    def __init__(self, application, path, **scope):
        scope = {
            "type": "websocket", "path": path, "raw_path": path.encode(), "root_path": "", "query_string": b"",
            "headers": [(b"host", b"site.localhost")], "scheme": "ws", "subprotocols": [], **scope,
        }  # fmt: skip
        self._given, self._said = asyncio.Queue(), asyncio.Queue()
        self._given.put_nowait({"type": "websocket.connect"})
        self.served = asyncio.create_task(application(scope, self._given.get, self._said.put))

    def send(self, **message):
        self._given.put_nowait({"type": "websocket.receive", **message})

    def leave(self, code):
        self._given.put_nowait({"type": "websocket.disconnect", "code": code, "reason": ""})

    async def said(self):
        """The next message of the application's; ``{"error": …}`` once it has raised."""
        message = await self._said.get()
        return {key: value for key, value in message.items() if key != "type"} | {
            "is": message["type"].partition(".")[2]
        }


@pytest.fixture
def talking(run, site, tmp_path):
    """``talking(work)``: runs ``await work(connect)``; ``connect(path, **scope)`` is a websocket of a host's."""

    def with_plugin(work):
        async def main():
            async with mounted(Starlette, tmp_path / "state", site(TALKS)) as application:
                await work(lambda path, **scope: Socket(application, path, **scope))

        return run(main())

    return with_plugin


def test_a_websocket_goes_both_ways_with_messages_of_any_size(talking):
    async def work(connect):
        socket = connect("/plugins/talk", subprotocols=["a", "b"])
        accepted = await socket.said()
        assert accepted == {
            "is": "accept", "subprotocol": "b", "headers": [(b"x-path", b"/plugins /plugins/talk")],
        }  # fmt: skip
        socket.send(text="h\u00e9")
        assert await socket.said() == {"is": "send", "text": "h\u00e9"}
        socket.send(bytes=b"x" * 300_000 + b"y")
        assert await socket.said() == {"is": "send", "bytes": b"y" + b"x" * 300_000}
        socket.send(text="200000")
        assert await socket.said() == {"is": "send", "text": "x" * 200_000}
        socket.send(text="bye")
        assert await socket.said() == {"is": "close", "code": 4001, "reason": "as you wish"}
        await socket.served

    talking(work)


@pytest.mark.parametrize(("said", "code"), [("return", 1000), ("fail", 1011), (str(17 * 1024 * 1024), 1009)])
def test_a_websocket_ends_with_its_application(talking, said, code):
    async def work(connect):
        socket = connect("/plugins/talk")
        await socket.said()
        socket.send(text=said)
        closed = await socket.said()
        assert (closed["is"], closed["code"]) == ("close", code)
        await socket.served

    talking(work)


def test_a_client_that_leaves_its_websocket_is_told_of(talking, tmp_path):
    async def work(connect):
        socket = connect("/plugins/talk")
        await socket.said()
        socket.leave(3000)
        await socket.served
        left = tmp_path / "state/data/site/left"
        while not left.exists() or not left.read_text():
            await asyncio.sleep(0.01)
        assert left.read_text() == "3000"

    talking(work)


def test_a_websocket_may_be_denied_where_the_host_can_say_so(talking):
    async def work(connect):
        socket = connect("/plugins/deny", extensions={"websocket.http.response": {}})
        began, body = await socket.said(), await socket.said()
        assert (began["status"], dict(began["headers"])[b"x-why"], body["body"]) == (418, b"tea", b"no")
        assert (await connect("/plugins/deny").said())["is"] == "close"

    talking(work)


def test_a_websocket_that_nobody_takes_is_closed(asked, write):
    async def work(_session, engine):
        application = weft.asgi.mount(engine)
        for path in ("/elsewhere", "/large"):  # none of a plugin's, and a route for requests alone
            socket = Socket(application, path)
            assert await socket.said() == {"is": "close", "code": 1000, "reason": ""}
            await socket.served

    asked(work, write())


@pytest.mark.parametrize(
    ("path", "root", "raw", "expected"),
    [
        ("/plugins/a", "/plugins", b"/plugins/a", b"/plugins/a"),
        ("/plugins", "/plugins", b"/plugins", b"/plugins/"),
        ("/pluginsa", "/plugins", None, b"/plugins/pluginsa"),  # from before path began with root_path
        ("/a b", "/p", b"/a%20b", b"/p/a%20b"),
        ("/p/a/b", "/p", b"/p/a%2Fb", b"/p/a%2Fb"),
        ("/\u00e9", "", None, b"/%C3%A9"),
        ("/rewritten", "", b"/as/it/came", b"/rewritten"),
    ],
)
def test_a_path_is_told_from_the_top_as_the_client_wrote_it(path, root, raw, expected):
    scope = {"path": path, "root_path": root, "raw_path": raw, "query_string": b""}
    assert target_of(scope) == expected
