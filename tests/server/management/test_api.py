"""Management of a real server, over its control socket and its port."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

import pytest

SHOP = """
async def app(scope, receive, send):
    if scope["type"] != "http":
        raise RuntimeError("no lifespan")
    print("asked for", scope["path"], flush=True)
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"VERSION"})
"""
BROKEN = SHOP + '\nraise LookupError("the shelf is empty")\n'


def shop(source=SHOP, **fields):
    return {"files": {"plugin": ("shop.py", source)}, "data": fields}


def uploads(server):
    return list(server.state.uploads.iterdir())


def test_glooms_three_endpoints(serving, run):
    async def main():
        async with serving() as (_, _, http):
            assert (await http.get("/api/plugins")).json() == []
            answers = [
                await http.post("/api/plugins", **shop(domains="shop.localhost, store.localhost")),
                await http.get("/api/plugins"),
                await http.post("/api/plugins", **shop(SHOP + "#", domains="shop.localhost")),
                await http.get("/api/plugins"),
                await http.delete("/api/plugins/Shop"),
                await http.delete("/api/plugins/shop"),
                await http.get("/api/plugins"),
            ]
            return [
                (each.status_code, each.text if "text" in each.headers["content-type"] else each.json())
                for each in answers
            ]

    assert run(main()) == [
        (200, "Plugin uploaded successfully"),
        (200, [{"name": "shop", "domains": ["shop.localhost", "store.localhost"]}]),
        (200, "Plugin updated successfully"),
        (200, [{"name": "shop", "domains": ["shop.localhost"]}]),
        (200, "Plugin not found"),
        (200, "Plugin deleted successfully"),
        (200, []),
    ]


def test_glooms_400_is_for_what_was_sent_wrongly(serving, run):
    async def main():
        async with serving() as (server, _, http):
            wrong = [
                await http.post("/api/plugins", files={"plugin": ("shop.py", SHOP)}),
                await http.post("/api/plugins", files={"other": ("x", "y")}, data={"domains": "a.localhost"}),
                await http.post("/api/plugins", **shop(domains="a.localhost", name="no/name")),
                await http.post("/api/plugins", **shop(domains="a.localhost,")),
                await http.post("/api/plugins", content=b"nothing"),
            ]
            assert [each.status_code for each in wrong] == [400] * 5, [each.text for each in wrong]
            assert "domain cannot be empty" in wrong[0].text
            assert "invalid plugin name" in wrong[2].text
            await http.post("/api/plugins", **shop(domains="shop.localhost"))
            taken = await http.post("/api/plugins", **shop(domains="shop.localhost", name="other"))
            failed = await http.post("/api/plugins", **shop(BROKEN, domains="b.localhost", name="other"))
            assert (taken.status_code, taken.text) == (200, "Domain shop.localhost already exists")
            assert failed.status_code == 200
            assert failed.text.startswith("plugin reported error: ")
            assert "the shelf is empty" in failed.text
            assert uploads(server) == []

    run(main())


def test_a_plugins_whole_life(serving, run):
    async def main():
        async with serving() as (server, control, http):
            first = (await control.post("/api/v1/plugins", **shop())).json()
            second = (await control.post("/api/v1/plugins", **shop(SHOP.replace("VERSION", "new")))).json()
            assert (first["release"], second["release"]) == (1, 2)
            assert second["urls"] == [f"http://shop.localhost:{server.port}"]
            there = {"host": "shop.localhost"}
            assert (await http.get("/x", headers=there)).text == "new"

            assert (await control.post("/api/v1/plugins/shop/rollback", json={"release": None})).json()["release"] == 1
            assert (await http.get("/x", headers=there)).text == "VERSION"
            releases = (await control.get("/api/v1/plugins/shop/releases")).json()
            assert [set(each) for each in releases] == [{"number", "version", "digest", "created", "standing"}] * 2

            assert (await control.post("/api/v1/plugins/shop/restart")).status_code == 200
            assert (await control.post("/api/v1/plugins/shop/disable")).status_code == 204
            assert (await control.get("/api/v1/plugins/shop")).json()["state"] == "disabled"
            assert (await http.get("/x", headers=there)).status_code == 503
            assert (await control.post("/api/v1/plugins/shop/enable")).status_code == 200

            granted = await control.post("/api/v1/plugins/shop/grant", json={"permissions": ["memory=1GiB"]})
            assert granted.json() == {"name": "shop", "grants": ["memory=1GiB"], "swapped": False, "disabled": ""}
            revoked = await control.post("/api/v1/plugins/shop/revoke", json={"permissions": ["memory=1GiB"]})
            assert revoked.json()["grants"] == []
            assert [each["name"] for each in (await control.get("/api/v1/plugins")).json()] == ["shop"]
            assert (await control.delete("/api/v1/plugins/shop", params={"purge": True})).status_code == 204
            gone = await control.get("/api/v1/plugins/shop")
            assert (gone.status_code, gone.json()["error"]["type"]) == (404, "UnknownPlugin")

    run(main())


def test_a_failed_deploy_tells_the_plugins_own_traceback(serving, run):
    async def main():
        async with serving() as (server, control, _):
            plain = await control.post("/api/v1/plugins", **shop(BROKEN))
            assert plain.status_code == 422
            streamed = await control.post("/api/v1/plugins", headers={"accept": "application/x-ndjson"}, **shop(BROKEN))
            *_, last = map(json.loads, streamed.text.splitlines())
            for error in (plain.json()["error"], last["error"]):
                assert set(error) == {"type", "message", "notes", "plugin", "traceback", "problems"}
                assert (error["type"], error["plugin"]) == ("StartFailed", "shop")
                assert "the shelf is empty" in error["message"]
                assert "shop.py" in error["traceback"]
            assert uploads(server) == []

    run(main())


def test_secrets_are_kept_and_never_shown(serving, run):
    async def main():
        async with serving() as (_, control, _):
            fields = {"config": '{"colour": "hidden-1"}', "env": '{"API_KEY": "hidden-2"}'}
            answers = [await control.post("/api/v1/plugins", **shop(**fields))]
            for path in ("plugins", "plugins/shop", "plugins/shop/config", "plugins/shop/releases", "events"):
                answers.append(await control.get(f"/api/v1/{path}"))
            assert answers[3].json() == {"config": ["colour"], "env": ["API_KEY"], "grants": []}
            assert not any("hidden" in each.text for each in answers)

    run(main())


@pytest.mark.parametrize("fields", [{"config": "[]"}, {"config": "{"}, {"env": '{"A": 1}'}])
def test_fields_that_make_no_sense(serving, run, fields):
    async def main():
        async with serving() as (server, control, _):
            answer = await control.post("/api/v1/plugins", **shop(**fields))
            assert (answer.status_code, answer.json()["error"]["type"]) == (400, "UsageError")
            assert uploads(server) == []

    run(main())


def test_an_upload_that_is_too_large(serving, run):
    async def main():
        async with serving(max_upload_bytes=1000) as (server, control, _):
            answer = await control.post("/api/v1/plugins", **shop("#" * 2000))
            assert (answer.status_code, answer.json()["error"]["type"]) == (413, "TooLarge")
            assert uploads(server) == []

    run(main())


def test_an_upload_that_is_cut_leaves_nothing(serving, run):
    head = (
        "POST /api/v1/plugins HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5000\r\n"
        "Content-Type: multipart/form-data; boundary=cut\r\n\r\n"
        '--cut\r\nContent-Disposition: form-data; name="plugin"; filename="shop.py"\r\n\r\n# half'
    )

    async def main():
        async with serving() as (server, control, _):
            _, writer = await asyncio.open_unix_connection(str(server.state.control_socket))
            writer.write(head.encode())
            await writer.drain()
            while not uploads(server):
                await asyncio.sleep(0.01)
            writer.close()
            await writer.wait_closed()
            while uploads(server):
                await asyncio.sleep(0.01)
            assert (await control.get("/api/v1/plugins")).json() == []

    run(main())


def test_a_form_without_its_end_is_refused(serving, run):
    async def main():
        async with serving() as (server, control, _):
            body = b'--x\r\nContent-Disposition: form-data; name="plugin"; filename="a.py"\r\n\r\npass'
            kind = {"content-type": "multipart/form-data; boundary=x"}
            answer = await control.post("/api/v1/plugins", content=body, headers=kind)
            assert answer.status_code == 400
            assert "ended before" in answer.json()["error"]["message"]
            assert uploads(server) == []

    run(main())


def test_logs_and_events_are_followed(serving, run):
    async def first_line(client, path, wanted):
        async with client.stream("GET", path, params={"follow": True}) as response:
            async for line in response.aiter_lines():
                if wanted in line:
                    return json.loads(line)
        return None

    async def main():
        async with serving() as (_, control, http):
            await control.post("/api/v1/plugins", **shop())
            await http.get("/bread", headers={"host": "shop.localhost"})
            printed = await first_line(control, "/api/v1/plugins/shop/logs", "bread")
            assert (printed["text"], printed["stream"]) == ("asked for /bread", "stdout")
            event = await first_line(control, "/api/v1/events", "serves")
            assert event["plugin"] == "shop"
            assert (await control.get("/api/v1/plugins/none/logs")).status_code == 404
            assert (await control.get("/api/v1/plugins/shop/logs", params={"level": "loud"})).status_code == 400

    run(main())


def test_who_follows_does_not_keep_the_server_from_ending(serving, run):
    async def main():
        async with serving() as (server, control, _):
            stream = control.stream("GET", "/api/v1/events", params={"follow": True})
            response = await stream.__aenter__()
            server.journal.record("shop", "asked", "a first line")
            lines = response.aiter_lines()
            assert "a first line" in await anext(lines)
            ending = asyncio.create_task(server.__aexit__(None, None, None))
            assert [line async for line in lines] == []
            await control.aclose()
            await ending

    run(main())


def test_health_metrics_description_and_page(serving, run):
    async def main():
        async with serving() as (server, control, http):
            await control.post("/api/v1/plugins", **shop())
            await http.get("/", headers={"host": "shop.localhost"})
            metrics = (await http.get("/metrics")).text
            assert 'weft_plugin_requests_total{plugin="shop",status="2xx"} 1.0' in metrics
            assert 'weft_plugin_state{plugin="shop",state="running"} 1.0' in metrics
            assert "python_gc" not in metrics
            described = (await http.get("/api/v1/openapi.json")).json()["paths"]
            assert {"/api/plugins", "/api/plugins/{name}", "/api/v1/plugins", "/metrics", "/readyz"} <= set(described)
            assert f"http://shop.localhost:{server.port}" in (await http.get("/")).text

    run(main())


def test_who_may_manage_is_asked_for_all_but_health(serving, run):
    async def main():
        async with serving() as (server, _, http):
            token = {"authorization": f"Bearer {server.state.token()}"}
            cases = [
                ({}, 200),
                ({"origin": f"http://localhost:{server.port}"}, 200),
                ({"origin": "http://evil.example"}, 403),
                ({"origin": "null", **token}, 403),
                ({"sec-fetch-site": "none"}, 200),
                ({"sec-fetch-site": "cross-site"}, 403),
                ({"x-forwarded-for": "127.0.0.1"}, 401),
                ({"x-forwarded-for": "127.0.0.1", **token}, 200),
                ({"forwarded": "for=127.0.0.1"}, 401),
                ({"authorization": "Bearer wrong"}, 401),
                (token, 200),
            ]
            for headers, status in cases:
                for path in ("/api/plugins", "/api/v1/plugins", "/metrics", "/"):
                    assert (await http.get(path, headers=headers)).status_code == status, (path, headers)
                for path in ("/healthz", "/readyz"):
                    assert (await http.get(path, headers=headers)).status_code == 200, (path, headers)
            assert (await http.get("/api/plugins", headers={"host": "evil.example"})).status_code == 404

    run(main())


ASK = """
import socket, sys
where = sys.argv[1]
ask = socket.socket(socket.AF_UNIX) if where.startswith("/") else socket.socket()
ask.connect(where if where.startswith("/") else ("127.0.0.1", int(where)))
ask.sendall(b"GET /api/plugins HTTP/1.1\\r\\nHost: localhost\\r\\nConnection: close\\r\\n\\r\\n")
print(ask.makefile("rb").readline().decode().split()[1])
"""


@pytest.mark.skipif(sys.platform != "linux", reason="Linux alone tells who asks")
def test_what_the_server_starts_may_not_manage(serving, run):
    async def main():
        async with serving() as (server, _, _):
            for where in (str(server.state.control_socket), str(server.port)):
                ask = await asyncio.create_subprocess_exec(sys.executable, "-c", ASK, where, stdout=-1)
                assert await ask.communicate() == (b"401\n", None)

    run(main())


def test_nothing_of_a_server_lies_in_the_open(serving, run):
    async def main():
        async with serving() as (server, _, _):
            for path in (server.state.path, server.state.control_socket, server.state.path / "token"):
                assert Path(path).stat().st_mode & 0o077 == 0

    run(main())
