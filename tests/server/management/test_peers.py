"""Real processes and sockets: this process is the server, and what it starts is a plugin's."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest

from weft.server.front.peer import Peer, seconds_since_boot
from weft.server.management.orphans import adopt_orphans
from weft.server.management.peers import PeerJudge
from weft.server.management.processes import Process, is_stranger, read_process

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="Linux alone tells who is at the other end")

CONNECT = """
import os, socket, sys
where = sys.argv[1]
if where.startswith("/"):
    client = socket.socket(socket.AF_UNIX)
    client.connect(where)
else:
    host, _, port = where.rpartition(":")
    client = socket.create_connection((host, int(port)))
client.sendall(b"%d" % os.getpid())
sys.stdin.read()
"""
DAEMON = """
import os
if os.fork():
    os._exit(0)
os.setsid()
if os.fork():
    os._exit(0)
while os.getppid() == os.getsid(0):
    pass  # until the process between has ended
"""


@pytest.fixture
def listener(request, tmp_path):
    """A listening socket, and where it is."""
    if request.param == "unix":
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(str(tmp_path / "control.sock"))
            server.listen()
            yield server, str(tmp_path / "control.sock")
    else:
        with socket.create_server((request.param, 0), family=_family(request.param)) as server:
            yield server, f"{request.param}:{server.getsockname()[1]}"


def _family(host):
    return socket.AF_INET6 if ":" in host else socket.AF_INET


everywhere = pytest.mark.parametrize("listener", ["unix", "127.0.0.1", "::1"], indirect=True)
on_tcp = pytest.mark.parametrize("listener", ["127.0.0.1"], indirect=True)


@contextmanager
def accepted(listener):
    """(Peer of the next connection, the pid that it sends)."""
    connection = listener.accept()[0]
    with connection:
        yield peer_of(connection), int(connection.recv(20))


def peer_of(connection):
    if connection.family == socket.AF_UNIX:
        credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
        pid, uid = (int.from_bytes(credentials[at : at + 4], sys.byteorder) for at in (0, 4))
        return Peer(None, None, pid, uid)
    return Peer(connection.getpeername()[:2], connection.getsockname()[:2])


@contextmanager
def program(source, *arguments, **options):
    with subprocess.Popen([sys.executable, "-c", source, *arguments], stdin=subprocess.PIPE, **options) as process:
        try:
            yield process
        finally:
            process.stdin.close()


def judge_in(loop_run, peer, *, managers=(), server=None):
    async def main():
        return await PeerJudge(lambda: managers, server=server).is_own_program(peer)

    return loop_run(main())


@everywhere
def test_a_process_that_the_server_started_is_a_stranger(listener, run):
    with program(CONNECT, listener[1]), accepted(listener[0]) as (peer, _):
        assert not judge_in(run, peer)


@everywhere
def test_unless_its_plugin_may_manage(listener, run):
    with program(CONNECT, listener[1]) as process, accepted(listener[0]) as (peer, pid):
        assert pid == process.pid
        assert judge_in(run, peer, managers={pid})


@everywhere
def test_a_program_that_is_no_descendant_of_the_server_may(listener, run):
    with program("import sys; sys.stdin.read()") as server, program(CONNECT, listener[1]):
        with accepted(listener[0]) as (peer, _):
            assert judge_in(run, peer, server=server.pid)


@everywhere
def test_the_server_itself_may(listener, run):
    where = listener[1] if listener[1].startswith("/") else tuple(listener[0].getsockname()[:2])
    with socket.socket(listener[0].family) as client:
        client.connect(where)
        with listener[0].accept()[0] as connection:
            assert judge_in(run, peer_of(connection))


@everywhere
def test_a_daemon_that_left_its_plugin_is_a_stranger(listener, run):
    """In a process of its own, which adopts orphans for good."""
    check = subprocess.run(
        [sys.executable, __file__, DAEMON + CONNECT, listener[1].rpartition(":")[0] or "unix"],
        capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip
    assert check.stdout == "stranger\n", check.stderr


@on_tcp
def test_a_connection_that_a_plugin_holds_too_is_a_strangers(listener, run):
    with socket.create_connection(listener[0].getsockname()) as client, listener[0].accept()[0] as connection:
        client.set_inheritable(True)
        with program("import sys; print(flush=True); sys.stdin.read()", close_fds=False, stdout=-1) as plugin:
            plugin.stdout.readline()
            assert not judge_in(run, peer_of(connection))


@on_tcp
def test_a_connection_that_nobody_holds_any_more_is_a_strangers(listener, run):
    with program(CONNECT, listener[1]) as process, accepted(listener[0]) as (peer, _):
        process.kill()
        process.wait()
        assert not judge_in(run, peer, server=1)


@pytest.mark.parametrize("listener", ["unix"], indirect=True)
def test_a_process_that_has_gone_is_a_stranger(listener, run):
    with program(CONNECT, listener[1]) as process, accepted(listener[0]) as (peer, _):
        process.kill()
        process.wait()
        assert not judge_in(run, peer, server=1)


def test_a_later_process_of_the_same_number_is_a_stranger(run):
    now = Peer(None, None, os.getpid(), os.geteuid())
    before = Peer(None, None, os.getpid(), os.geteuid(), accepted=read_process(os.getpid()).started - 1)
    assert now.accepted <= seconds_since_boot()
    assert judge_in(run, now)
    assert not judge_in(run, before)


@pytest.mark.parametrize(
    "peer",
    [
        Peer(None, None),
        Peer(None, None, 0, 0),
        Peer(None, None, os.getpid(), os.geteuid() + 1),
        Peer(("192.0.2.1", 1), ("192.0.2.2", 2)),
        Peer(("127.0.0.1", 1), None),
        Peer(("127.0.0.1", 1), ("127.0.0.1", 1)),
        Peer(("nonsense", 1), ("127.0.0.1", 1)),
    ],
)
def test_what_cannot_be_decided_is_a_stranger(peer, run):
    assert not judge_in(run, peer)


def test_a_verdict_is_kept_with_its_connection(run):
    peer, managers = Peer(None, None, os.getpid(), os.geteuid()), []

    async def main():
        judge = PeerJudge(lambda: managers.append(1) or ())
        return [await verdict for verdict in [judge.is_own_program(peer), judge.is_own_program(peer)]]

    assert run(main()) == [True, True]
    assert managers == [1]


def family(*rows):
    return {pid: Process(pid, parent, started, 0) for pid, parent, started in rows}.get


@pytest.mark.parametrize(
    ("pid", "stranger"),
    [(1, False), (10, False), (20, False), (30, True), (31, True), (40, False), (41, False), (50, True), (99, True)],
)
def test_kinship(pid, stranger):
    lookup = family(
        (1, 0, 0), (10, 1, 1), (20, 10, 2),  # a shell 10 started the server 20
        (30, 20, 3), (31, 30, 4),  # a plugin and its child
        (40, 20, 3), (41, 40, 4),  # a plugin that may manage and its child
        (50, 51, 3), (51, 1, 9),  # a parent that is younger than its child
    )  # fmt: skip
    assert is_stranger(pid, server=20, managers={40}, lookup=lookup) is stranger


def test_parents_in_a_ring_end_somewhere():
    assert is_stranger(2, server=20, managers=(), lookup=family((2, 3, 1), (3, 2, 1)))


ORPHAN = "import os, time\nif os.fork(): os._exit(0)\nos.setsid()\n"


def adopter(body, orphan):
    """Runs ``body`` in a process that adopts what ``orphan`` leaves."""
    source = f"""
import asyncio, os, subprocess, sys
from weft.server.management.orphans import adopting
async def main():
    async with adopting(every=0.02):
        await asyncio.to_thread(subprocess.run, [sys.executable, "-c", {ORPHAN + orphan!r}], check=True)
{body}
asyncio.run(asyncio.wait_for(main(), 20))
try:
    os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG)
except ChildProcessError:
    print("no child left")
"""
    return subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, timeout=30, check=False)


def test_adopted_processes_that_ended_are_collected():
    wait = """
        while any(line for line in open(f"/proc/self/task/{os.getpid()}/children")):
            await asyncio.sleep(0.01)
"""
    check = adopter(wait, "")
    assert (check.returncode, check.stdout, check.stderr) == (0, "no child left\n", "")


def test_adopted_processes_that_are_left_are_ended():
    check = adopter("", "time.sleep(60)")
    assert (check.returncode, check.stdout, check.stderr) == (0, "no child left\n", "")


def judge_a_daemon(source: str, where: str) -> str:
    """Run as a program: this process adopts the daemon that ``source`` makes, and says what it takes it for."""
    assert adopt_orphans()
    with socket.socket(socket.AF_UNIX if where == "unix" else _family(where)) as server:
        path = Path(f"/tmp/weft-peers-{os.getpid()}.sock")
        server.bind(str(path) if where == "unix" else (where, 0))
        server.listen()
        address = str(path) if where == "unix" else f"{where}:{server.getsockname()[1]}"
        with program(source, address), accepted(server) as (peer, pid):
            assert read_process(pid).parent == os.getpid()
            path.unlink(missing_ok=True)
            return "own" if asyncio.run(PeerJudge(tuple).is_own_program(peer)) else "stranger"


if __name__ == "__main__":
    print(judge_a_daemon(sys.argv[1], sys.argv[2]))
