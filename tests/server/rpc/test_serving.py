"""The port of RPC: two servers on one machine, and what is said."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from weft.errors import UsageError
from weft.server.app import Server
from weft.server.rpc import serving
from weft.settings import ManagementSettings, ServerSettings


@pytest.fixture
def taken(monkeypatch):
    """GLoom's port, here one that another program listens on."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        monkeypatch.setattr(serving, "PORT", other.getsockname()[1])
        yield other.getsockname()[1]


async def lines(settings):
    said = []
    async with Server(settings) as server:
        await server.load([], said.append)
        return server.rpc.port, said


def test_a_second_server_starts_without_rpc_and_says_so(tmp_path, run, taken):
    port, said = run(lines(ServerSettings(state=tmp_path / "state", port=0)))
    assert port is None
    told = f"another program listens on 127.0.0.1 port {taken}; --rpc-port chooses another"
    assert f"rpc                   not served: {told}" in said
    assert said[-1] == "ready"


@pytest.mark.parametrize("strict", [True, False])
def test_a_port_that_was_chosen_must_be_free(tmp_path, run, taken, strict):
    chosen = {"strict": True} if strict else {"rpc_port": taken}
    with pytest.raises(UsageError, match=f"port {taken} for RPC: another program listens there.* --rpc-port"):
        run(lines(ServerSettings(state=tmp_path / "state", port=0, **chosen)))


def test_the_port_is_glooms_or_any_free_one(tmp_path, run, free_port, monkeypatch):
    assert serving.PORT == 7143
    monkeypatch.setattr(serving, "PORT", free_port())
    port, said = run(lines(ServerSettings(state=tmp_path / "state", port=0)))
    assert port == serving.PORT
    assert f"rpc                   tcp://127.0.0.1:{port}" in said
    assert run(lines(ServerSettings(state=tmp_path / "state", port=0, rpc_port=0)))[0] not in (None, 0, port)


@pytest.mark.parametrize("how", ["flag", "variable", "file"])
def test_the_port_is_a_setting(free_port, tmp_path, how):
    port = free_port()
    config = tmp_path / "weft.toml"
    config.write_text(f"rpc_port = {port}\n" if how == "file" else "")
    arguments = {"flag": ["--rpc-port", str(port)], "variable": [], "file": []}[how]
    command = [Path(sys.executable).parent / "weft", "serve", "--port", "0", "--config", config, *arguments]
    env = {**os.environ, **({"WEFT_RPC_PORT": str(port)} if how == "variable" else {})}
    command += ["--state", tmp_path / "state"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=env) as process:
        shown = [process.stdout.readline() for _ in range(3)]
        process.terminate()
        assert process.wait(30) == 0
    assert f"tcp://127.0.0.1:{port}\n" in shown[1]


def test_an_upload_that_is_too_large_is_refused(tmp_path, run):
    async def main():
        settings = ServerSettings(
            state=tmp_path / "state", port=0, rpc_port=0, management=ManagementSettings(max_upload_bytes=1000)
        )
        async with Server(settings) as server:
            await server.load([], lambda _line: None)
            reader, writer = await asyncio.open_connection("127.0.0.1", server.rpc.port)
            for size in (1500, 200_000):
                sent = {"name": "shop", "domains": ["shop.localhost"], "data": "A" * size}
                writer.write(json.dumps({"method": "GloomRPC.UploadPlugin", "params": [sent], "id": size}).encode())
                answer = json.loads(await reader.readline())
                assert answer["result"] is None
                assert ("larger than 1000 bytes" if size == 1500 else "a call of more than") in answer["error"]
            assert await reader.read() == b""
            writer.close()
            assert server.operator.domains() == {}
            assert list(server.state.uploads.iterdir()) == []

    run(main())
