"""Permissions that the server itself enforces: who may manage, and who may call whom, from a plugin's own process."""

from __future__ import annotations

import json

BOSS = """
# /// script
# [tool.weft]
# permissions.manage = %s
# ///
import http.client
import os
import socket


class Control(http.client.HTTPConnection):
    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(os.environ["CONTROL"])


def ask(connection):
    connection.request("GET", "/api/v1/plugins", headers={"Host": "localhost"})
    return str(connection.getresponse().status)


def app(environ, start_response):
    connections = [http.client.HTTPConnection("127.0.0.1", int(os.environ["PORT"]), timeout=10), Control("localhost")]
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [" ".join(map(ask, connections)).encode()]
"""


async def deploy(site, *allow, manage="true"):
    env = {"PORT": str(site.port), "CONTROL": str(site.server.state / "control.sock")}
    files = {"plugin": ("boss.py", BOSS % manage)}
    return await site.manage("POST", "", files=files, data={"env": json.dumps(env), "allow": list(allow)})


def test_a_plugin_manages_as_long_as_it_is_granted(run, site):
    async def main():
        try:
            assert (await deploy(site)).status_code == 403
            assert (await deploy(site, manage="false")).status_code == 200
            assert (await site.ask("boss")).body == b"401 401"
            assert (await deploy(site, "manage")).status_code == 200
            assert (await site.ask("boss")).body == b"200 200"
            revoked = await site.manage("POST", "/boss/revoke", json={"permissions": ["manage"]})
            assert "manage (not allowed)" in revoked.json()["disabled"]
            assert (await site.ask("boss")).status == 503
            assert (await deploy(site, manage="false")).status_code == 200
            assert (await site.ask("boss")).body == b"401 401"
        finally:
            await site.remove_all()

    run(main())


SHELF = """
# /// script
# [tool.weft]
# provides = ["shelf"]
# ///
class Plugin:
    async def count(self) -> int:
        return 7
"""
READER = """
# /// script
# [tool.weft]
# provides = ["shelf"]
# permissions.plugins = [%s]
# ///
from typing import Protocol

import weft
from weft.sdk import Context


@weft.contract
class Shelf(Protocol):
    async def count(self) -> int: ...


class Plugin:
    def __init__(self, context: Context) -> None:
        self.context = context

    async def count(self) -> int:
        return 10 * await self.context.use(Shelf, "shelf").count()
"""


def test_a_plugin_calls_those_that_it_was_granted(run, site):
    async def put(name, text, *allow):
        return await site.manage("POST", "", files={"plugin": (f"{name}.py", text)}, data={"allow": list(allow)})

    async def count():
        return await site.manage("POST", "/reader/call", json={"method": "shelf.count"})

    async def main():
        try:
            await put("shelf", SHELF)
            refused = await put("reader", READER % '"shelf"')
            assert (refused.status_code, "--allow plugins=shelf" in refused.text) == (403, True)
            assert (await put("reader", READER % "")).status_code == 200
            assert "may not call plugin shelf" in (await count()).text
            assert (await put("reader", READER % '"shelf"', "plugins=shelf")).status_code == 200
            assert (await count()).json() == {"result": 70}
        finally:
            await site.remove_all()

    run(main())
