"""A server that ends while something is only prepared: it is not waited for, and all is as before."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from weft.errors import Unavailable
from weft.packages.archives import pack
from weft.server.app import DRAIN

WEFT = Path(sys.executable).parent / "weft"
WITHIN = DRAIN / 2
"""Seconds: who waited for what does not answer would need all of DRAIN."""
APP = """
async def app(scope, receive, send):
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"one"})
"""
GIVEN_UP = "plugin mute is not started: the server stops, and all is as before"


@pytest.fixture
def silent():
    """A listening socket at which nobody answers."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(60)
        yield listener


@pytest.fixture(params=["repository", "package"])
def mute(request, silent, tmp_path):
    """A plugin, parts of which are where nobody answers."""
    folder = tmp_path / "mute"
    folder.mkdir()
    where = f"127.0.0.1:{silent.getsockname()[1]}"
    if request.param == "repository":
        source = {"mode": "remote_git", "path": f"https://{where}/code.git"}
        (folder / "plugin.json").write_text(json.dumps({"name": "mute", "version": "0.1.0", "source": source}))
    else:
        (folder / "mute.py").write_text(APP)
        (folder / "pyproject.toml").write_text(
            f'[project]\nname = "mute"\nversion = "0.1.0"\ndependencies = ["thing @ http://{where}/thing-1.tar.gz"]\n'
            '[tool.weft]\nentry = "mute:app"\n'
        )
    return folder


def assert_nothing_left(server, start):
    """What the next server on the same state finds."""
    assert [*(server.state / "uploads").iterdir()] == []
    again = start(state=server.state)
    assert httpx.get(f"{again.url}/api/plugins", timeout=20).json() == []


@pytest.mark.system_package("git")
def test_a_server_does_not_wait_for_what_does_not_answer(weft_server, silent, mute):
    server = weft_server()
    env = {**os.environ, "WEFT_STATE": str(server.state)}
    command = [WEFT, "deploy", mute]
    with subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as waiting:
        with silent.accept()[0]:
            server.stop(WITHIN)
        _, errors = waiting.communicate(timeout=30)
    assert waiting.returncode == 1
    assert GIVEN_UP in errors
    assert_nothing_left(server, weft_server)


@pytest.mark.system_package("git")
@pytest.mark.parametrize("mute", ["repository"], indirect=True)
def test_who_waits_for_one_answer_is_told_503(weft_server, silent, mute, run, tmp_path):
    server = weft_server()
    archive = pack(mute, tmp_path / "mute.plg").read_bytes()

    async def main():
        async with httpx.AsyncClient(base_url=server.url, timeout=60) as client:
            asking = asyncio.create_task(client.post("/api/v1/plugins", files={"plugin": ("mute.plg", archive)}))
            connection, _ = await asyncio.to_thread(silent.accept)
            with connection:
                await asyncio.to_thread(server.stop, WITHIN)
            return await asking

    answer = run(main())
    assert answer.status_code == 503
    assert answer.json()["error"]["type"] == "Unavailable"
    assert GIVEN_UP in answer.json()["error"]["message"]
    assert_nothing_left(server, weft_server)


def test_one_that_is_further_on_serves_and_none_is_begun(hosting, state, upload, run):
    async def main():
        async with hosting(state) as host:
            starting = asyncio.Event()
            host.engine.at("before_start", lambda _name, _version: starting.set())
            change = asyncio.create_task(host.operator.deploy(upload("shop", APP)))
            await starting.wait()
            host.operator.give_up()
            await change
            assert await host.ask("shop.localhost") == "one"
            before = host.snapshot()
            with pytest.raises(Unavailable, match="plugin other is not started: the server stops"):
                await host.operator.deploy(upload("other", APP))
            assert host.snapshot() == before

    run(main())
