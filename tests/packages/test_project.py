"""What a plugin's own project tells uv, in ``pyproject.toml`` or ``uv.toml``, about the server's machine."""

from __future__ import annotations

import asyncio
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from uv import find_uv_bin

from weft.errors import EnvironmentFailed
from weft.manifest.model import Requires
from weft.packages.environments import Environment, Environments

PROJECT = '[project]\nname = "shop"\nversion = "1.0"\nrequires-python = ">=3.9"\ndependencies = ["cloth"]\n'
SOURCE = """
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]
[project]
name = "cloth"
version = "1.0"
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "pyproject.toml").write_text(PROJECT)
    return folder


@pytest.fixture(autouse=True)
def heard(tmp_path: Path, wheel, monkeypatch: pytest.MonkeyPatch) -> None:
    """Projects are heard by uv, as they are not where the operator names one file that configures it."""
    monkeypatch.delenv("UV_CONFIG_FILE")
    monkeypatch.setenv("UV_OFFLINE", "1")
    monkeypatch.setenv("UV_FIND_LINKS", str(tmp_path / "wheels"))


def lock(project: Path) -> Path:
    subprocess.run([find_uv_bin(), "lock", "--quiet"], cwd=project, check=True)
    return project / "uv.lock"


def prepare(tmp_path: Path, wanted: Path) -> Environment:
    environments = Environments(tmp_path / "state" / "environments")
    return asyncio.run(environments.prepare(Requires(lock=wanted), plugin="shop"))


@pytest.mark.parametrize("key", ["target", "prefix"])
@pytest.mark.parametrize(("file", "table"), [("pyproject.toml", "tool.uv.pip"), ("uv.toml", "pip")])
def test_it_cannot_have_packages_installed_elsewhere(tmp_path, wheel, project, key, file, table):
    wheel("cloth", "1.0")
    wanted = lock(project)
    elsewhere = tmp_path / "elsewhere"
    with (project / file).open("a") as configuration:
        configuration.write(f'[{table}]\n{key} = "{elsewhere}"\n')
    with pytest.raises(EnvironmentFailed, match=f"plugin shop: .*{file} sets {table}.{key}"):
        prepare(tmp_path, wanted)
    assert not elsewhere.exists()


def test_a_lock_below_another_folder_of_the_plugin_is_held_to_the_same(tmp_path, wheel, project):
    wheel("cloth", "1.0")
    wanted = lock(project)
    (tmp_path / "uv.toml").rename(tmp_path / "operators.toml")
    (tmp_path / "uv.toml").write_text(f'[pip]\ntarget = "{tmp_path}/elsewhere"\n')
    with pytest.raises(EnvironmentFailed, match=r"plugin shop: .*uv\.toml sets pip\.target"):
        prepare(tmp_path, wanted)


def test_a_file_that_cannot_be_understood_is_refused(tmp_path, wheel, project):
    wheel("cloth", "1.0")
    wanted = lock(project)
    (project / "uv.toml").write_text("[pip\n")
    with pytest.raises(EnvironmentFailed, match=r"plugin shop: .*uv\.toml could not be read"):
        prepare(tmp_path, wanted)


def test_it_cannot_switch_builds_on(tmp_path, wheel, project):
    (project / "cloth").mkdir()
    (project / "cloth" / "pyproject.toml").write_text(SOURCE)
    (project / "cloth" / "backend.py").write_text(f"open({str(tmp_path / 'built')!r}, 'w').write('it was built')\n")
    with (project / "pyproject.toml").open("a") as configuration:
        configuration.write('[tool.uv.sources]\ncloth = { path = "cloth" }\n')
    wanted = lock(project)
    with (project / "pyproject.toml").open("a") as configuration:
        configuration.write("[tool.uv]\nno-build = false\n[tool.uv.pip]\nno-build = false\n")
    with pytest.raises(EnvironmentFailed, match="cloth would have to be built from source"):
        prepare(tmp_path, wanted)
    assert not (tmp_path / "built").exists()


def test_it_cannot_have_code_of_wheels_run_while_they_are_installed(tmp_path, wheel, project):
    wheel("cloth", "1.0", files={"cloth.pth": f"import sys; open({str(tmp_path / 'ran')!r}, 'w').write('code')\n"})
    wanted = lock(project)
    with (project / "pyproject.toml").open("a") as configuration:
        configuration.write("[tool.uv]\ncompile-bytecode = true\n[tool.uv.pip]\ncompile-bytecode = true\n")
    prepare(tmp_path, wanted)
    assert not (tmp_path / "ran").exists()


@pytest.fixture
def index() -> Iterator[tuple[str, list[str]]]:
    """The address of an index without packages, and the credentials that it was sent."""
    sent: list[str] = []

    class Nothing(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            sent.append(self.headers.get("Authorization", ""))
            self.send_error(404)

        def log_message(self, *_: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Nothing) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/simple", sent
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("agreed", [False, True])
def test_it_is_sent_no_password_of_an_index_that_is_the_operators(tmp_path, wheel, project, index, monkeypatch, agreed):
    url, sent = index
    wheel("cloth", "1.0")
    wanted = lock(project)
    with (project / "pyproject.toml").open("a") as configuration:
        configuration.write(f'[[tool.uv.index]]\nname = "our-own"\nurl = "{url}"\ndefault = true\n')
    monkeypatch.delenv("UV_OFFLINE")
    monkeypatch.setenv("UV_INDEX_OUR_OWN_USERNAME", "server")
    monkeypatch.setenv("UV_INDEX_OUR_OWN_PASSWORD", "secret")
    if agreed:
        monkeypatch.setenv("UV_INDEX", f"our-own={url}")
        prepare(tmp_path, wanted)
        assert any(sent)
    else:
        with pytest.raises(EnvironmentFailed, match="would be sent UV_INDEX_OUR_OWN_PASSWORD") as refused:
            prepare(tmp_path, wanted)
        assert f"UV_INDEX=our-own={url}" in str(refused.value)
        assert not sent


def test_it_cannot_move_the_cache(tmp_path, wheel, project, monkeypatch):
    monkeypatch.delenv("UV_CACHE_DIR")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    wheel("cloth", "1.0")
    wanted = lock(project)
    (project / "pyproject.toml").write_text(f'{PROJECT}[tool.uv]\ncache-dir = "{tmp_path}/elsewhere"\n')
    prepare(tmp_path, wanted)
    assert not (tmp_path / "elsewhere").exists()
    assert (tmp_path / "cache" / "uv").is_dir()
