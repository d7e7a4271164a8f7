"""Named plugins whose code lies in repositories that do not answer: everything else comes up meanwhile."""

from __future__ import annotations

import asyncio
import json
import re
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import httpx
import pytest

from weft.errors import PackageError
from weft.server.loading import AT_ONCE

pytestmark = pytest.mark.system_package("git")

WITHIN = 30
"""Seconds for each wait."""
APP = """
async def app(scope, receive, send):
    if scope["type"] == "http":
        await send({{"type": "http.response.start", "status": 200, "headers": []}})
        await send({{"type": "http.response.body", "body": b"{word}"}})
"""
LAST = "# /// script\n# [tool.weft]\n# requires.plugins = { near = '>=1' }\n# ///\n" + APP.format(word="is last")


@pytest.fixture
def silent():
    """A listening socket at which nobody answers."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(WITHIN)
        yield listener


@pytest.fixture
def sample(tmp_path, silent):
    """``sample(name, word=None)``: a plugin in a folder of them, whose code is here, or where nobody answers."""

    repositories = f"https://127.0.0.1:{silent.getsockname()[1]}"

    def write(name, word=None):
        place = tmp_path / "plugins" / name
        place.mkdir(parents=True, exist_ok=True)
        here = {"mode": "local_so", "path": f"{name}.so"}
        afar = {"mode": "remote_git", "path": f"{repositories}/{name}.git"}
        routes = {"driver": "asgi", "routes": [{"route": "/", "method": "GET", "label": "word"}]}
        (place / f"{name}.py").write_text(f"def Execute(ctx):\n    return {word!r}\n")
        text = {"name": name, "version": "1.0.0", "source": afar if word is None else here, "http_services": routes}
        (place / "plugin.json").write_text(json.dumps(text))
        return place.parent

    return write


def until(found, what):
    """Waits until ``found()`` is true, and returns it."""
    deadline = time.monotonic() + WITHIN
    while not (value := found()):
        assert time.monotonic() < deadline, f"{what}: not within {WITHIN} s"
        time.sleep(0.05)
    return value


def said(port, name):
    return httpx.get(f"http://127.0.0.1:{port}/", headers={"host": f"{name}.localhost"}, timeout=20).text


def test_a_folder_serves_while_some_of_it_is_fetched(weft_server, sample, silent, tmp_path):
    mute = [f"mute{number}" for number in range(AT_ONCE + 1)]
    for name in mute:
        sample(name)
    folder = sample("near", "is here")
    (folder / "a_last.py").write_text(LAST)
    output = tmp_path / "serve-0.log"

    with ThreadPoolExecutor(1) as pool, ExitStack() as held:
        starting = pool.submit(weft_server, folder, within=3 * WITHIN)
        for _ in mute[:-1]:
            held.enter_context(silent.accept()[0])
        port = int(until(lambda: re.search(r"^a_last.*:(\d+)$", output.read_text(), re.MULTILINE), "a_last")[1])
        assert (said(port, "near"), said(port, "a_last")) == ("is here", "is last")
        assert not re.search(r"^(error|ready)", output.read_text(), re.MULTILINE)
        silent.close()
        held.close()
        server = starting.result()

    for name in mute:
        assert re.search(rf"^error: .*{name}: repository https://\S+{name}\.git: git says", server.text, re.MULTILINE)
    sample("mute0", "is mended")
    until(lambda: "mute0 serves" in server.text, "mute0")
    assert said(port, "mute0") == "is mended"


def test_what_was_deployed_comes_back_unless_a_fetched_one_is_to_have_its_place(
    hosting, state, upload, run, sample, silent
):
    folder = sample("mute")

    async def deploy():
        async with hosting(state) as host:
            await host.operator.deploy(upload("free", APP.format(word="free")))
            await host.operator.deploy(upload("mute", APP.format(word="its name")))
            await host.operator.deploy(upload("other", APP.format(word="its domain")))
            await host.operator.deploy(upload("mute", APP.format(word="its name"), domains=("m.localhost",)))
            await host.operator.deploy(upload("other", APP.format(word="its domain"), domains=("mute.localhost",)))

    async def main():
        async with hosting(state) as host:
            assert await host.preload(folder) == []
            connection, _ = await asyncio.to_thread(silent.accept)
            with connection:
                assert await host.restore() == [("free", None)]
                assert await host.ask("free.localhost") == "free"
                assert await host.ask("mute.localhost") is await host.ask("m.localhost") is None
                silent.close()
            (what, error), *restored = [each async for each in host.loader.settle()]
            assert what.endswith("mute")
            assert isinstance(error, PackageError)
            assert restored == [("mute", None), ("other", None)]
            assert await host.ask("m.localhost") == "its name"
            assert await host.ask("mute.localhost") == "its domain"

    run(deploy())
    run(main())


def test_nothing_is_left_of_what_is_fetched_when_the_loader_is_closed(hosting, state, run, sample, silent):
    folder = sample("mute")

    async def main():
        async with hosting(state) as host:
            assert await host.preload(folder) == []
            connection, _ = await asyncio.to_thread(silent.accept)
            with connection:
                await host.loader.close()
                assert [*host.state.uploads.iterdir()] == []

    run(main())
