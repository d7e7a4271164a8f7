"""Where go-plugin's code comes from, on a server as people run it: a folder, a .plg, a repository and its updates."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

WEFT = Path(sys.executable).parent / "weft"


@pytest.fixture
def server(weft_server, tmp_path):
    (tmp_path / "weft.toml").write_text('[policy]\ncall = "4s"\n')
    return weft_server("--config", tmp_path / "weft.toml")


@pytest.fixture
def weft(server):
    """``weft(command, *arguments)``: the command, once it has ended."""

    def run(command, *arguments):
        whole = [WEFT, command, *map(str, arguments)]
        env = {"WEFT_STATE": str(server.state), "PATH": "/usr/bin:/bin"}
        return subprocess.run(whole, env=env, capture_output=True, text=True, timeout=90, check=False)

    return run


@pytest.fixture
def deployed(weft):
    """``deployed(source)``: what ``weft deploy`` prints of its success."""

    def deploy(source):
        done = weft("deploy", source)
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines()[0]

    return deploy


@pytest.fixture
def folder(tmp_path):
    """``folder(name, source, code="")``: with a plugin.json."""

    def write(name, source, code=""):
        into = tmp_path / name
        into.mkdir()
        routes = [{"route": "/said", "method": "GET", "label": "said"}]
        services = {"driver": "beego", "routes": routes}
        text = {"name": name, "version": "0.1.0", "source": source, "http_services": services}
        (into / "plugin.json").write_text(json.dumps(text))
        if code:
            (into / f"{name}.py").write_text(code)
        return into

    return write


@pytest.fixture
def repository(tmp_path):
    """``repository(code)``: commits this code; its address is ``repository.url``, its branch ``main``."""
    place = tmp_path / "code"
    place.mkdir()
    identity = ["-c", "user.name=Ada", "-c", "user.email=ada@example.org"]

    def git(*arguments):
        done = subprocess.run(["git", *identity, *arguments], cwd=place, check=True, capture_output=True, text=True)
        return done.stdout.strip()

    def commit(code):
        (place / "sample.py").write_text(code)
        git("add", "--all")
        git("commit", "--quiet", "--message", "x")
        return git("rev-parse", "HEAD")

    git("init", "--quiet", "--initial-branch", "main")
    commit.url = f"file://{place}"
    return commit


def says(text):
    return f"def Execute(ctx):\n    return {text!r}\n"


def said(server, name):
    headers = {"host": f"{name}.localhost"}
    return httpx.get(f"{server.url}/said", headers=headers, timeout=20).text


def test_a_folder_and_its_archive(server, weft, deployed, folder, tmp_path):
    source = folder("near", {"mode": "local_so", "path": "near.so"}, says("from a folder"))
    assert deployed(source).startswith("near#1 serves")
    assert said(server, "near") == "from a folder"
    (source / "near.py").write_text(says("from an archive"))
    packed = tmp_path / "near-0.1.0.plg"
    assert weft("pack", source, "--output", packed).returncode == 0
    assert packed.read_bytes()[:2] == b"\x1f\x8b"
    assert deployed(packed).startswith("near#2 serves")
    assert said(server, "near") == "from an archive"
    packed.write_bytes(packed.read_bytes()[:-40])
    refused = weft("deploy", packed)
    assert (refused.returncode, "is damaged or cut short" in refused.stderr) == (1, True)
    assert said(server, "near") == "from an archive"


HEEDS = """
def Execute(ctx):
    print("seconds:", ctx.time_left(), flush=True)
    ctx.done.wait(60)
    print("why:", type(ctx.err).__name__, flush=True)
    raise ctx.err
"""


def test_what_is_executed_for_a_request_has_its_deadline(server, deployed, folder):
    assert deployed(folder("late", {"mode": "local_so", "path": "late.so"}, HEEDS)).startswith("late#1 serves")
    answer = httpx.get(f"{server.url}/said", headers={"host": "late.localhost"}, timeout=20)
    assert answer.status_code == 504
    logs = httpx.get(f"{server.url}/api/v1/plugins/late/logs", timeout=20).text
    assert re.search(r"seconds: 3\.[0-6]", logs)
    assert "why: DeadlineExceeded" in logs


@pytest.mark.system_package("git")
def test_a_repository_is_deployed_and_updated_from_the_same_folder(server, weft, deployed, folder, repository):
    first = repository(says("first"))
    source = folder("afar", {"mode": "remote_git", "path": f"{repository.url}#main"})
    assert deployed(source).startswith("afar#1 serves")
    assert said(server, "afar") == "first"
    assert deployed(source).startswith("afar#1 serves")
    second = repository(says("second"))
    assert deployed(source).startswith("afar#2 serves")
    assert said(server, "afar") == "second"
    assert weft("rollback", "afar").returncode == 0
    assert said(server, "afar") == "first"

    pinned = json.loads((source / "plugin.json").read_text())
    pinned["source"]["commit"] = first
    (source / "plugin.json").write_text(json.dumps(pinned))
    refused = weft("deploy", source)
    assert refused.returncode == 1
    assert f"main has moved: expected commit {first}, found {second}" in refused.stderr
    assert said(server, "afar") == "first"


@pytest.mark.system_package("git")
def test_a_repository_that_does_not_answer_holds_up_no_other_deploy(server, weft, deployed, folder):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(20)
        address = f"https://127.0.0.1:{silent.getsockname()[1]}/code.git"
        mute = folder("mute", {"mode": "remote_git", "path": address})
        env = {"WEFT_STATE": str(server.state), "PATH": "/usr/bin:/bin"}
        command = [WEFT, "deploy", mute]
        with subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as waiting:
            connection, _ = silent.accept()
            with connection:
                source = folder("other", {"mode": "local_so", "path": "other.so"}, says("served meanwhile"))
                assert deployed(source).startswith("other#1 serves")
                assert said(server, "other") == "served meanwhile"
                assert waiting.poll() is None
            silent.close()
            _, errors = waiting.communicate(timeout=30)
    assert waiting.returncode == 1
    assert f"fetching {address}" in errors
    assert f"repository {address}: git says" in errors
    assert weft("status", "mute").returncode == 1
