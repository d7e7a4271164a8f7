"""An engine's plugins within another ASGI application: routes of ``http_services``, domains, bodies, failures."""

from __future__ import annotations

import asyncio
import json

import httpx
import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route

import weft
import weft.asgi
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
        "        found = [each['route'] for each in routes if each['route'] == scope['path']]\n"
        "        await send({'type': 'http.response.start', 'status': 299, 'headers': []})\n"
        "        await send({'type': 'http.response.body', 'body': found[0].encode()})\n"
        "    return serve\n"
    )
    asked(work, folder)
