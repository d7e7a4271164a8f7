"""Programs in Go, as GLoom's users have them, against `weft serve`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import httpx
import pytest

from weft.packages.archives import pack

pytestmark = [pytest.mark.system_package("go"), pytest.mark.timeout(300)]  # the first one waits for Go to compile

HELLO = Path(__file__).parents[2] / "plugins" / "hello.py"
APP = """
async def app(scope, receive, send):
    assert scope["type"] == "http"
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"VERSION"})
"""
GLOOM = """
class Shop:
    def init(self): return None
    def register_routes(self, router): router.get("/", lambda request: "shop")
    def name(self): return "shop"
Plugin = Shop()
"""
both = pytest.mark.parametrize("how", ["gob", "json"])


@pytest.fixture
def gloom(go_program):
    """``gloom(server, how, verb, …)``: (reply, error) of one call."""

    def call(server, how, *arguments, env=None):
        command = [str(go_program("gloom")), how, server.rpc, *map(str, arguments)]
        env = {**os.environ, **(env or {})}
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, env=env, check=True)
        said = json.loads(done.stdout)
        assert said["error"] is None or said.get("of_server", False), said
        return said["reply"], said["error"]

    return call


@pytest.fixture
def written(tmp_path):
    """``written(name, text)``: a file."""

    def write(name, text):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


def body(server, domain):
    return httpx.get(f"http://127.0.0.1:{server.port}/", headers={"host": domain}, timeout=30).text


@both
def test_glooms_three_calls(weft_server, gloom, written, how):
    server = weft_server()
    one, two = written("one.py", APP.replace("VERSION", "one")), written("two.py", APP.replace("VERSION", "two"))
    nothing = [] if how == "json" else None  # Go's gob drops an empty list
    assert gloom(server, how, "list") == (nothing, None)
    assert gloom(server, how, "upload", "shop", "shop.localhost,store.localhost", one) == (
        "Plugin uploaded successfully",
        None,
    )
    assert gloom(server, how, "list") == ([{"name": "shop", "domains": ["shop.localhost", "store.localhost"]}], None)
    assert body(server, "store.localhost") == "one"
    assert gloom(server, how, "upload", "shop", "shop.localhost", two) == ("Plugin updated successfully", None)
    assert body(server, "shop.localhost") == "two"
    assert gloom(server, how, "list") == ([{"name": "shop", "domains": ["shop.localhost"]}], None)
    assert gloom(server, how, "upload", "other", "shop.localhost", one) == (
        "Domain shop.localhost already exists",
        None,
    )
    assert gloom(server, how, "delete", "Shop") == ("Plugin not found", None)
    assert gloom(server, how, "delete", "shop") == ("Plugin deleted successfully", None)
    assert gloom(server, how, "delete", "shop") == ("Plugin not found", None)


@both
def test_an_archive_is_told_by_its_bytes(weft_server, gloom, written, tmp_path, how):
    folder = tmp_path / "packed"
    folder.mkdir()
    (folder / "plugin.yaml").write_text("name: shop\nversion: 1.2.3\nentry: application:app\n")
    (folder / "application.py").write_text(APP.replace("VERSION", "packed"))
    archive = pack(folder, tmp_path / "shop.plg")
    server = weft_server()
    assert gloom(server, how, "upload", "shop", "shop.localhost", archive)[0] == "Plugin uploaded successfully"
    assert body(server, "shop.localhost") == "packed"
    assert gloom(server, how, "upload", "other", "other.localhost", archive)[0] == "Plugin uploaded successfully"
    assert body(server, "other.localhost") == "packed"


@both
def test_errors_are_glooms_and_gos(weft_server, gloom, written, how):
    server = weft_server()
    app, broken = written("app.py", APP), written("broken.py", "raise LookupError('the shelf is empty')")
    library = written("a.so", b"\x7fELF\x02\x01\x01" + bytes(100))

    def error(*arguments):
        return gloom(server, how, *arguments)[1]

    assert error("upload", "", "a.localhost", app) == "plugin name cannot be empty"
    assert error("upload", "no/name", "a.localhost", app) == "invalid plugin name"
    assert error("upload", "shop", "", app) == "domain cannot be empty"
    assert error("upload", "shop", "a.localhost,", app) == "domain cannot be empty"
    told = error("upload", "shop", "a.localhost", broken)
    assert told.startswith("plugin reported error: ")
    assert "the shelf is empty" in told
    assert "send a .plg archive" in error("upload", "shop", "a.localhost", library)
    mismatch = error("upload", "store", "a.localhost", written("gloom.py", GLOOM))
    assert "'shop'" in mismatch
    assert "'store'" in mismatch
    assert error("call", "GloomRPC.Nope") == "rpc: can't find method GloomRPC.Nope"
    assert error("call", "Nope.List") == "rpc: can't find service Nope.List"
    assert gloom(server, how, "wrong")[1].startswith("GloomRPC.UploadPlugin: ")
    assert gloom(server, how, "list")[0] in (None, [])


@both
def test_a_preloaded_plugin_is_spared(weft_server, gloom, written, how):
    server = weft_server(HELLO)
    before = body(server, "hello.localhost")
    app = written("app.py", APP)
    assert gloom(server, how, "upload", "hello", "hello.localhost", app) == ("Plugin is preloaded", None)
    assert gloom(server, how, "delete", "hello") == ("Plugin is preloaded", None)
    assert gloom(server, how, "upload", "other", "hello.localhost", app)[0] == "Domain hello.localhost already exists"
    assert gloom(server, how, "list") == ([{"name": "hello", "domains": ["hello.localhost"]}], None)
    assert body(server, "hello.localhost") == before


@both
def test_many_goroutines_call_over_one_connection(weft_server, gloom, how):
    server = weft_server(HELLO)
    counts, _ = gloom(server, how, "many", 20, 300)
    assert counts == {"1 <nil>": 20 * 200, "0 rpc: can't find method GloomRPC.Nope": 20 * 100}


def test_an_upload_replaces_without_a_loss(weft_server, gloom, written):
    server = weft_server()
    files = [written(f"v{version}.py", APP.replace("VERSION", str(version))) for version in range(6)]
    assert gloom(server, "gob", "upload", "shop", "shop.localhost", files[0])[0] == "Plugin uploaded successfully"
    seen, failures, over = [], [], threading.Event()

    def load():
        with httpx.Client(base_url=server.url, headers={"host": "shop.localhost"}, timeout=30) as client:
            while not over.is_set():
                answer = client.get("/")
                (seen if answer.status_code == 200 else failures).append(answer.text)

    threads = [threading.Thread(target=load) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        for version, file in enumerate(files[1:], start=1):
            how = "json" if version % 2 else "gob"
            assert gloom(server, how, "upload", "shop", "shop.localhost", file)[0] == "Plugin updated successfully"
            assert body(server, "shop.localhost") == str(version)
    finally:
        over.set()
        for thread in threads:
            thread.join()
    assert failures == []
    assert set(seen) == {str(version) for version in range(6)}


def test_several_uploads_are_under_way_at_once(weft_server, gloom, written):
    server = weft_server()
    app = written("app.py", APP)
    results = {}

    def upload(name):
        results[name] = gloom(server, "gob", "upload", name, f"{name}.localhost", app)

    threads = [threading.Thread(target=upload, args=(f"p{number}",)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == {f"p{number}": ("Plugin uploaded successfully", None) for number in range(4)}
    assert len(gloom(server, "json", "list")[0]) == 4


# --- who may call ---------------------------------------------------------------------------------------------------

ASKS = """
import json, socket
PORT = 0
def ask():
    with socket.create_connection(("127.0.0.1", PORT), timeout=10) as client:
        client.sendall(b'{"method":"GloomRPC.ListPlugins","params":[{}],"id":1}')
        return client.makefile("rb").readline() or b"refused"
async def app(scope, receive, send):
    import asyncio
    body = await asyncio.to_thread(ask)
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": body})
"""
MANAGES = "# /// script\n# [tool.weft]\n# permissions.manage = true\n# ///\n"


@pytest.mark.skipif(sys.platform != "linux", reason="Linux alone tells who is at the other end")
def test_a_plugin_may_call_where_it_may_manage(weft_server, written, free_port):
    port = free_port()
    source = ASKS.replace("PORT = 0", f"PORT = {port}")
    server = weft_server(written("manager.py", MANAGES + source), written("nosy.py", source), "--rpc-port", str(port))
    assert body(server, "nosy.localhost") == "refused"
    assert "refused a client that is a plugin, another user's program" in server.text
    listed = json.loads(body(server, "manager.localhost"))
    assert [each["name"] for each in listed["result"]] == ["manager", "nosy"]


@pytest.mark.skipif(sys.platform != "linux", reason="Linux alone tells who is at the other end")
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be another user")
def test_another_users_program_is_refused(weft_server):
    server = weft_server()
    port = server.rpc.rpartition(":")[2]
    call = '{"method":"GloomRPC.ListPlugins","params":[{}],"id":1}'
    script = f"exec 3<>/dev/tcp/127.0.0.1/{port}; echo '{call}' >&3; read -r answer <&3; echo \"${{answer:-refused}}\""
    asked = {
        user: subprocess.run(
            ["bash", "-c", script], capture_output=True, text=True, user=user, cwd="/", timeout=30, check=True
        ).stdout
        for user in (0, 65534)
    }
    assert asked == {0: '{"id":1,"result":[],"error":null}\n', 65534: "refused\n"}
    deadline = time.monotonic() + 5
    while "refused a client" not in server.text:
        assert time.monotonic() < deadline
        time.sleep(0.02)


# --- beyond loopback ------------------------------------------------------------------------------------------------


def openssl(folder, *arguments):
    subprocess.run(["openssl", *map(str, arguments)], cwd=folder, check=True, capture_output=True, timeout=60)


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    """An authority, and certificates of its own and of a stranger's for a server and clients."""
    folder = tmp_path_factory.mktemp("tls")
    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2")
    for name in ("authority", "stranger"):
        openssl(folder, "req", "-x509", *key, "-subj", f"/CN={name}", "-keyout", f"{name}.key", "-out", f"{name}.pem")
    extension = folder / "names"
    extension.write_text("subjectAltName=DNS:weft.example\n")
    for name, by in (("server", "authority"), ("client", "authority"), ("intruder", "stranger")):
        openssl(
            folder, "req", "-new", *key[:-2], "-subj", f"/CN={name}", "-keyout", f"{name}.key", "-out", f"{name}.csr"
        )
        signed = ("-in", f"{name}.csr", "-CA", f"{by}.pem", "-CAkey", f"{by}.key", "-CAcreateserial", "-days", "2")
        openssl(folder, "x509", "-req", *signed, "-extfile", extension, "-out", f"{name}.pem")
    return folder


def configured(folder, certificates, **settings):
    """A weft.toml with these settings of [rpc]; the certificate's files are relative to it."""
    lines = [f"{name} = {json.dumps(str(value))}" for name, value in settings.items()]
    config = certificates / f"{folder.name}.toml"
    config.write_text("\n".join(["[rpc]", *lines]))
    return config


TLS = {"certificate": "server.pem", "key": "server.key", "client_ca": "authority.pem"}


@pytest.mark.system_package("openssl")
def test_beyond_loopback_clients_need_a_certificate(weft_server, gloom, tmp_path, certificates):
    server = weft_server(HELLO, "--config", configured(tmp_path, certificates, host="0.0.0.0", **TLS))
    assert server.rpc.startswith("0.0.0.0:")

    def with_certificate(name):
        key = {"CERTIFICATE": f"{certificates}/{name}.pem", "KEY": f"{certificates}/{name}.key"}
        return {"AUTHORITY": f"{certificates}/authority.pem", **(key if name else {"CERTIFICATE": "none"})}

    for how in ("gob", "json"):
        listed, error = gloom(server, how, "list", env=with_certificate("client"))
        assert (error, [each["name"] for each in listed]) == (None, ["hello"])
    for wrong in ("intruder", ""):
        with pytest.raises(AssertionError, match="'of_server': False"):
            gloom(server, "gob", "list", env=with_certificate(wrong))
    assert gloom(server, "gob", "list", env=with_certificate("client"))[1] is None


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"host": "0.0.0.0"}, "beyond loopback RPC is served under TLS alone"),
        ({"host": "::", "certificate": "server.pem", "key": "server.key"}, "set rpc.client_ca, or leave rpc.host"),
        ({"certificate": "server.pem", "key": "server.key"}, "go together: set rpc.client_ca too"),
        ({**TLS, "key": "client.key"}, "cannot be used"),
        ({**TLS, "certificate": "missing.pem"}, "cannot be read"),
    ],
)
@pytest.mark.system_package("openssl")
def test_serve_refuses_what_would_be_open_to_all(tmp_path, certificates, settings, told):
    config = configured(tmp_path, certificates, **settings)
    command = [Path(sys.executable).parent / "weft", "serve", "--port", "0", "--rpc-port", "0", "--config", config]
    done = subprocess.run(
        [*command, "--state", tmp_path / "state"], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode in (1, 2)
    assert told in done.stderr
    assert "Traceback" not in done.stderr
