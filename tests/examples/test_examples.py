"""Every example is served at once, and asked something that only the real application can answer."""

from __future__ import annotations

import json
import re
import socket
import sqlite3
from contextlib import closing
from pathlib import Path

import httpx
import pytest
from websockets.sync.client import connect

EXAMPLES = Path(__file__).parents[2] / "examples"
ENVIRONMENTS = 240
"""Seconds for the first build of every environment, over a slow network."""


class Site:
    """One plugin's domain on a running server."""

    def __init__(self, port: int, name: str) -> None:
        self.address = ("127.0.0.1", port)
        self.host = f"{name}.localhost:{port}"
        self.client = httpx.Client(base_url=f"http://127.0.0.1:{port}", headers={"host": self.host}, timeout=30)

    def close(self) -> None:
        self.client.close()

    def get(self, path: str, **options) -> httpx.Response:
        return self.client.get(path, **options).raise_for_status()


def ask_datasette(site: Site) -> None:
    sql = "select weave, count(*) as fabrics from cloth group by weave order by fabrics desc, weave limit 1"
    rows = site.get("/weaving.json", params={"sql": sql, "_shape": "array"}).json()
    assert rows == [{"weave": "tabby", "fabrics": 4}]
    versions = site.get("/-/versions.json").json()
    assert versions["datasette"]["version"].startswith(("0.", "1."))
    assert "Nîmes" in site.get("/weaving/fabrics/1").text


def ask_shop(site: Site) -> None:
    assert site.get("/about").json()["pydantic"].startswith("1.")
    assert "merino" in site.get("/").text
    made = site.client.post("/orders", json={"yarn": "silk", "skeins": 2})
    assert (made.status_code, made.json()["cents"]) == (201, 4300)
    refused = site.client.post("/orders", json={"yarn": "steel", "skeins": 2})
    assert (refused.status_code, refused.json()["errors"][0]["loc"]) == (422, ["yarn"])
    assert [order["yarn"] for order in site.get("/orders").json()] == ["silk"]


def ask_yarn(site: Site) -> None:
    assert site.get("/").json()["pydantic"].startswith("2.")
    cloth = site.client.post("/cloth", json={"width": 50, "length": 200}).json()
    assert (cloth["warp_metres"], cloth["weft_metres"]) == (1040, 880)
    assert "/cloth" in site.get("/openapi.json").json()["paths"]
    with connect(f"ws://{site.host}/shuttle", sock=socket.create_connection(site.address)) as shuttle:
        shuttle.send("weft")
        assert shuttle.recv(timeout=10) == "tfew"


def ask_guestbook(site: Site) -> None:
    assert "Django" in site.get("/admin/login/").text
    assert "--primary" in site.get("/static/admin/css/base.css").text
    token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', site.get("/").text)
    assert token is not None
    written = site.client.post("/", data={"csrfmiddlewaretoken": token[1], "name": "Ada", "text": "I was here."})
    assert written.status_code == 302
    assert site.get("/guests.json").json() == {
        "guests": [{"name": "Ada", "entries": 1}, {"name": "Weft", "entries": 1}]
    }


def ask_notes(site: Site) -> None:
    with site.client.stream("GET", "/events") as events:
        changes = (json.loads(line[6:]) for line in events.iter_lines() if line.startswith("data: "))
        assert "<td>passes</td>" in next(changes)["html"]
        with httpx.Client(base_url=site.client.base_url, headers={"host": site.host}) as writer:
            writer.put("/notes", content="# Changed <script>").raise_for_status()
        assert next(changes)["html"] == "<h1>Changed &lt;script&gt;</h1>"


def ask_hello(site: Site) -> None:
    assert site.get("/Ada").text == "hello, Ada\n"


def ask_greeter(site: Site) -> None:
    assert site.get("/hello/Ada", params={"lang": "fr"}).text == "Bonjour, Ada!\n"
    assert site.client.get("/hello/Ada", params={"lang": "xx"}).status_code == 404
    assert site.get("/greeted").json() == {"greeted": 1}


def ask_proxy(site: Site) -> None:
    assert "proxy_hit_rate" in site.get("/metrics").text
    plugins = {each["name"]: each for each in site.get("/status").json()["plugins"]}
    assert (plugins["shelf"]["title"], plugins["redis-storage"]["title"]) == ("Shelf", "Redis Storage")
    assert plugins["redis-storage"]["provides"] == ["storage#redis@1"]


def ask_pinboard(site: Site) -> None:
    assert "board.css" in site.get("/").text
    style = site.get("/board.css")
    assert style.headers["content-type"] == "text/css; charset=utf-8"
    assert style.headers["x-content-type-options"] == "nosniff"
    made = site.client.post("/api/pins", files={"picture": ("../../x.png", b"\x89PNG\r\n", "image/png")})
    assert made.status_code == 201
    assert site.get("/api/pins/").json() == [made.headers["location"]]
    assert site.get(made.headers["location"]).content == b"\x89PNG\r\n"
    for path in ("/%2e%2e/pinboard.py", "/pictures/..%2f..%2fpinboard.py", "/pinboard.py"):
        assert site.client.get(path).status_code == 404
    refused = site.client.post("/api/pins", files={"picture": ("x.svg", b"<svg>", "image/svg+xml")})
    assert (refused.status_code, list(refused.json())) == (415, ["error"])
    assert site.client.post("/api/pins", content=b"x" * 3_000_000).status_code == 413
    assert site.client.delete(f"/api/pins/{made.json()['name']}").status_code == 204
    assert site.get("/api/pins").json() == []


def ask_looms(site: Site) -> None:
    woven = site.client.post("/api/plugin/looms/7/picks", json={"picks": 12}).json()
    assert woven == {"loom": "7", "picks": 12}
    assert site.get("/api/plugin/looms/7").json() == woven
    assert site.get("/api/plugin/looms").json() == ["7"]
    assert site.client.delete("/api/plugin/looms").status_code == 405


ASKED = {
    "datasette": ask_datasette,
    "shop": ask_shop,
    "yarn": ask_yarn,
    "guestbook": ask_guestbook,
    "notes": ask_notes,
    "hello": ask_hello,
    "greeter": ask_greeter,
    "proxy": ask_proxy,
    "pinboard": ask_pinboard,
    "loom_counter": ask_looms,
}


@pytest.mark.network
@pytest.mark.timeout(ENVIRONMENTS + 120)
def test_all_examples_side_by_side(weft_server):
    port = weft_server(EXAMPLES, within=ENVIRONMENTS).port
    for name, ask in ASKED.items():
        with closing(Site(port, name)) as site:
            ask(site)


def test_the_manager_manages_by_rpc(weft_server, free_port):
    rpc = free_port()
    env = {"GLOOM_RPC": f"127.0.0.1:{rpc}"}
    port = weft_server(EXAMPLES / "manager.py", EXAMPLES / "hello.py", "--rpc-port", rpc, env=env).port
    hello = (EXAMPLES / "hello.py").read_bytes()
    with closing(Site(port, "manager")) as site, closing(Site(port, "second")) as second:
        assert '<td>hello<td>hello.localhost<td><button value="hello">' in site.get("/").text
        assert site.client.put("/plugins/second", content=hello).text == "Plugin uploaded successfully\n"
        assert second.get("/Ada").text == "hello, Ada\n"
        taken = site.client.put("/plugins/third?domain=hello.localhost", content=hello)
        assert taken.text == "Domain hello.localhost already exists\n"
        assert site.client.put("/plugins/no.name", content=hello).text == "invalid plugin name\n"
        assert site.client.delete("/plugins/hello").text == "Plugin is preloaded\n"
        assert site.client.delete("/plugins/second").text == "Plugin deleted successfully\n"
        assert "second" not in site.get("/").text


def test_glooms_shape(weft_server):
    port = weft_server(EXAMPLES / "greeter.py", EXAMPLES / "gloom_pinboard").port
    for name, ask in (("greeter", ask_greeter), ("pinboard", ask_pinboard)):
        with closing(Site(port, name)) as site:
            ask(site)


def test_the_shipped_database_is_what_its_source_makes():
    folder = EXAMPLES / "datasette"
    source = f"file:{folder / 'weaving.db'}?mode=ro"
    with closing(sqlite3.connect(":memory:")) as made, closing(sqlite3.connect(source, uri=True)) as shipped:
        made.executescript((folder / "weaving.sql").read_text())
        assert list(made.iterdump()) == list(shipped.iterdump())
