"""What every test may use: a deadline, a free port, a running server, and the check that nothing is left behind."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Coroutine, Generator, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import settings

T = TypeVar("T")
settings.register_profile("weft", deadline=None)  # how long one example takes says how busy the machine is
settings.load_profile("weft")
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as in the background of a shell, which programs inherit
    signal.signal(signal.SIGINT, signal.default_int_handler)
DEADLINE = 60.0
"""Seconds that one asynchronous test may take."""


# --- processes ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Process:
    """One process, told apart from a later one with the same number by its start time."""

    pid: int
    parent: int
    state: str
    started: str
    command: str

    @property
    def alive(self) -> bool:
        now = _process(self.pid)
        return now is not None and now.started == self.started and now.state not in "ZX"


def _process(pid: int) -> Process | None:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
        command = Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ").strip()
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = stat.rpartition(")")[2].split()
    return Process(pid, int(fields[1]), fields[0], fields[19], command)


def descendants(pid: int) -> list[Process]:
    """Every living process below ``pid``, as /proc has them; none where there is no /proc."""
    every = [found for entry in Path("/proc").glob("[0-9]*") if (found := _process(int(entry.name)))]
    below = {pid}
    while more := {p.pid for p in every if p.parent in below} - below:
        below |= more
    return [p for p in every if p.pid in below - {pid} and p.state not in "ZX"]


def _wait_until_gone(processes: list[Process], seconds: float) -> list[Process]:
    deadline = time.monotonic() + seconds
    while (left := [p for p in processes if p.alive]) and time.monotonic() < deadline:
        time.sleep(0.02)
    return left


@pytest.fixture(autouse=True)
def _no_process_left() -> Iterator[None]:
    """Fails a test that leaves a process behind, and ends that process."""
    before = {(p.pid, p.started) for p in descendants(os.getpid())}
    yield
    new = [p for p in descendants(os.getpid()) if (p.pid, p.started) not in before]
    left = _wait_until_gone(new, 3)
    for process in left:
        os.kill(process.pid, signal.SIGKILL)
    assert not left, "left behind: " + "; ".join(f"{p.pid} {p.command}" for p in left)


@pytest.fixture
def below() -> Callable[[int], list[Process]]:
    """``below(pid)``: the living processes that descend from it."""
    return descendants


# --- asyncio and ports ----------------------------------------------------------------------------------------------


@pytest.fixture
def run() -> Callable[[Coroutine[Any, Any, T]], T]:
    """``run(main())``: asyncio.run with a deadline."""

    async def within(main: Coroutine[Any, Any, T]) -> T:
        async with asyncio.timeout(DEADLINE):
            return await main

    return lambda main: asyncio.run(within(main))


@pytest.fixture
def free_port() -> Callable[[], int]:
    """``free_port()``: a TCP port of 127.0.0.1 that was free a moment ago."""

    def find() -> int:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            return int(probe.getsockname()[1])

    return find


# --- the server as people start it ----------------------------------------------------------------------------------


@dataclass
class WeftServer:
    """``weft serve`` in a process of its own; stopped, and asserted to end well, when the test is over."""

    process: subprocess.Popen[str]
    state: Path
    output: Path
    port: int = 0
    domains: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        """The server's address: management answers there."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def rpc(self) -> str:
        """ADDRESS:PORT of GLoom's RPC, as the server printed it."""
        found = re.search(r"^rpc +(?:tcp|tls)://(\S+)$", self.text, re.MULTILINE)
        assert found, f"weft serve printed no address for RPC:\n{self.text}"
        return found[1]

    @property
    def text(self) -> str:
        """What the server printed until now, both streams."""
        return self.output.read_text()

    def wait_ready(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while not re.search(r"^(.*\s)?ready\b", self.text, re.MULTILINE):
            assert self.process.poll() is None, f"weft serve ended with {self.process.returncode}:\n{self.text}"
            assert time.monotonic() < deadline, f"weft serve is not ready after {seconds} s:\n{self.text}"
            time.sleep(0.02)
        self.port = self._listening_port()

    def _listening_port(self) -> int:
        """The one TCP port that this process listens on, as it printed it."""
        found = re.findall(r"https?://[^\s:/]+:(\d+)", self.text)
        assert found, f"weft serve printed no address:\n{self.text}"
        return int(found[0])

    def stop(self, seconds: float = 45) -> None:
        """SIGTERM; the server drains, exits 0, and leaves no process behind."""
        if self.process.poll() is not None:
            return
        below = descendants(self.process.pid)
        self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            pytest.fail(f"weft serve does not stop within {seconds} s of SIGTERM:\n{self.text}")
        left = _wait_until_gone(below, 3)
        for process in left:
            os.kill(process.pid, signal.SIGKILL)
        assert code == 0, f"weft serve ended with {code}:\n{self.text}"
        assert not left, "weft serve left behind: " + "; ".join(f"{p.pid} {p.command}" for p in left)

    def kill(self) -> None:
        """SIGKILL: as a crash."""
        self.process.kill()
        self.process.wait(10)


StartServer = Callable[..., WeftServer]


@contextmanager
def _servers(home: Path) -> Iterator[StartServer]:
    """Starts servers, and stops them all in the end. ``home``: for their state and output."""
    started: list[WeftServer] = []

    def start(
        *arguments: str | Path,
        state: Path | None = None,
        env: dict[str, str] | None = None,
        within: float = 60,
        spawn: Callable[..., subprocess.Popen[str]] = subprocess.Popen,
    ) -> WeftServer:
        state = state or home / "state"
        output = home / f"serve-{len(started)}.log"
        command = [str(Path(sys.executable).parent / "weft"), "serve", "--rpc-port", "0", *map(str, arguments)]
        command += ["--port", "0", "--state", str(state)]
        with output.open("w") as sink:
            process = spawn(
                command, stdout=sink, stderr=subprocess.STDOUT, text=True, env={**os.environ, **(env or {})}
            )
        server = WeftServer(process, state, output)
        started.append(server)
        server.wait_ready(within)
        return server

    try:
        yield start
        for server in started:
            server.stop()
    finally:
        for server in started:
            if server.process.poll() is None:
                server.kill()


@pytest.fixture
def weft_server(tmp_path: Path) -> Iterator[StartServer]:
    """``weft_server(*paths, *options, state=…, env=…)``: ``weft serve`` on a free port, once it says ``ready``."""
    with _servers(tmp_path) as start:
        yield start


@pytest.fixture(scope="module")
def shared_weft_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StartServer]:
    """``weft_server`` for all tests of a module, each of which removes what it deploys."""
    with _servers(tmp_path_factory.mktemp("server")) as start:
        yield start


# --- files of others ------------------------------------------------------------------------------------------------

GO_PLUGINS_EXAMPLE = """\
{
"name": "go-plugin",
"version": "0.1.0",
"description": "A go plugin management tool",
"maintainers": ["loneghost1982@gmail.com"],
"home": "https://github.com/szlabs/go-plugin.git",
"source": {
"mode": "local_so",
"path": "sample.so"
},
"http_services": {
"driver": "beego",
"routes": [
{ "route": "/api/plugin/sample/:id", "method": "GET", "label": "plugin.get" },
{ "route": "/api/plugin/samples", "method": "POST", "label": "plugin.post" }
]
}
}
"""


@pytest.fixture
def go_plugins_example() -> str:
    """The ``plugin.json`` that szlabs go-plugin gives as its example."""
    return GO_PLUGINS_EXAMPLE


# --- programs in Go --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def go_program(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """``go_program(name)``: ``tests/go/NAME/main.go``, built once. Mark its tests ``system_package("go")``."""
    folder = tmp_path_factory.mktemp("go")

    @cache
    def build(name: str) -> Path:
        command = ["go", "build", "-o", str(folder / name), "main.go"]
        env = {**os.environ, "GOTOOLCHAIN": "local", "GOPROXY": "off"}
        subprocess.run(command, cwd=Path(__file__).parent / "go" / name, env=env, check=True, timeout=250)
        return folder / name

    return build


# --- what a machine may lack ----------------------------------------------------------------------------------------


@cache
def _package_index_answers() -> bool:
    """Whether this machine's package index resolves a small package now."""
    uv = shutil.which("uv", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}")
    if uv is None:
        return False
    command = [uv, "pip", "compile", "--quiet", "--no-header", "--refresh-package", "iniconfig", "-"]
    try:
        done = subprocess.run(command, input="iniconfig", text=True, capture_output=True, timeout=30, check=False)
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0


def _missing(item: pytest.Item) -> str:
    """What this test needs and this machine lacks; '' when all is there."""
    programs = [str(name) for mark in item.iter_markers("system_package") for name in mark.args]
    path = os.environ.get("PATH", os.defpath) + os.pathsep + "/usr/sbin"
    absent = [name for name in programs if shutil.which(name, path=path) is None]
    if absent:
        return f"not installed: {', '.join(absent)} (tools/debian-packages installs them)"
    if item.get_closest_marker("network") and not _package_index_answers():
        return "no package index answers"
    return ""


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skips what a user's machine cannot run, with the reason; where CI=true it must run."""
    if missing := _missing(item):
        if os.environ.get("CI") == "true":
            pytest.fail(f"needed where CI=true: {missing}", pytrace=False)
        pytest.skip(missing)


# --- coverage -------------------------------------------------------------------------------------------------------


@pytest.fixture
def importable(monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], None]:
    """``importable(folder)``: its modules can be imported, in threads too."""

    def prepend(folder: Path) -> None:
        monkeypatch.syspath_prepend(folder)
        _show_paths()

    return prepend


@pytest.fixture(autouse=True)
def _paths_are_shown() -> Iterator[None]:
    yield
    if sys.path != _shown:
        _show_paths()


_shown: list[str] = []


def _show_paths() -> None:
    """Have coverage look at ``sys.path`` now.

    It does so when a file runs that it has not seen, whoever runs it, and takes out of ``sys.modules`` what other
    threads have imported meanwhile.
    """
    _shown[:] = sys.path
    exec(compile("", f"/nowhere/{next(_numbers)}.py", "exec"))


_numbers = count()


@pytest.hookimpl(wrapper=True, trylast=True)
def pytest_runtestloop(session: pytest.Session) -> Generator[None, object, object]:
    """Removes what processes that were killed left half written, before the data of all is combined."""
    result = yield
    if not hasattr(session.config, "workerinput"):  # others may still write
        for file in session.config.rootpath.glob("build/coverage/data.*"):
            if not re.search(r"\.H\w+h$", file.name) and not _can_be_read(file):  # a whole one has its hash in its name
                file.unlink()
    return result


def _can_be_read(file: Path) -> bool:
    try:
        with closing(sqlite3.connect(file)) as data:
            data.execute("select count(*) from file")
            return bool(data.execute("pragma quick_check").fetchone() == ("ok",))
    except sqlite3.DatabaseError:
        return False
