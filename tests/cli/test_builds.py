"""What arrives by deploy and requires a package that comes as source, whose build looks for the server's secrets."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import httpx
import pytest

CLOTH = Path(__file__).parents[1] / "sources" / "cloth"
WORK = """
def work(files):
    try:
        found = open({secret!r}).read()
    except OSError as error:
        found = type(error).__name__
    files["cloth.py"] = f"found = {{found!r}}"
"""
APP = """# /// script
# dependencies = ["cloth @ {address}"]
# ///
import cloth
async def app(scope, receive, send):
    await send({{"type": "http.response.start", "status": 200, "headers": []}})
    await send({{"type": "http.response.body", "body": cloth.found.encode()}})
"""


@pytest.fixture
def plugin(tmp_path):
    """A plugin that answers what its package's build found."""
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "secret").write_text("secret")
    source = shutil.copytree(CLOTH, tmp_path / "cloth")
    (source / "work.py").write_text(WORK.format(secret=str(tmp_path / "state" / "secret")))
    (tmp_path / "shop.py").write_text(APP.format(address=source.as_uri()))
    return tmp_path / "shop.py"


@pytest.fixture
def server(weft_server, tmp_path):
    """``server(builds=…)``: a server with that setting, whose uv reaches no index."""
    env = {"UV_CACHE_DIR": str(tmp_path / "uv-cache"), "UV_OFFLINE": "1"}

    def start(builds=None):
        settings = tmp_path / "weft.toml"
        settings.write_text(f'builds = "{builds}"\n' if builds else "")
        return weft_server("--config", settings, state=tmp_path / "state", env=env)

    return start


def ask(server):
    return httpx.get(f"{server.url}/", headers={"host": f"shop.localhost:{server.port}"}, timeout=30).text


def test_what_arrives_is_built_where_it_finds_no_secret(weft, plugin, server):
    running = server()
    done = weft("deploy", plugin)
    assert done.returncode == 0, done.stderr
    assert "building from source: cloth" in done.stderr
    assert "the build is confined" in done.stderr
    assert ask(running) in ("PermissionError", "FileNotFoundError")


def test_the_operator_may_let_builds_run_as_the_server(weft, plugin, server):
    running = server("unconfined")
    done = weft("deploy", plugin)
    assert done.returncode == 0, done.stderr
    assert ask(running) == "secret"


def test_the_operator_may_refuse_builds(weft, plugin, server):
    server("refused")
    done = weft("deploy", plugin)
    assert done.returncode == 1
    assert "plugin shop: its packages could not be resolved: cloth would have to be built from source" in done.stderr
    assert 'builds = "confined"' in done.stderr
    assert json.loads(weft("list", "--json").stdout) == []
