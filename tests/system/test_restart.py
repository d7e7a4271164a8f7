"""A server that ends, well or badly, comes back with the same plugins in the same releases."""

import json
import os
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

import httpx
import pytest

WEFT = str(Path(sys.executable).parent / "weft")
APP = """
import os
async def app(scope, receive, send):
    if scope["type"] == "http":
        await send({{"type": "http.response.start", "status": 200, "headers": []}})
        await send({{"type": "http.response.body", "body": b"{word} " + os.environ.get("SECRET", "").encode()}})
"""


class Client:
    """Management by the control socket, and the plugins by their domains."""

    def __init__(self, server):
        self._server = server
        transport = httpx.HTTPTransport(uds=str(server.state / "control.sock"))
        self._control = httpx.Client(transport=transport, base_url="http://localhost", timeout=30)

    def deploy(self, name, text, **fields):
        return self._control.post("/api/v1/plugins", files={"plugin": (f"{name}.py", text)}, data=fields)

    def plugins(self):
        return self._control.get("/api/v1/plugins").json()

    def post(self, path, **body):
        return self._control.post(f"/api/v1/plugins/{path}", json=body)

    def ask(self, domain):
        return httpx.get(self._server.url, headers={"host": domain}, timeout=30)

    def close(self):
        self._control.close()


@pytest.fixture
def client():
    opened = []

    def connect(server):
        opened.append(Client(server))
        return opened[-1]

    yield connect
    for each in opened:
        each.close()


def releases(client):
    return {each["name"]: (each["state"], each["release"], tuple(each["domains"])) for each in client.plugins()}


def test_the_same_releases_come_back(weft_server, client, tmp_path):
    server = weft_server()
    first = client(server)
    for word in ("one", "two", "three"):
        assert first.deploy("shop", APP.format(word=word), env=json.dumps({"SECRET": word})).status_code == 200
    fields = {"domains": ["blog.example.org"]}
    assert first.deploy("blog", APP.format(word="blog"), **fields).status_code == 200
    assert first.deploy("idle", APP.format(word="idle")).status_code == 200
    assert first.post("shop/rollback").status_code == 200
    assert first.post("idle/disable").status_code == 204
    before = releases(first)
    server.stop()

    again = client(weft_server())
    assert releases(again) == before
    assert before["shop"] == ("running", 2, ("shop.localhost",))
    assert before["idle"][0] == "disabled"
    assert again.ask("shop.localhost").text == "two two"
    assert again.ask("blog.example.org").text.startswith("blog")
    assert again.ask("idle.localhost").status_code == 503


def test_killed_in_the_middle_of_deploys_either_release_is_whole(weft_server, client):
    server = weft_server()
    words = [f"word{number}" for number in range(200)]
    acknowledged = []

    def deploy_all():
        busy = client(server)
        for word in words:
            try:
                if busy.deploy("shop", APP.format(word=word)).status_code == 200:
                    acknowledged.append(word)
            except httpx.HTTPError:
                return

    for _ in range(2):
        acknowledged.clear()
        thread = threading.Thread(target=deploy_all)
        thread.start()
        while len(acknowledged) < 3:
            time.sleep(0.01)
        time.sleep(0.05)
        server.kill()
        thread.join()

        server = weft_server()
        again = client(server)
        ((name, (state, release, _)),) = releases(again).items()
        assert (name, state) == ("shop", "running")
        serving = again.ask("shop.localhost").text.strip()
        last = words.index(acknowledged[-1])
        assert serving in (words[last], words[last + 1])
        status = next(each for each in again.plugins())
        kept = sorted(each.name for each in (server.state / "releases").iterdir())
        assert status["digest"].removeprefix("sha256:") in kept
        assert not list((server.state / "uploads").iterdir())
        assert release >= len(acknowledged)


def test_a_tampered_release_is_named_and_the_others_serve(weft_server, client):
    server = weft_server()
    first = client(server)
    digest = first.deploy("bad", APP.format(word="bad")).json()["digest"]
    assert first.deploy("good", APP.format(word="good")).status_code == 200
    server.stop()
    (changed,) = (server.state / "releases" / digest.removeprefix("sha256:")).rglob("bad.py")
    changed.chmod(0o644)
    changed.write_text("app = None")

    server = weft_server()
    again = client(server)
    assert "bad.py" in server.text
    assert again.ask("good.localhost").text.strip() == "good"
    assert again.ask("bad.localhost").status_code == 503
    assert {name: state for name, (state, _, _) in releases(again).items()} == {"bad": "failed", "good": "running"}


def test_preloaded_plugins_serve_before_it_is_ready(weft_server, client, tmp_path):
    plugins = tmp_path / "plugins"
    plugins.mkdir()
    block = "# /// script\n# [tool.weft]\n# ///\n"
    for name in ("a", "b"):
        (plugins / f"{name}.py").write_text(block + APP.format(word=name))
    (plugins / "broken.py").write_text(block + "raise RuntimeError('no such luck')\n")
    server = weft_server(plugins)
    again = client(server)
    lines = server.text.splitlines()
    order = [line.split()[0] for line in lines if "http://" in line]
    assert order[-2:] == ["a", "b"]
    assert "no such luck" in server.text
    assert again.ask("a.localhost").text.strip() == "a"
    assert again._control.delete("/api/plugins/a").text == "Plugin is preloaded"


def test_strict_fails_with_the_error(tmp_path):
    broken = tmp_path / "broken.py"
    broken.write_text("raise RuntimeError('no such luck')\n")
    command = [WEFT, "serve", str(broken), "--strict", "--port", "0", "--rpc-port", "0"]
    done = subprocess.run(
        [*command, "--state", str(tmp_path / "state")], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 1
    assert "no such luck" in done.stdout + done.stderr


def test_a_second_server_on_the_same_state_is_refused(weft_server, tmp_path):
    server = weft_server()
    command = [WEFT, "serve", "--port", "0", "--state", str(server.state)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert f"pid {server.process.pid}" in done.stdout + done.stderr


def test_what_it_leaves_is_private_and_the_stale_socket_is_replaced(weft_server, client):
    server = weft_server()
    state = server.state
    assert client(server).deploy("shop", APP.format(word="x"), env=json.dumps({"SECRET": "hush"})).status_code == 200
    for path, mode in ((state, 0o700), (state / "weft.db", 0o600), (state / "token", 0o600)):
        assert stat.S_IMODE(path.stat().st_mode) == mode, path
    assert stat.S_IMODE((state / "control.sock").stat().st_mode) == 0o600
    token = (state / "token").read_text()
    server.kill()
    assert (state / "control.sock").is_socket()
    server = weft_server()
    assert client(server).plugins()[0]["name"] == "shop"
    assert (state / "token").read_text() == token
    assert "hush" not in server.text
    assert token.strip() not in server.text


def test_a_port_in_use_is_named(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        command = [WEFT, "serve", "--port", port, "--state", str(tmp_path / "state")]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode != 0
    assert f"port {port}" in done.stdout + done.stderr


def test_a_second_signal_ends_it_at_once(weft_server, client):
    server = weft_server()
    begun = server.state / "data" / "slow" / "begun"
    slow = "import os, time\nopen(os.environ['WEFT_DATA_DIR'] + '/begun', 'w').close()\nwhile True: time.sleep(0.1)\n"
    thread = threading.Thread(target=lambda: _deploy_and_forget(client(server), slow))
    thread.start()
    _until(begun.exists)
    os.kill(server.process.pid, signal.SIGINT)
    _until(lambda: "\nstopping: " in server.text)
    os.kill(server.process.pid, signal.SIGINT)
    assert server.process.wait(9) == 1  # sooner than what is under way may take to finish
    assert "Traceback" not in server.text
    thread.join()


def _until(condition):
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def _deploy_and_forget(client, text):
    try:
        client.deploy("slow", text)
    except httpx.HTTPError:
        return  # the server ends meanwhile
