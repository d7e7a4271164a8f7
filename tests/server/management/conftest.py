"""A whole server in this process, and clients of its management."""

from __future__ import annotations

from contextlib import asynccontextmanager

import httpx
import pytest

from weft.server.app import Server
from weft.settings import ManagementSettings, ServerSettings


@pytest.fixture
def serving(tmp_path):
    """``async with serving() as (server, control, http)``: clients of the control socket and of the port."""

    @asynccontextmanager
    async def start(**management):
        settings = ServerSettings(state=tmp_path / "state", port=0, management=ManagementSettings(**management))
        async with Server(settings) as server:
            await server.load([], lambda _line: None)
            transport = httpx.AsyncHTTPTransport(uds=str(server.state.control_socket))
            async with (
                httpx.AsyncClient(transport=transport, base_url="http://localhost", timeout=30) as control,
                httpx.AsyncClient(base_url=f"http://localhost:{server.port}", timeout=30) as http,
            ):
                yield server, control, http

    return start
