"""The servers that are compared. Each serves benchmarks/apps/hello.py on a port, and can be given its next version.

``reload`` is what each one's manual says to do after new code is on disk.
"""

from __future__ import annotations

import http.client
import os
import re
import shutil
import signal
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Protocol

from harness.processes import Program, below, running

ROOT = Path(__file__).parents[2]
APP = ROOT / "benchmarks/apps/hello.py"
BENCH, CPEX = ".venv-bench", ".venv-bench-cpex"
"""Where the peers are installed, and the one that shares its environment with its plugins."""
HOST = "hello.localhost"
START = 30.0
"""Seconds that a server may take until it serves."""
FINISH = 10.0
"""Seconds that nginx's old workers are given."""


def peers_python(environment: str = BENCH) -> str:
    """The interpreter of an environment where peers are installed."""
    return str(ROOT / environment / "bin/python")


class Server(Protocol):
    """One running server."""

    port: int
    program: Program

    def pids(self) -> list[int]:
        """Every process that takes part in an answer."""

    def swap(self, version: int) -> None:
        """Serve this version of the application; return when the server says that it does."""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def write_app(folder: Path, version: int = 0) -> Path:
    """The application at ``version``, put in place at once."""
    text = re.sub(r"^VERSION = \d+$", f"VERSION = {version}", APP.read_text(), flags=re.MULTILINE)
    fresh, target = folder / "hello.py.new", folder / "hello.py"
    fresh.write_text(text)
    fresh.replace(target)
    # Two versions within one second have one modification time and one size: compiled code would be reused.
    shutil.rmtree(folder / "__pycache__", ignore_errors=True)
    return target


def get(port: int, path: str = "/", host: str = HOST, timeout: float = 5) -> str | None:
    """The body of a 200 answer; None for anything else."""
    try:
        status, body = fetch(port, path, host, timeout)
    except (OSError, http.client.HTTPException):
        return None
    return body if status == 200 else None


def fetch(port: int, path: str, host: str, timeout: float) -> tuple[int, str]:
    """Status and body. Raises OSError (TimeoutError past so many seconds) and HTTPException."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    try:
        connection.request("GET", path, headers={"Host": host})
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def wait_for_version(port: int, version: int, seconds: float = 15) -> None:
    """Until a new connection is answered by ``version``."""
    deadline = time.monotonic() + seconds
    while get(port, "/version") != str(version) and time.monotonic() < deadline:
        time.sleep(0.01)


class Reloading:
    """A server that reads the application's file again on SIGHUP."""

    def __init__(self, folder: Path, port: int, program: Program) -> None:
        self.folder, self.port, self.program = folder, port, program

    def pids(self) -> list[int]:
        return self.program.pids()

    def swap(self, version: int) -> None:
        write_app(self.folder, version)
        self.program.signal(signal.SIGHUP)
        wait_for_version(self.port, version)


def _arguments(name: str, port: int) -> list[str]:
    """How each peer is started: its fast loop and parser, one worker, no access log."""
    address = ["--host", "127.0.0.1", "--port", str(port)]
    uvicorn = ["uvicorn", "hello:app", "--loop", "uvloop", "--http", "httptools", "--no-access-log"]
    return {
        "uvicorn": [*uvicorn, "--log-level", "warning", *address],
        "uvicorn-workers": [*uvicorn, "--log-level", "warning", "--workers", "2", *address],
        "granian": ["granian", "hello:app", "--interface", "asgi", "--loop", "uvloop", "--no-log", *address],
        "gunicorn": ["gunicorn", "hello:app", "-k", "uvicorn_worker.UvicornWorker", "-b", f"127.0.0.1:{port}"],
    }[name]


@contextmanager
def peer(name: str, folder: Path) -> Iterator[Server]:
    """uvicorn, uvicorn-workers (which can be reloaded), granian or gunicorn, serving."""
    folder.mkdir(parents=True)
    write_app(folder)
    port = free_port()
    program = Program([peers_python(), "-m", *_arguments(name, port)], folder, folder / "log")
    with running(program):
        program.wait(lambda: get(port) is not None, START)
        yield Reloading(folder, port, program)


NGINX = """
{user} daemon off; pid {folder}/nginx.pid; error_log {folder}/nginx.log warn; worker_processes auto;
events {{ worker_connections 1024; }}
http {{
    access_log off; client_max_body_size 0; keepalive_requests 1000000000;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
    map $http_upgrade $connection_upgrade {{ default upgrade; '' ''; }}
    upstream app {{ server unix:{socket}; keepalive 64; keepalive_requests 1000000000; }}
    server {{
        listen 127.0.0.1:{port};
        location / {{
            proxy_pass http://app; proxy_http_version 1.1; proxy_set_header Host $host;
            proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection $connection_upgrade;
        }}
    }}
}}
"""


class Proxied:
    """nginx before uvicorn on a Unix socket.

    By hand and with care: a second uvicorn is started, nginx reloaded, and the first one stopped once nginx's old
    workers have finished.
    """

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.folder, self.stack, self.port = folder, stack, free_port()
        self.backend = self._start_backend(0)
        self.program = self._start_nginx()

    def _start_backend(self, version: int) -> Program:
        folder = self.folder / f"v{version}"
        folder.mkdir(parents=True)
        write_app(folder, version)
        path = folder / "s"
        arguments = ["uvicorn", "hello:app", "--loop", "uvloop", "--http", "httptools", "--no-access-log"]
        arguments += ["--log-level", "warning", "--uds", str(path)]
        backend = self.stack.enter_context(running(Program([peers_python(), "-m", *arguments], folder, folder / "log")))
        backend.wait(path.exists, START)
        self._write_configuration(path)
        return backend

    def _write_configuration(self, path: Path) -> None:
        # Started by root, workers would be another user, who may not enter this folder.
        user = "user root;" if os.geteuid() == 0 else ""
        text = NGINX.format(user=user, folder=self.folder, socket=path, port=self.port)
        (self.folder / "nginx.conf").write_text(text)

    def _nginx(self) -> str:
        return shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin") or "nginx"

    def _start_nginx(self) -> Program:
        command = [self._nginx(), "-e", str(self.folder / "nginx.log"), "-c", str(self.folder / "nginx.conf")]
        program = self.stack.enter_context(running(Program(command, self.folder, self.folder / "log")))
        program.wait(lambda: get(self.port) is not None, START)
        return program

    def pids(self) -> list[int]:
        return [*self.program.pids(), *self.backend.pids()]

    def swap(self, version: int) -> None:
        old, self.backend = self.backend, self._start_backend(version)
        workers = set(below(self.program.pid))
        self.program.signal(signal.SIGHUP)
        wait_for_version(self.port, version)
        deadline = time.monotonic() + FINISH
        while workers & set(below(self.program.pid)) and time.monotonic() < deadline:
            time.sleep(0.02)
        old.process.terminate()


@contextmanager
def nginx(folder: Path) -> Iterator[Server]:
    """nginx and uvicorn behind it, serving."""
    folder.mkdir(parents=True)
    with ExitStack() as stack:
        yield Proxied(folder, stack)


CONFIGURATION = """
[http]
access_log = false
"""


class Weft:
    """``weft serve``, with the application deployed through its management API.

    ``ready_after``: seconds from its start until it, and all that it was started with, served.
    """

    def __init__(self, folder: Path, port: int, rpc_port: int, program: Program) -> None:
        self.ready_after = 0.0
        self.folder, self.port, self.rpc_port, self.program = folder, port, rpc_port, program

    def pids(self) -> list[int]:
        return self.program.pids()

    def swap(self, version: int) -> None:
        self.deploy(write_app(self.folder / "app", version), "hello")

    def deploy(self, source: Path, name: str) -> None:
        """Uploads one file; returns when it serves."""
        fields = {"name": name, "domains": f"{name}.localhost"}
        status, text = upload(self.port, "/api/plugins", source.name, source.read_bytes(), fields)
        if not text.endswith("successfully"):
            raise RuntimeError(f"deploy of {name} was answered {status}: {text}")


def upload(port: int, path: str, file: str, content: bytes, fields: dict[str, str]) -> tuple[int, str]:
    """The management's status and answer to a form with a plugin's file."""
    boundary = "weft-benchmark-boundary"
    body = b"".join(_field(boundary, key, value.encode()) for key, value in fields.items())
    body += _field(boundary, "plugin", content, file) + f"--{boundary}--\r\n".encode()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request("POST", path, body, {"Content-Type": f"multipart/form-data; boundary={boundary}"})
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def _field(boundary: str, name: str, value: bytes, filename: str = "") -> bytes:
    """One field of a form."""
    head = f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"'
    if filename:
        head += f'; filename="{filename}"\r\nContent-Type: application/octet-stream'
    return head.encode() + b"\r\n\r\n" + value + b"\r\n"


@contextmanager
def weft(folder: Path, *, beside: int = 0, start: float = START) -> Iterator[Weft]:
    """``weft serve`` with the application, and ``beside`` other plugins of its kind."""
    (folder / "app").mkdir(parents=True)
    (folder / "others").mkdir()
    (folder / "weft.toml").write_text(CONFIGURATION)
    others = [_other(folder / "others", number) for number in range(beside)]
    port, rpc_port = free_port(), free_port()
    command = [str(Path(sys.executable).parent / "weft"), "serve", *map(str, others)]
    command += ["--port", str(port), "--rpc-port", str(rpc_port), "--state", str(folder / "state")]
    command += ["--config", str(folder / "weft.toml"), "--log-level", "warning"]
    began = time.perf_counter()
    program = Program(command, folder, folder / "log")
    with running(program):
        server = Weft(folder, port, rpc_port, program)
        program.wait(lambda: get(port, "/readyz", "localhost") is not None, start)
        server.ready_after = time.perf_counter() - began
        server.swap(0)
        program.wait(lambda: get(port) is not None, START)
        yield server


def _other(folder: Path, number: int) -> Path:
    target = folder / f"other{number}.py"
    target.write_text(APP.read_text())
    return target
