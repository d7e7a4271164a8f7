"""One server for all tests of a module, management by its control socket, and plain HTTP/1.1 over raw sockets."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import h11
import httpx
import pytest

PLUGINS = Path(__file__).parents[1] / "plugins"
HEALTHY = """
async def app(scope, receive, send):
    assert scope["type"] == "http"
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"well"})
"""


@dataclass(frozen=True)
class Answer:
    """One response. ``whole``: it ended as its framing says, and was not cut."""

    status: int
    headers: dict[str, str]
    body: bytes
    whole: bool = True


class Connection:
    """One client connection to one domain."""

    def __init__(self, reader, writer, domain):
        self.reader, self.writer, self._domain = reader, writer, domain
        self._parser = h11.Connection(h11.CLIENT)

    async def send(self, event):
        self.writer.write(self._parser.send(event) or b"")
        await self.writer.drain()

    async def begin(self, method="GET", target="/", headers=()):
        if self._parser.our_state is h11.DONE:
            self._parser.start_next_cycle()
        await self.send(h11.Request(method=method, target=target, headers=[("Host", self._domain), *headers]))

    async def next(self):
        """The next event of the answer. Raises h11.RemoteProtocolError or ConnectionError where it is cut."""
        while (event := self._parser.next_event()) is h11.NEED_DATA:
            self._parser.receive_data(await self.reader.read(65536))
        return event

    async def answer(self):
        head = await self.next()
        assert isinstance(head, h11.Response), head
        return await self.rest(head)

    async def rest(self, head):
        """The answer whose head was read, to its end or to where it is cut."""
        headers = {name.decode(): value.decode() for name, value in head.headers}
        body = bytearray()
        try:
            while isinstance(event := await self.next(), h11.Data):
                body += event.data
        except (h11.RemoteProtocolError, ConnectionError):
            return Answer(head.status_code, headers, bytes(body), whole=False)
        return Answer(head.status_code, headers, bytes(body))

    async def ask(self, method="GET", target="/", body=b""):
        await self.begin(method, target, [("Content-Length", str(len(body)))] if body else [])
        if body:
            await self.send(h11.Data(data=body))
        await self.send(h11.EndOfMessage())
        return await self.answer()


class Site:
    """A running server as its clients and its operator see it."""

    def __init__(self, server):
        self.server = server
        self.port = server.port
        self._numbers = count(1)
        self._control = httpx.Client(
            transport=httpx.HTTPTransport(uds=str(server.state / "control.sock")),
            base_url="http://localhost",
            timeout=60,
        )

    def close(self):
        self._control.close()

    @asynccontextmanager
    async def connect(self, name):
        """A connection to the plugin of that name."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            yield Connection(reader, writer, f"{name}.localhost")
        finally:
            writer.close()

    async def ask(self, name, target="/", **request):
        async with self.connect(name) as connection:
            return await connection.ask(target=target, **request)

    def fresh_name(self):
        return f"plugin{next(self._numbers)}"

    async def manage(self, method, path, **request):
        return await asyncio.to_thread(self._control.request, method, f"/api/v1/plugins{path}", **request)

    async def deploy(self, name, text, *, instances=1, env=None, **limits):
        """The management's answer, whatever it is. ``text``: the plugin's source, or its file in tests/plugins."""
        if isinstance(text, Path):
            text = text.read_text()
        table = [f"instances = {instances}", *(f"limits.{key} = {value}" for key, value in limits.items())]
        block = ["# /// script", "# [tool.weft]", *(f"# {line}" for line in table), "# ///", ""]
        fields = {"name": name, "env": json.dumps(env or {})}
        return await self.manage("POST", "", files={"plugin": (f"{name}.py", "\n".join(block) + text)}, data=fields)

    async def status(self, name):
        return (await self.manage("GET", f"/{name}")).json()

    async def remove_all(self):
        """Remove what clients deployed."""
        for plugin in (await self.manage("GET", "")).json():
            if not plugin["preloaded"]:
                assert (await self.manage("DELETE", f"/{plugin['name']}?purge=true")).status_code == 204

    @asynccontextmanager
    async def deployed(self, text, **options):
        """The name of a new plugin, which is removed in the end."""
        name = self.fresh_name()
        answer = await self.deploy(name, text, **options)
        assert answer.status_code == 200, answer.text
        try:
            yield name
        finally:
            await self.remove_all()

    @asynccontextmanager
    async def beside_healthy(self):
        """Meanwhile a healthy plugin is asked all the time, and answers every time."""
        stop = asyncio.Event()
        asking = asyncio.create_task(self._ask_healthy(stop))
        try:
            yield
        finally:
            stop.set()
            asked = await asking
        assert asked > 0

    async def _ask_healthy(self, stop):
        asked = 0
        async with self.connect("healthy") as kept:
            while not stop.is_set():
                for answer in (await kept.ask(), await self.ask("healthy")):
                    assert (answer.status, answer.body, answer.whole) == (200, b"well", True)
                    asked += 1
                await asyncio.sleep(0.005)
        return asked


@pytest.fixture(scope="module")
def site(shared_weft_server, tmp_path_factory, request):
    """A server with the settings (TOML) that the module names in SETTINGS, and one plugin named ``healthy``."""
    folder = tmp_path_factory.mktemp("preloaded")
    (folder / "healthy.py").write_text(HEALTHY)
    (folder / "weft.toml").write_text(getattr(request.module, "SETTINGS", ""))
    site = Site(shared_weft_server(folder / "healthy.py", "--config", folder / "weft.toml"))
    yield site
    site.close()


@pytest.fixture
def plugin_file():
    """``plugin_file(name)``: one of tests/plugins."""
    return lambda name: PLUGINS / f"{name}.py"


@pytest.fixture
def visit():
    """``visit(server)``: the Site of another running server."""
    sites = []

    def make(server):
        sites.append(Site(server))
        return sites[-1]

    yield make
    for site in sites:
        site.close()
