"""A host whose plugins try to escape: a program, so that it can run as another user, or where namespaces are refused.

Usage: attempting.py JSON, with ``folder`` (its own, empty), ``plugins`` and ``attempts`` (run → names; a run is a
theme, or ``theme:network``). Prints JSON, by run: ``report`` (how each protection is enforced), ``refused`` (calls that
the kernel told of, and how often), ``events`` (how many told of them), ``found``: by attempt ``[done, text, harm]``;
``harm`` is what of the host or its user was changed.
"""

from __future__ import annotations

import asyncio
import ctypes
import json
import os
import resource
import shutil
import signal
import socket
import sys
import threading
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from weft.errors import WeftError
from weft.manifest.model import Limits, Permissions
from weft.runtimes.launch import Launch
from weft.runtimes.process.runtime import ProcessInstance, ProcessRuntime

libc = ctypes.CDLL(None, use_errno=True)
IPC_CREATE, IPC_REMOVE = 0o1000, 0
KEY = 0x77656674


class Host:
    """What there is to be had and harmed."""

    def __init__(self, folder: Path, cleanup: ExitStack) -> None:
        self.signals: list[int] = []
        self.home = folder / "home"
        self.file = self.home / "file"
        (self.home / ".ssh").mkdir(parents=True)
        (self.home / "empty").mkdir()
        (folder / "state").mkdir(mode=0o700)
        for name in ("home/file", "home/.ssh/id_ed25519", "state/token", "state/other"):
            (folder / name).write_text("secret")
            (folder / name).chmod(0o600)
        self.shared = f"weft-escape-{os.getpid()}"
        self.targets: dict[str, Any] = {
            "host": os.getpid(), "group": os.getpgid(0), "home": str(self.home), "file": str(self.file),
            "empty": str(self.home / "empty"), "ssh_key": str(self.home / ".ssh/id_ed25519"),
            "token": str(folder / "state/token"), "other": str(folder / "state/other"), "shared": self.shared,
            "key": KEY, "queue": f"/{self.shared}", "abstract": f"\0{self.shared}", "address": 0,
            "port": self._listen(cleanup, socket.AF_INET, ("127.0.0.1", 0)),
            "allowed_port": self._listen(cleanup, socket.AF_INET, ("127.0.0.1", 0)),
            "port_6": self._listen(cleanup, socket.AF_INET6, ("::1", 0)),
            "udp_port": self._echo(cleanup),
            "socket_path": str(folder / "socket"),
        }  # fmt: skip
        self._listen(cleanup, socket.AF_UNIX, f"\0{self.shared}")
        self._listen(cleanup, socket.AF_UNIX, str(folder / "socket"))
        self._share(cleanup)
        for number in (signal.SIGTERM, signal.SIGIO):
            signal.signal(number, lambda number, _: self.signals.append(number))

    def _listen(self, cleanup: ExitStack, family: int, address: Any) -> int:
        """Answer everybody who comes; the port, where there are ports."""
        server = cleanup.enter_context(socket.socket(family))
        server.bind(address)
        server.listen()

        def serve() -> None:
            while True:
                try:
                    peer, _ = server.accept()
                except OSError:
                    return
                with peer:
                    peer.send(b"reached")

        threading.Thread(target=serve, daemon=True).start()
        name = server.getsockname()
        return name[1] if isinstance(name, tuple) else 0

    def _echo(self, cleanup: ExitStack) -> int:
        server = cleanup.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        server.bind(("127.0.0.1", 0))

        def serve() -> None:
            while True:
                try:
                    server.sendto(b"reached", server.recvfrom(64)[1])
                except OSError:
                    return

        threading.Thread(target=serve, daemon=True).start()
        return int(server.getsockname()[1])

    def _share(self, cleanup: ExitStack) -> None:
        path = Path("/dev/shm") / self.shared
        path.write_text("secret")
        cleanup.callback(path.unlink)
        segment = self.targets["segment"] = libc.shmget(KEY, 4096, IPC_CREATE | 0o600)
        cleanup.callback(libc.shmctl, segment, IPC_REMOVE, None)
        cleanup.callback(libc.msgctl, libc.msgget(KEY, IPC_CREATE | 0o600), IPC_REMOVE, None)
        cleanup.callback(libc.semctl, libc.semget(KEY, 1, IPC_CREATE | 0o600), 0, IPC_REMOVE)
        name = f"/{self.shared}".encode()
        libc.mq_open(name, os.O_CREAT | os.O_RDWR, 0o600, None)
        cleanup.callback(libc.mq_unlink, name)

    def look(self) -> dict[str, Any]:
        """What an attempt may have changed."""
        stat = self.file.stat()
        return {
            "signals": list(self.signals),
            "file": (self.file.read_text(), stat.st_mode, stat.st_uid, stat.st_mtime_ns, os.listxattr(self.file)),
            "home": sorted(map(str, self.home.rglob("*"))),
            "for everybody": Path("/tmp/escaped").exists(),
            "open files": resource.getrlimit(resource.RLIMIT_NOFILE),
            "priority": (os.getpriority(os.PRIO_PROCESS, 0), os.sched_getaffinity(0), os.sched_getscheduler(0)),
            "neighbour": Path(f"/proc/{self.targets['neighbour']}").exists(),
            "many descriptors": len(list(Path("/proc/self/fd").iterdir())) > 200,
        }


def parent(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


class Attempts:
    def __init__(self, order: dict[str, Any], host: Host) -> None:
        self._order, self._host = order, host
        self._runtime = ProcessRuntime()
        self._refused: dict[str, int] = {}
        self._events = 0

    async def run(self) -> dict[str, Any]:
        neighbour = await self._start("reads", "outbound")
        keeper = parent(neighbour.pid)
        self._host.targets |= {"neighbour": neighbour.pid, "keeper": keeper, "zygote": parent(keeper)}
        result: dict[str, Any] = {"report": {}, "refused": {}, "events": {}, "found": {}}
        try:
            for run, names in self._order["attempts"].items():
                self._refused, self._events = {}, 0
                theme, _, network = run.partition(":")
                result["report"][run], result["found"][run] = await self._attempt_all(theme, network or "none", names)
                result["refused"][run], result["events"][run] = self._refused, self._events
        finally:
            await neighbour.stop(2)
        return result

    async def _start(self, theme: str, network: str) -> ProcessInstance:
        ports = (self._host.targets["allowed_port"],) if network == "ports" else ()
        return await self._runtime.start(
            Launch(
                name=theme,
                version="1",
                folder=Path(self._order["folder"]) / "plugins",
                entry=theme,
                provides=(),
                limits=Limits(processes=1000),
                interpreter=(sys._base_executable, "-I", "-S"),  # type: ignore[attr-defined]
                helpers=None,
                data_dir=Path(self._order["folder"]) / "data" / theme,
                variables={"TARGETS": json.dumps(self._host.targets)},
                permissions=Permissions(network="outbound" if ports else network, ports=ports),  # type: ignore[arg-type]
                report=self._report,
            ),
            lambda line: print(line, file=sys.stderr),
        )

    def _report(self, kind: str, message: str, **data: Any) -> None:
        if kind == "refused":
            self._events += 1
            for name, times in data["calls"].items():
                self._refused[name] = self._refused.get(name, 0) + times
        else:
            print(kind, message, file=sys.stderr)

    async def _attempt_all(self, theme: str, network: str, names: list[str]) -> tuple[Any, dict[str, Any]]:
        found = {}
        instance = await self._start(theme, network)
        report = dict(instance._child.report)  # type: ignore[union-attr]
        for name in names:
            before = self._host.look()
            try:
                args = ["GET", f"/{name}".encode(), [], "http", "1.1", None, None, b""]
                _, _, body = await instance.channel.call("web.request", args, timeout=30)
                done, text = json.loads(body)
            except (WeftError, ValueError) as error:
                done, text = False, f"lost: {error}"
                await instance.stop(0.1)
                instance = await self._start(theme, network)
            after = self._host.look()
            found[name] = done, text, [key for key in before if before[key] != after[key]]
        await instance.stop(2)
        return report, found


async def main(order: dict[str, Any]) -> None:
    with ExitStack() as cleanup:
        host = Host(Path(order["folder"]), cleanup)
        shutil.copytree(order["plugins"], Path(order["folder"]) / "plugins")
        async with asyncio.timeout(100):
            print(json.dumps(await Attempts(order, host).run()))


if __name__ == "__main__":
    asyncio.run(main(json.loads(sys.argv[1])))
