"""What bounds a plugin and its clients, and what reaches an application when they are met."""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
import signal
import sys
from contextlib import aclosing
from pathlib import Path

import h11
import pytest
from websockets.asyncio.client import connect

SETTINGS = "[http]\nmax_in_flight = 5\n"
MEBIBYTE = 1024 * 1024
STREAM = """
CHUNK = b"x" * 65536


async def app(scope, receive, send):
    assert scope["type"] == "http"
    await send({"type": "http.response.start", "status": 200, "headers": []})
    for _ in range(int(scope["query_string"]) * 16):
        await send({"type": "http.response.body", "body": CHUNK, "more_body": True})
    await send({"type": "http.response.body", "body": b""})
"""
GATE = """
import asyncio
import os

GATE = os.path.join(os.environ["WEFT_DATA_DIR"], "open")
left = []


async def app(scope, receive, send):
    assert scope["type"] == "http"
    path = scope["path"]
    if path == "/wait":
        while not os.path.exists(GATE):
            await asyncio.sleep(0.01)
    if path in ("/leave", "/leave-stream"):
        await receive()
        if path == "/leave-stream":
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b"begun", "more_body": True})
        left.append((await receive())["type"])
        return
    await send({"type": "http.response.start", "status": 200, "headers": []})
    body = repr(left) if path == "/left" else os.environ["WEFT_PID"]
    await send({"type": "http.response.body", "body": body.encode()})
"""
DEAF = """
import asyncio


async def app(scope, receive, send):
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept"})
        if scope["path"] == "/talk":
            while True:
                await send({"type": "websocket.send", "bytes": b"x" * 65536})
    assert scope["type"] in ("http", "websocket")
    await asyncio.sleep(3600)
"""
TALKS = """
async def app(scope, receive, send):
    if scope["type"] == "websocket":
        await send({"type": "websocket.accept"})
        while True:
            await send({"type": "websocket.send", "text": "and another thing"})
    assert scope["type"] == "http"
    await send({"type": "http.response.start", "status": 200, "headers": []})
    while scope["path"] == "/":
        await send({"type": "http.response.body", "body": b"and another thing", "more_body": True})
    await send({"type": "http.response.body", "body": b"fine"})
"""
WSGI = """
import hashlib
import itertools


def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    if environ["PATH_INFO"] == "/stream":
        return (b"part %d " % number for number in range(100))
    if environ["PATH_INFO"] == "/endless":
        return itertools.repeat(b"x" * 1000)
    digest = hashlib.sha256()
    while piece := environ["wsgi.input"].read(8192):
        digest.update(piece)
    words = environ["REQUEST_METHOD"], environ["QUERY_STRING"], environ["HTTP_HOST"], digest.hexdigest()
    return [" ".join(words).encode()]
"""
LIFESPAN = """
import os

DIARY = os.path.join(os.environ["WEFT_DATA_DIR"], "diary")


def write(line):
    with open(DIARY, "a") as file:
        file.write(line + "\\n")


async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        await receive()
        scope["state"]["greeting"] = "hello"
        write("startup")
        await send({"type": "lifespan.startup.complete"})
        await receive()
        write("shutdown")
        return await send({"type": "lifespan.shutdown.complete"})
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": scope["state"]["greeting"].encode()})
"""


def resident(pid):
    """Bytes of memory that a process holds."""
    return int(re.search(r"^VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)[1]) * 1024


async def begin(connection, target):
    await connection.begin(target=target)
    await connection.send(h11.EndOfMessage())


@pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")
def test_a_slow_reader_of_much_costs_little_memory(run, site):
    async def main():
        async with site.deployed(STREAM) as name, site.connect(name) as slow, site.connect(name) as slower:
            assert len((await site.ask(name, "/?64")).body) == 64 * MEBIBYTE
            (instance,) = (await site.status(name))["instances"]
            pids = (site.server.process.pid, instance["pid"])
            before = [resident(pid) for pid in pids]
            await begin(slow, "/?200")
            await begin(slower, "/?200")
            read = 0
            assert (await slow.next()).status_code == 200
            for _ in range(100):
                read += len((await slow.next()).data)
                await asyncio.sleep(0.01)
            assert read < 100 * MEBIBYTE
            grown = [resident(pid) - size for pid, size in zip(pids, before, strict=True)]
            assert max(grown) < 16 * MEBIBYTE, grown

    run(main())


@pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")
@pytest.mark.parametrize("kind", ["upload", "messages to it", "messages from it"])
def test_an_application_or_client_that_takes_nothing_costs_little_memory(run, site, kind):
    async def fill(send):
        """Send until nothing more is taken."""
        for number in range(100 * 16):
            try:
                async with asyncio.timeout(1):
                    await send(b"x" * 65536)
            except TimeoutError:
                return number
        return pytest.fail("100 MiB were taken")

    async def upload(name):
        async with site.connect(name) as client:
            await client.begin("POST", "/", [("Transfer-Encoding", "chunked")])
            await fill(lambda piece: client.send(h11.Data(data=piece)))
            yield

    async def talk(name, target):
        options = {"compression": None, "proxy": None, "max_queue": 1}
        async with connect(f"ws://{name}.localhost{target}", host="127.0.0.1", port=site.port, **options) as client:
            try:
                if target == "/":
                    await fill(client.send)
                else:
                    await asyncio.sleep(1)
                yield
            finally:
                client.transport.abort()  # it could not say goodbye through full buffers

    async def main():
        async with site.deployed(DEAF, drain=0.1) as name:
            (instance,) = (await site.status(name))["instances"]
            pids = (site.server.process.pid, instance["pid"])
            before = [resident(pid) for pid in pids]
            clients = {
                "upload": upload(name),
                "messages to it": talk(name, "/"),
                "messages from it": talk(name, "/talk"),
            }
            async with aclosing(clients[kind]) as client:
                await anext(client)
                grown = [resident(pid) - size for pid, size in zip(pids, before, strict=True)]
                assert max(grown) < 16 * MEBIBYTE, grown

    run(main())


def test_past_the_most_in_flight_requests_are_refused(run, site):
    async def main():
        async with site.deployed(GATE) as name, site.beside_healthy():
            waiting = [asyncio.create_task(site.ask(name, "/wait")) for _ in range(5)]
            async with asyncio.timeout(10):
                while (await site.status(name))["stats"]["in_flight"] < 5:
                    await asyncio.sleep(0.01)
            refused = await site.ask(name)
            assert (refused.status, int(refused.headers["retry-after"]) >= 1) == (503, True)
            (site.server.state / "data" / name / "open").touch()
            assert [(await each).status for each in waiting] == [200] * 5
            assert (await site.ask(name)).status == 200

    run(main())


def test_two_instances_share_the_work(run, site):
    async def main():
        async with site.deployed(GATE, instances=2) as name:
            status = await site.status(name)
            pids = {str(each["pid"]).encode() for each in status["instances"]}
            assert len(pids) == 2
            waiting = [asyncio.create_task(site.ask(name, "/wait")) for _ in range(4)]
            async with asyncio.timeout(10):
                while [each["in_flight"] for each in (await site.status(name))["instances"]] != [2, 2]:
                    await asyncio.sleep(0.01)
            (site.server.state / "data" / name / "open").touch()
            answers = sorted([(await each).body for each in waiting])
            assert answers == sorted([*pids, *pids])
            assert (await site.deploy(name, GATE + "\n", instances=2)).status_code == 200
            assert len((await site.status(name))["instances"]) == 2
            assert (await site.ask(name)).body not in pids

    run(main())


def test_an_unknown_domain_says_so(run, site):
    async def main():
        answer = await site.ask("nobody")
        assert answer.status == 404
        assert b"nobody.localhost" in answer.body

    run(main())


def test_a_client_that_leaves_reaches_the_application(run, site):
    async def main():
        async with site.deployed(GATE) as name:
            for number, target in enumerate(("/leave", "/leave-stream")):
                async with site.connect(name) as client:
                    await begin(client, target)
                    if target == "/leave-stream":
                        assert (await client.next()).status_code == 200
                    async with asyncio.timeout(10):
                        while not (await site.status(name))["stats"]["in_flight"]:
                            await asyncio.sleep(0.01)
                async with asyncio.timeout(10):
                    while (body := (await site.ask(name, "/left")).body).count(b"http.disconnect") <= number:
                        await asyncio.sleep(0.01)
            assert body == b"['http.disconnect', 'http.disconnect']"

    run(main())


def test_an_application_that_only_talks_is_told_that_its_client_left(run, site):
    async def main():
        async with site.deployed(TALKS, call=5) as name:
            async with site.connect(name) as client:
                await begin(client, "/")
                assert (await client.next()).status_code == 200
            async with connect(f"ws://{name}.localhost/", host="127.0.0.1", port=site.port, proxy=None) as client:
                assert await client.recv() == "and another thing"
                client.transport.abort()
            for _ in range(3):
                assert (await site.ask(name, "/fine")).body == b"fine"
            assert (await site.status(name))["stats"]["in_flight"] == 0

    run(main())


def test_a_wsgi_application(run, site):
    async def main():
        async with site.deployed(WSGI) as name:
            answer = await site.ask(name, "/some?a=b", method="POST", body=b"x" * 300_000)
            digest = hashlib.sha256(b"x" * 300_000).hexdigest()
            assert answer.body.decode() == f"POST a=b {name}.localhost {digest}"
            streamed = await site.ask(name, "/stream")
            assert (streamed.body, streamed.whole) == (b"".join(b"part %d " % number for number in range(100)), True)
            answers = await asyncio.gather(*(site.ask(name, f"/?{number}") for number in range(5)))
            assert [each.body.decode().split()[1] for each in answers] == [str(number) for number in range(5)]

    run(main())


def test_a_wsgi_thread_is_set_free_when_its_client_leaves(run, site):
    async def main():
        async with site.deployed(WSGI, threads=2, call=10, drain=1) as name:
            for _ in range(3):
                async with site.connect(name) as client:
                    await begin(client, "/endless")
                    assert (await client.next()).status_code == 200
            assert (await site.ask(name)).status == 200

    run(main())


def test_lifespan_runs_once_per_instance_and_ends_with_it(run, site):
    def diary(name):
        return (site.server.state / "data" / name / "diary").read_text().split()

    async def main():
        async with site.deployed(LIFESPAN) as name:
            assert {(await site.ask(name)).body for _ in range(3)} == {b"hello"}
            assert diary(name) == ["startup"]
            assert (await site.manage("POST", f"/{name}/disable")).status_code == 204
            assert diary(name) == ["startup", "shutdown"]
            assert (await site.manage("POST", f"/{name}/enable")).status_code == 200
            assert diary(name) == ["startup", "shutdown", "startup"]

    run(main())


def test_requests_under_way_are_finished_when_the_server_stops(run, weft_server, visit, tmp_path):
    (tmp_path / "gate.py").write_text(GATE)
    server = weft_server(tmp_path / "gate.py")
    site = visit(server)

    async def main():
        async with site.connect("gate") as kept:
            assert (await kept.ask()).status == 200
            waiting = [asyncio.create_task(site.ask("gate", "/wait")) for _ in range(5)]
            async with asyncio.timeout(10):
                while (await site.status("gate"))["stats"]["in_flight"] < 5:
                    await asyncio.sleep(0.01)
            stopping = asyncio.create_task(asyncio.to_thread(server.stop))
            async with asyncio.timeout(10):
                while "stopping" not in server.text:
                    await asyncio.sleep(0.01)
            last = await kept.ask()
            assert (last.status, last.headers["connection"]) == (200, "close")
            (server.state / "data" / "gate" / "open").touch()
            assert [((await each).status, (await each).whole) for each in waiting] == [(200, True)] * 5
            await stopping

    run(main())


def test_the_other_instance_answers_when_one_is_lost(run, site):
    async def main():
        async with site.deployed(GATE, instances=2) as name, site.connect(name) as kept:
            pids = [each["pid"] for each in (await site.status(name))["instances"]]
            os.kill(pids[0], signal.SIGKILL)
            async with asyncio.timeout(10):
                while (await kept.ask()).body != str(pids[1]).encode():
                    await asyncio.sleep(0.01)
                while (
                    len((await site.status(name))["instances"]) < 2 or (await site.status(name))["state"] != "running"
                ):
                    assert (await kept.ask()).status == 200
                    await asyncio.sleep(0.01)
            assert (await site.status(name))["stats"]["restarts"] == 1

    run(main())


def test_lifespan_shutdown_runs_when_the_server_stops(run, weft_server, tmp_path):
    (tmp_path / "shop.py").write_text(LIFESPAN)
    server = weft_server(tmp_path / "shop.py")
    server.stop()
    assert (server.state / "data" / "shop" / "diary").read_text().split() == ["startup", "shutdown"]
