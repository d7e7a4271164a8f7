"""Plugins from https:// addresses: checksums, redirects, and bodies that do not end."""

from __future__ import annotations

import hashlib
import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

import weft
from weft.errors import PackageError, StorageFailed, UsageError
from weft.packages.download import download, is_address

pytestmark = pytest.mark.system_package("openssl")
BODY = b"def Execute(ctx): ...\n"
SUM = hashlib.sha256(BODY).hexdigest()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        getattr(self, self.path.split("/")[1].partition("?")[0])()

    def file(self) -> None:
        self.answer(200, BODY)

    def missing(self) -> None:
        self.answer(404, b"")

    def moved(self) -> None:
        self.answer(302, b"", Location="/file/sample.py")

    def insecure(self) -> None:
        self.answer(302, b"", Location="http://example.org/file")

    def endless(self) -> None:
        self.send_response(200)
        self.end_headers()
        for _ in range(10_000):
            self.wfile.write(b"x" * 65_536)

    def slow(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "1000")
        self.end_headers()
        for _ in range(200):
            self.wfile.write(b"x")
            time.sleep(0.05)

    def dripping(self) -> None:
        self.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
        for _ in range(200):
            self.wfile.write(b"x")
            time.sleep(0.05)

    def short(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "1000")
        self.end_headers()
        self.wfile.write(b"x")
        self.close_connection = True

    def answer(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None: ...


class Server(ThreadingHTTPServer):
    def handle_error(self, *_: object) -> None:
        """A client that has seen enough closes."""


@pytest.fixture
def site(https, monkeypatch):
    """The address of a server of this machine's, whose certificate is trusted."""
    monkeypatch.setenv("SSL_CERT_FILE", str(https.certificate))
    with https(Server(("127.0.0.1", 0), Handler)) as url:
        yield url


@pytest.fixture
def into(tmp_path):
    folder = tmp_path / "into"
    folder.mkdir()
    return folder


def refused(address, into, **options):
    with pytest.raises(PackageError) as error:
        download(address, into, **options)
    assert address.partition("#")[0] in str(error.value)
    return str(error.value)


def test_a_file_with_its_checksum(site, into):
    path = download(f"{site}/file/sample.py?x=1#sha256={SUM}", into)
    assert (path, path.read_bytes()) == (into / "sample.py", BODY)


def test_a_wrong_checksum_is_told_with_both(site, into):
    said = refused(f"{site}/file/sample.py#sha256={'0' * 64}", into)
    assert f"expected sha256 {'0' * 64}, found {SUM}" in said


@pytest.mark.parametrize("fragment", ["", "#", "#sha256=abc", "#md5=00", f"#sha256={'G' * 64}"])
def test_a_checksum_is_required(into, fragment):
    with pytest.raises(UsageError, match="add the checksum"):
        download(f"https://example.org/x.plg{fragment}", into)


def test_only_https_is_asked(into):
    with pytest.raises(UsageError, match="https:// addresses alone"):
        download(f"http://example.org/x.plg#sha256={SUM}", into)


def test_a_redirect_to_a_private_address_is_refused(site, into):
    assert "it leads to localhost, which is 127.0.0.1: no public address" in refused(
        f"{site}/moved/x.py#sha256={SUM}", into
    )
    assert list(into.iterdir()) == []


def test_a_redirect_to_an_insecure_address_is_refused(site, into):
    assert "http://example.org/file, which is not https://" in refused(f"{site}/insecure/x.py#sha256={SUM}", into)


def test_an_endless_body_is_bounded(site, into):
    assert "larger than 200,000 bytes" in refused(f"{site}/endless/x.py#sha256={SUM}", into, most=200_000)


@pytest.mark.parametrize("what", ["slow", "dripping"])
def test_a_slow_body_and_a_slow_head_have_a_deadline(site, into, what):
    began = time.monotonic()
    assert "was not there within 1 s" in refused(f"{site}/{what}/x.py#sha256={SUM}", into, deadline=1)
    assert time.monotonic() - began < 8  # what the server takes is 10 s


def test_a_handshake_that_never_ends_has_a_deadline(into):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        ended = threading.Event()

        def drip():
            connection, _ = listener.accept()
            with connection, suppress(OSError):
                connection.sendall(b"\x16\x03\x03\x40\x00")  # a record of 16 KiB, of which a byte comes now and then
                while not ended.wait(0.05):
                    connection.sendall(b"x")

        thread = threading.Thread(target=drip)
        thread.start()
        address = f"https://127.0.0.1:{listener.getsockname()[1]}/x.py#sha256={SUM}"
        try:
            assert "was not there within 1 s" in refused(address, into, deadline=1)
        finally:
            ended.set()
            thread.join()


def test_a_body_that_is_cut_short_and_one_that_is_missing(site, into):
    assert "its checksum differs" in refused(f"{site}/short/x.py#sha256={SUM}", into)
    assert "it is answered 404" in refused(f"{site}/missing/y.py#sha256={SUM}", into)


def test_an_address_that_nobody_answers_at_and_a_folder_that_is_gone(site, into, free_port):
    assert "it could not be read: " in refused(f"https://127.0.0.1:{free_port()}/x.py#sha256={SUM}", into)
    assert "it could not be read: " in refused(f"https://0.0.0.1/x.py#sha256={SUM}", into)
    into.rmdir()
    with pytest.raises(StorageFailed, match="could not be written: No such file or directory"):
        download(f"{site}/file/sample.py#sha256={SUM}", into)


def test_a_certificate_that_nobody_vouches_for(site, into, monkeypatch):
    monkeypatch.delenv("SSL_CERT_FILE")
    assert "certificate verify failed" in refused(f"{site}/file/sample.py#sha256={SUM}", into)


def test_addresses_are_told_from_paths():
    assert is_address("https://example.org/x")
    assert is_address("http://example.org/x")
    assert not is_address("plugins/x.py")
    assert not is_address("/srv/x")


def test_an_engine_loads_and_upgrades_from_an_address(site, run, tmp_path):
    async def main():
        async with weft.Engine(tmp_path / "state") as engine:
            (plugin,) = await engine.load(f"{site}/file/sample.py#sha256={SUM}")
            assert (plugin.name, plugin.provides) == ("sample", ("task@1",))
            with pytest.raises(PackageError, match="its checksum differs"):
                await engine.upgrade("sample", f"{site}/file/sample.py#sha256={'0' * 64}")
            with pytest.raises(UsageError, match="leave watch=True out"):
                await engine.load(f"{site}/file/sample.py#sha256={SUM}", watch=True)
            assert await engine.use(weft.Task, "sample").execute(weft.TaskContext()) is None

    run(main())


def test_a_server_is_sent_what_an_address_holds(site, weft_server):
    server = weft_server()
    command = [Path(sys.executable).parent / "weft", "deploy", "--state", server.state]
    deploy = partial(subprocess.run, capture_output=True, text=True, check=False, timeout=60)
    refused = deploy([*command, f"{site}/file/sample.py"])
    assert (refused.returncode, "add the checksum" in refused.stderr) == (1, True), refused.stderr
    done = deploy([*command, f"{site}/file/sample.py#sha256={SUM}"])
    assert (done.returncode, done.stdout.strip()) == (0, "sample#1 serves task@1"), done.stderr
