"""Releases are swapped under load: nothing is lost, and what began on the old one finishes there."""

from __future__ import annotations

import asyncio
import hashlib
from contextlib import asynccontextmanager

import h11
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

SETTINGS = """
[policy]
memory = "256MiB"
"""
SHOP = """
import asyncio
import hashlib

VERSION = b"%d"


async def app(scope, receive, send):
    if scope["type"] == "websocket":
        return await websocket(receive, send)
    assert scope["type"] == "http"
    await {"/": hello, "/upload": upload, "/events": events, "/hang": hang}[scope["path"]](scope, receive, send)


async def answer(send, body, more=False):
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": body, "more_body": more})


async def hello(scope, receive, send):
    await answer(send, VERSION)


async def upload(scope, receive, send):
    digest = hashlib.sha256()
    while True:
        message = await receive()
        digest.update(message["body"])
        if not message["more_body"]:
            break
    await answer(send, VERSION + b" " + digest.hexdigest().encode())


async def events(scope, receive, send):
    await answer(send, b"", more=True)
    many = int(scope["query_string"])
    for number in range(many):
        event = b"data: %%s %%d\\n\\n" %% (VERSION, number)
        await send({"type": "http.response.body", "body": event, "more_body": True})
        await asyncio.sleep(0.05)
    await send({"type": "http.response.body", "body": b""})


async def hang(scope, receive, send):
    await asyncio.sleep(3600)


async def websocket(receive, send):
    assert (await receive())["type"] == "websocket.connect"
    await send({"type": "websocket.accept"})
    while (message := await receive())["type"] == "websocket.receive":
        await send({"type": "websocket.send", "text": VERSION.decode() + " " + message["text"]})
"""


class Load:
    """Five kinds of client at once. Each verifies its answers, and their version against that deployed before."""

    def __init__(self, site, name):
        self._site, self._name = site, name
        self.deployed = 1
        self.highest = 1
        """The version that may already answer: deployed, or about to be."""
        self.counts = dict.fromkeys(("kept", "new", "uploads", "streams", "websockets"), 0)
        self._stop = asyncio.Event()

    @asynccontextmanager
    async def running(self):
        """Clients ask until the block ends; the first wrong or lost answer is raised."""
        async with asyncio.TaskGroup() as group:
            for kind, many in (
                (self._kept, 3),
                (self._new, 2),
                (self._uploads, 2),
                (self._streams, 3),
                (self._sockets, 3),
            ):
                for _ in range(many):
                    group.create_task(kind())
            while 0 in self.counts.values():
                await asyncio.sleep(0.01)
            yield
            self._stop.set()

    def _check(self, version, begun):
        assert begun <= int(version) <= self.highest, f"version {version} answered, {begun} was deployed before"

    async def _kept(self):
        async with self._site.connect(self._name) as connection:
            while not self._stop.is_set():
                begun = self.deployed
                answer = await connection.ask()
                assert (answer.status, answer.whole) == (200, True), answer
                self._check(answer.body, begun)
                self.counts["kept"] += 1
                await asyncio.sleep(0.003)

    async def _new(self):
        while not self._stop.is_set():
            begun = self.deployed
            answer = await self._site.ask(self._name)
            assert (answer.status, answer.whole) == (200, True), answer
            self._check(answer.body, begun)
            self.counts["new"] += 1
            await asyncio.sleep(0.003)

    async def _uploads(self):
        """Chunked, in pieces that take their time."""
        piece = bytes(range(256)) * 16
        expected = hashlib.sha256(piece * 10).hexdigest()
        while not self._stop.is_set():
            async with self._site.connect(self._name) as connection:
                begun = self.deployed
                await connection.begin("POST", "/upload", [("Transfer-Encoding", "chunked")])
                for _ in range(10):
                    await connection.send(h11.Data(data=piece))
                    await asyncio.sleep(0.03)
                await connection.send(h11.EndOfMessage())
                answer = await connection.answer()
            assert (answer.status, answer.whole) == (200, True), answer
            version, digest = answer.body.split()
            assert digest.decode() == expected
            self._check(version, begun)
            self.counts["uploads"] += 1

    async def _streams(self):
        while not self._stop.is_set():
            begun = self.deployed
            answer = await self._site.ask(self._name, "/events?10")
            assert (answer.status, answer.whole) == (200, True), answer
            version = answer.body.split()[1]
            assert answer.body == b"".join(b"data: %s %d\n\n" % (version, number) for number in range(10))
            self._check(version, begun)
            self.counts["streams"] += 1

    async def _sockets(self):
        while not self._stop.is_set():
            begun = self.deployed
            async with opened(self._site, self._name) as client:
                versions = {await say(client, f"message {number}") for number in range(10)}
            assert client.close_code == 1000
            (version,) = versions
            self._check(version, begun)
            self.counts["websockets"] += 1


@asynccontextmanager
async def opened(site, name):
    async with connect(f"ws://{name}.localhost/", host="127.0.0.1", port=site.port, proxy=None) as client:
        yield client


async def say(client, words):
    """Send a message and return the version that echoed it."""
    await client.send(words)
    version, _, echoed = (await client.recv()).partition(" ")
    assert echoed == words
    await asyncio.sleep(0.03)
    return version


def test_ten_swaps_lose_nothing(run, site):
    async def main():
        async with site.deployed(SHOP % 1) as name:
            load = Load(site, name)
            async with load.running():
                for version in range(2, 12):
                    load.highest = version
                    answer = await site.deploy(name, SHOP % version)
                    assert answer.status_code == 200, answer.text
                    load.deployed = version
                    assert (await site.ask(name)).body == b"%d" % version
                    await asyncio.sleep(0.05)
            assert min(load.counts.values()) >= 10, load.counts
            async with asyncio.timeout(10):
                while (status := await site.status(name))["draining"]:
                    await asyncio.sleep(0.02)
            assert (status["state"], status["release"], len(status["instances"])) == ("running", 11, 1)

    run(main())


def test_restarts_and_roll_backs_of_two_instances_lose_nothing(run, site):
    async def main():
        async with site.deployed(SHOP % 1, instances=2) as name:
            load = Load(site, name)
            async with load.running():
                load.highest = 2
                assert (await site.deploy(name, SHOP % 2, instances=2)).status_code == 200
                assert (await site.manage("POST", f"/{name}/restart")).status_code == 200
                assert (await site.ask(name)).body == b"2"
                assert (await site.manage("POST", f"/{name}/rollback", json={"release": 1})).status_code == 200
                assert (await site.ask(name)).body == b"1"

    run(main())


def test_grants_that_are_given_and_taken_back_lose_nothing(run, site):
    async def change(name, action, *permissions):
        (before,) = (await site.status(name))["instances"]
        answer = await site.manage("POST", f"/{name}/{action}", json={"permissions": permissions})
        (after,) = (await site.status(name))["instances"]
        return answer, before["pid"] != after["pid"]

    async def main():
        async with site.deployed(SHOP % 1) as name:
            load = Load(site, name)
            async with load.running():
                for _ in range(3):
                    answer, swapped = await change(name, "grant", "memory=300MiB", "read=/srv")
                    assert (answer.json()["grants"], swapped) == (["memory=300MiB", "read=/srv"], True)
                    answer, swapped = await change(name, "grant", "read=/usr/share")
                    assert (answer.status_code, swapped) == (200, False)
                    answer, swapped = await change(name, "grant", "read=photos")
                    assert (answer.status_code, swapped) == (400, False)
                    taken = ("memory=300MiB", "read=/srv", "read=/usr/share")
                    answer, swapped = await change(name, "revoke", *taken)
                    assert (answer.json()["grants"], swapped) == ([], True)
            assert min(load.counts.values()) >= 3, load.counts

    run(main())


def test_two_deploys_at_once_are_told_apart(run, site):
    async def main():
        async with site.deployed(SHOP % 1) as name:
            load = Load(site, name)
            async with load.running():
                load.highest = 5
                answers = await asyncio.gather(*(site.deploy(name, SHOP % version) for version in range(2, 6)))
            assert {answer.status_code for answer in answers} <= {200, 409}
            serving = max(answer.json()["release"] for answer in answers if answer.status_code == 200)
            assert (await site.status(name))["release"] == serving
            refused = [answer.json()["error"] for answer in answers if answer.status_code == 409]
            assert {error["type"] for error in refused} <= {"Conflict"}

    run(main())


@pytest.mark.parametrize(
    ("fails", "words"),
    [
        ("syntax_error", ["SyntaxError", "def app(scope, receive, send:"]),
        ("missing_package", ["ModuleNotFoundError", "import surely_not_installed_anywhere"]),
        ("raises_at_init", ["ValueError: the cupboard is bare", "in init"]),
        ("lifespan_failed", ["no database today"]),
        ("never_ready", ["limits.startup"]),
    ],
)
def test_a_deploy_that_fails_is_not_noticed(run, site, plugin_file, fails, words):
    async def main():
        async with site.deployed(SHOP % 1) as name:
            before = await site.status(name)
            load = Load(site, name)
            async with load.running():
                answer = await site.deploy(name, plugin_file(fails), startup=1 if fails == "never_ready" else 20)
            assert answer.status_code == 422, answer.text
            error = answer.json()["error"]
            told = error["message"] + error["traceback"]
            assert [each for each in words if each not in told] == [], told
            after = await site.status(name)
            assert (after["release"], after["state"], after["instances"][0]["pid"]) == (
                before["release"],
                "running",
                before["instances"][0]["pid"],
            )

    run(main())


def test_what_is_open_at_a_swap_finishes_on_the_old_release(run, site):
    async def main():
        async with site.deployed(SHOP % 1) as name, site.connect(name) as stream, site.connect(name) as upload:
            await stream.begin(target="/events?40")
            await stream.send(h11.EndOfMessage())
            head = await stream.next()
            await upload.begin("POST", "/upload", [("Content-Length", "10")])
            await upload.send(h11.Data(data=b"12345"))
            async with opened(site, name) as client:
                assert await say(client, "before") == "1"
                assert (await site.deploy(name, SHOP % 2)).status_code == 200
                assert await say(client, "after") == "1"
                async with opened(site, name) as second:
                    assert await say(second, "new") == "2"
                assert (await site.status(name))["draining"]
                await upload.send(h11.Data(data=b"67890"))
                await upload.send(h11.EndOfMessage())
                assert (await upload.answer()).body.startswith(b"1 ")
                assert (await upload.ask()).body == b"2"
                answer = await stream.rest(head)
                assert (answer.whole, answer.body) == (
                    True,
                    b"".join(b"data: 1 %d\n\n" % number for number in range(40)),
                )
            assert client.close_code == 1000

    run(main())


def test_what_outlasts_the_drain_is_ended_as_told(run, site):
    async def main():
        async with (
            site.deployed(SHOP % 1, drain=0.5) as name,
            site.connect(name) as stream,
            site.connect(name) as hangs,
        ):
            await stream.begin(target="/events?100000")
            await stream.send(h11.EndOfMessage())
            head = await stream.next()
            await hangs.begin(target="/hang")
            await hangs.send(h11.EndOfMessage())
            async with opened(site, name) as client:
                assert await say(client, "before") == "1"
                assert (await site.deploy(name, SHOP % 2)).status_code == 200
                with pytest.raises(ConnectionClosed):
                    await client.recv()
                assert client.close_code == 1012
            assert (await hangs.answer()).status == 504
            assert (await hangs.ask()).body == b"2"
            assert not (await stream.rest(head)).whole

    run(main())
