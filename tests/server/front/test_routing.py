"""Which requests go where, and what the front says when nobody can answer."""

from __future__ import annotations

import asyncio
import json
import os

import pytest

from weft.calls.faults import Faults
from weft.errors import DrainEnded
from weft.runtimes.inline.channel import InlineChannel
from weft.sdk.asgi import AsgiProvider
from weft.server.front import line

GET = b"GET / HTTP/1.1\r\nHost: shop.localhost\r\n\r\n"


class Manager:
    """Management that answers with the Peer it was given."""

    name = "management"
    call_timeout = 20.0

    def __init__(self):
        self.peers = []

    def pick_for(self, peer):
        self.peers.append(peer)

        async def app(scope, receive, send):
            names = b",".join(name for name, _ in scope["headers"])
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b"managed " + names})

        return InlineChannel(AsgiProvider(app).methods, Faults("management"), on_fault=print)


def ask_for(host):
    return f"GET / HTTP/1.1\r\nHost: {host}\r\n\r\n".encode()


@pytest.mark.parametrize("host", ["shop.localhost", "SHOP.localhost:3000", "shop.localhost.", "Shop.LocalHost.:80"])
def test_spellings_of_a_domain(run, site, respond, host):
    async def main():
        async with site(respond()) as it:
            for _ in range(2):
                assert (await it.ask(ask_for(host))).status == 200

    run(main())


def test_unknown_domain(run, site, respond):
    async def main():
        async with site(respond()) as it:
            client = await it.connect()
            kinds = {"text/html,*/*": "text/html", "application/json": "application/json", "": "text/plain"}
            for accept, kind in kinds.items():
                client.send(ask_for("b.localhost")[:-2])
                client.send(f"Accept: {accept}\r\n\r\n".encode())
                answer = await client.answer()
                assert answer.status == 404
                assert answer.header("content-type").startswith(kind)
                assert b"b.localhost" in answer.body
                if kind == "application/json":
                    assert json.loads(answer.body)["status"] == 404
            for host in ("localhost", "127.0.0.1", "other.localhost"):
                assert (await it.ask(ask_for(host))).status == 404

    run(main())


@pytest.mark.parametrize("host", ["localhost", "localhost:3000", "127.0.0.1:3000", "[::1]:3000", "[::1]", "LOCALHOST"])
def test_management_domains(run, site, respond, host):
    manager = Manager()

    async def main():
        async with site(respond(), management=manager) as it:
            client = await it.connect()
            for _ in range(2):
                client.send(ask_for(host)[:-2] + b"X-Forwarded-For: 1.2.3.4\r\n\r\n")
                assert (await client.answer()).body == b"managed host,x-forwarded-for"
            client.send(ask_for("shop.localhost"))
            assert (await client.answer()).body == b"Hello"
            first, second = manager.peers
            assert first is second
            assert (first.local[0], first.local[1], first.remote[0]) == ("127.0.0.1", it.port, "127.0.0.1")
            assert (first.pid, first.trusted_proxy) == (None, False)

    run(main())


def test_what_leave_depends_on_reaches_management_though_connection_names_it(run, site, respond):
    async def main():
        async with site(respond(), management=Manager()) as it:
            client = await it.connect()
            fields = b"Connection: origin, sec-fetch-site, x-forwarded-by, x-own\r\n"
            fields += b"Origin: http://a\r\nSec-Fetch-Site: cross-site\r\nX-Forwarded-By: b\r\nX-Own: 1\r\n\r\n"
            client.send(ask_for("localhost")[:-2] + fields)
            assert (await client.answer()).body == b"managed host,origin,sec-fetch-site,x-forwarded-by"

    run(main())


def test_control_socket_serves_management_alone(run, site, respond, tmp_path):
    manager = Manager()

    async def main():
        async with site(respond(), management=manager) as it:
            path = tmp_path / "control.sock"
            await it.front.start_unix(path)
            assert path.stat().st_mode & 0o777 == 0o600
            reader, writer = await asyncio.open_unix_connection(path)
            for host in (b"shop.localhost", b"anything at all"):
                writer.write(b"GET / HTTP/1.1\r\nHost: " + host + b"\r\n\r\n")
                head = await reader.readuntil(b"\r\n\r\n")
                assert head.startswith(b"HTTP/1.1 200")
                await reader.readexactly(len(b"managed host"))
            writer.close()
            await writer.wait_closed()
            assert (manager.peers[0].pid, manager.peers[0].uid) == (os.getpid(), os.getuid())
            assert manager.peers[0].remote is None

    run(main())


def test_forwarded_headers_of_strangers_are_dropped(run, site, echo):
    async def main():
        async with site(echo) as it:
            answer = await it.get(X_Forwarded_For="1.2.3.4", X_Forwarded_Proto="https", Forwarded="for=1.2.3.4", X="1")
            assert answer.body == b"GET / 1.1 127.0.0.1 http\nhost: shop.localhost\nx: 1\n\n"

    run(main())


def test_forwarded_headers_of_trusted_proxies_are_believed(run, site, echo):
    async def main():
        async with site(echo, trusted_proxies=("127.0.0.0/8",)) as it:
            answer = await it.ask(
                b"GET / HTTP/1.1\r\nHost: inner\r\nX-Forwarded-For: 9.9.9.9, 1.2.3.4, 127.0.0.9\r\n"
                b"X-Forwarded-Proto: https\r\nX-Forwarded-Host: shop.localhost\r\n\r\n"
            )
            assert answer.body.startswith(b"GET / 1.1 1.2.3.4 https\nhost: inner\nx-forwarded-for: 9.9.9.9,")
            answer = await it.get(Forwarded='for="[2001:db8::1]:80";proto=https')
            assert answer.body.startswith(b"GET / 1.1 2001:db8::1 https\n")
            assert (await it.get()).body.startswith(b"GET / 1.1 127.0.0.1 http\n")

    run(main())


def test_plugin_that_does_not_run(run, site):
    async def main():
        async with site() as it:
            client = await it.connect()
            for _ in range(2):
                client.send(GET)
                answer = await client.answer()
                assert (answer.status, answer.header("retry-after"), answer.header("connection")) == (503, "7", None)

    run(main())


def test_requests_in_flight_have_a_limit(run, site):
    go_on = asyncio.Event()

    async def app(scope, receive, send):
        await go_on.wait()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    async def main():
        async with site(app, max_in_flight=2) as it:
            clients = [await it.connect() for _ in range(3)]
            for client in clients[:2]:
                client.send(GET)
            await asyncio.sleep(0.05)
            clients[2].send(GET)
            answer = await clients[2].answer()
            assert (answer.status, answer.header("retry-after")) == (503, "1")
            go_on.set()
            assert [(await client.answer()).status for client in clients[:2]] == [200, 200]
            clients[2].send(GET)
            assert (await clients[2].answer()).status == 200
            assert it.front.traffic["shop"].errors == {"overloaded": 1}

    run(main())


def test_connections_have_a_limit(run, site, respond):
    async def main():
        async with site(respond(), max_connections=2) as it:
            first, _second, third = [await it.connect() for _ in range(3)]
            assert (await third.answer()).status == 503
            assert await third.closed()
            first.send(GET)
            assert (await first.answer()).status == 200

    run(main())


def test_plugin_that_dies(run, site):
    begun = asyncio.Event()

    async def app(scope, receive, send):
        if scope["path"] == "/begun":
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b"part", "more_body": True})
            begun.set()
        await asyncio.sleep(60)

    async def main():
        async with site(app) as it:
            waiting, streaming = await it.connect(), await it.connect()
            waiting.send(GET)
            streaming.send(b"GET /begun HTTP/1.1\r\nHost: shop.localhost\r\n\r\n")
            await begun.wait()
            await asyncio.sleep(0.02)
            it.shop.other.abort()
            assert (await waiting.answer()).status == 502
            answer = await streaming.answer()
            assert (answer.body, answer.whole) == (b"part", False)
            waiting.send(GET)
            assert (await waiting.answer()).status == 503

    run(main())


def test_end_of_a_drain(run, site):
    async def app(scope, receive, send):
        await asyncio.sleep(60)

    async def main():
        async with site(app) as it:
            client = await it.connect()
            client.send(GET)
            await asyncio.sleep(0.02)
            it.shop.channel.fail(DrainEnded("the release was replaced"))
            assert (await client.answer()).status == 504

    run(main())


def test_access_log(run, site, respond):
    async def main():
        async with site(respond()) as it:
            await it.get('/"%20x?y')
            await it.ask(ask_for("nowhere.localhost"))
        return it.accesses

    served, unknown = run(main())
    assert (served.plugin, served.client, served.method, served.target) == ("shop", "127.0.0.1", "GET", b'/"%20x?y')
    assert (served.status, served.sent) == (200, 5)
    assert (unknown.plugin, unknown.status) == ("", 404)
    assert line(served).startswith('127.0.0.1 shop.localhost "GET /"%20x?y HTTP/1.1" 200 5 ')


def test_access_records_do_not_hold_what_a_client_made_long(run, site, respond):
    async def main():
        async with site(respond()) as it:
            assert (await it.get("/" + "x" * 50_000)).status == 200
        return it.accesses

    (record,) = run(main())
    assert 1000 < len(record.target) < 5000


def test_no_access_log(run, site, respond):
    async def main():
        async with site(respond(), access_log=False) as it:
            await it.get()
        assert it.accesses == []

    run(main())
