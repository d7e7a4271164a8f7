"""A host that builds a package of somebody else's: a program, so that it can run as another user or without namespaces.

Usage: building.py JSON, with ``folder`` (its own, empty) and ``sandbox`` (``required`` or ``best-effort``). Prints
JSON: ``found`` (attempt → what came of it, as the package's build wrote it down), ``harmed`` (what of the host or its
user was changed), ``progress`` (lines), ``error`` (text, or null).
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

CLOTH = Path(__file__).parents[1] / "sources" / "cloth"
WORK = '''
import json, os, signal, socket, subprocess, sys

def reads(path):
    return lambda: open(path).read()

def writes(path):
    return lambda: open(path, "a").write("harm")

def connects():
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(TARGETS["socket"])

def known():
    """All that is secret, of what it was given and of what uv was."""
    places = ["/proc/self/environ", f"/proc/{os.getppid()}/environ", os.environ["UV_CONFIG_FILE"]]
    text = "".join(open(place, errors="replace").read() for place in places)
    if "hunter2" not in text:
        raise PermissionError("no secret is in there")

def traces():
    subprocess.run([sys.executable, "-c", "import ctypes; libc = ctypes.CDLL(None, use_errno=True);"
        f"import sys; sys.exit(libc.ptrace(16, {TARGETS['host']}, 0, 0) == -1)"], check=True)

ATTEMPTS = {
    "token": lambda: reads(TARGETS["token"])(),
    "key": lambda: reads(TARGETS["key"])(),
    "shadow": lambda: reads("/etc/shadow")(),
    "list_home": lambda: os.listdir(TARGETS["home"]),
    "list_state": lambda: os.listdir(TARGETS["state"]),
    "write_home": lambda: writes(TARGETS["file"])(),
    "write_cache": lambda: writes(TARGETS["cache"] + "/poison")(),
    "write_source": lambda: writes(TARGETS["source"] + "/work.py")(),
    "write_for_all": lambda: writes("/tmp/weft-built")(),
    "socket": connects,
    "signal": lambda: os.kill(TARGETS["host"], signal.SIGTERM),
    "memory_of_host": lambda: reads(f"/proc/{TARGETS['host']}/environ")(),
    "trace": traces,
    "secrets": known,
}

def work(files):
    found = {}
    for name, attempt in ATTEMPTS.items():
        try:
            found[name] = f"done: {attempt()!r}"
        except Exception as error:
            found[name] = f"refused: {type(error).__name__}: {error}"
    nothing = subprocess.DEVNULL
    command = [sys.executable, "-c", "import time; time.sleep(600)", TARGETS["marker"]]
    subprocess.Popen(command, stdout=nothing, stderr=nothing, start_new_session=True)
    files["cloth.py"] = f"found = {json.dumps(json.dumps(found))}"
'''


class Host:
    """What there is to be had and harmed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.signals: list[int] = []
        signal.signal(signal.SIGTERM, lambda number, _: self.signals.append(number))
        for name in ("home/.ssh/id", "home/file", "state/token"):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text("secret")
            (folder / name).chmod(0o600)
        (folder / "cache").mkdir()
        self.configuration = folder / "home" / "uv.toml"
        self.configuration.write_text('no-index = true\nfind-links = ["https://me:hunter2@localhost:9/"]\n')
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(folder / "socket"))
        self._listener.listen()
        self.marker = f"built-{os.getpid()}"
        source = shutil.copytree(CLOTH, folder / "cloth")
        targets = {
            "host": os.getpid(), "token": f"{folder}/state/token", "key": f"{folder}/home/.ssh/id",
            "file": f"{folder}/home/file", "home": f"{folder}/home", "state": f"{folder}/state",
            "cache": f"{folder}/cache", "source": str(source), "socket": f"{folder}/socket", "marker": self.marker,
        }  # fmt: skip
        (source / "work.py").write_text(f"TARGETS = {targets!r}\n{WORK}")
        self.source = source

    def environ(self) -> dict[str, str]:
        """What the operator gave the server."""
        return {
            "HOME": str(self.folder / "home"),
            "UV_CACHE_DIR": str(self.folder / "cache"),
            "UV_CONFIG_FILE": str(self.configuration),
            "UV_INDEX_PRIVATE_PASSWORD": "hunter2",
            "UV_OFFLINE": "1",
            "NETRC": str(self.folder / "home" / "netrc"),
        }

    def look(self) -> dict[str, Any]:
        """What a build may have changed."""
        return {
            "signals": list(self.signals),
            "file": (self.folder / "home/file").read_text(),
            "cache": (self.folder / "cache/poison").exists(),
            "source": (self.source / "work.py").read_text(),
            "for all": Path("/tmp/weft-built").exists(),
            "processes": [each for each in Path("/proc").glob("[0-9]*/cmdline") if self._is_left(each)],
            "half built": list((self.folder / "state/environments/builds").glob("*")),
        }

    def _is_left(self, cmdline: Path) -> bool:
        try:
            return self.marker.encode() in cmdline.read_bytes().split(b"\0")
        except OSError:
            return False


async def build(host: Host, sandbox: Any) -> dict[str, Any]:
    os.environ.update(host.environ())
    # Now that the variables are set, from which uv's are taken.
    from weft.errors import EnvironmentFailed
    from weft.manifest.model import Requires
    from weft.packages.environments import Environments
    from weft.runtimes.process.runtime import ProcessRuntime

    progress: list[str] = []
    error, command = None, []
    runtime = ProcessRuntime()
    try:
        environments = Environments(host.folder / "state" / "environments", builder=runtime.builder(sandbox))
        wanted = Requires(packages=(f"cloth @ {host.source.as_uri()}",))
        made = await environments.prepare(wanted, plugin="shop", progress=progress.append)
        command = [str(made.python), *made.flags, "-c", "import cloth; print(cloth.found)"]
    except EnvironmentFailed as failed:
        error = str(failed)
    finally:
        await runtime.close()
    return {"ask": command, "progress": progress, "error": error}


def main(order: dict[str, Any]) -> None:
    host = Host(Path(order["folder"]))
    before = host.look()
    result = asyncio.run(build(host, order["sandbox"]))
    after = host.look()
    ask = result.pop("ask")
    found = json.loads(subprocess.run(ask, check=True, capture_output=True, text=True).stdout) if ask else {}
    print(
        json.dumps(
            {**result, "found": found, "harmed": {key: str(after[key]) for key in before if before[key] != after[key]}}
        )
    )


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
