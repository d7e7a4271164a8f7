"""The machine that was measured on, and what was measured."""

from __future__ import annotations

import os
import platform
import re
import subprocess
from pathlib import Path

from harness.servers import BENCH, CPEX, ROOT, peers_python

GO_MODULES = ROOT / "benchmarks/peers/goplugin/go.mod"

PACKAGES = {
    BENCH: (
        *("uvicorn", "granian", "gunicorn", "uvloop", "httptools", "websockets"),
        *("grpcio", "pluggy", "pyro5", "pyvider-rpcplugin", "stevedore"),
    ),
    CPEX: ("cpex",),
}
VERSIONS = "import sys, importlib.metadata as m\nfor name in sys.argv[1:]: print(name, m.version(name))"


def describe() -> dict[str, object]:
    """CPU, cores, memory, kernel, Python and the version of everything that takes part."""
    memory = re.search(r"MemTotal:\s+(\d+)", Path("/proc/meminfo").read_text())
    model = re.search(r"model name\s*:\s*(.+)", Path("/proc/cpuinfo").read_text())
    return {
        "cpu": model[1] if model else platform.processor(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_bytes": int(memory[1]) * 1024 if memory else 0,
        "kernel": platform.release(),
        "python": platform.python_version(),
        "load_before": os.getloadavg()[0],
        "versions": {**_peers(), **_go(), "nginx": _nginx(), "wrk": _wrk()},
    }


def _output(*command: str) -> str:
    """What a program prints, both streams; '' when it is not there."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    except FileNotFoundError:
        return ""
    return done.stdout + done.stderr


def _peers() -> dict[str, str]:
    said = (_output(peers_python(environment), "-c", VERSIONS, *names) for environment, names in PACKAGES.items())
    return dict(line.split() for text in said for line in text.splitlines() if line.count(" ") == 1)


def _go() -> dict[str, str]:
    found = re.search(r"go([\d.]+)", _output("go", "version"))
    pinned = dict(re.findall(r"^\t\S+/(go-plugin|grpc) v(\S+)", GO_MODULES.read_text(), re.MULTILINE))
    return {"go": found[1] if found else "missing", "go-plugin": pinned["go-plugin"], "grpc-go": pinned["grpc"]}


def _nginx() -> str:
    found = re.search(r"nginx/(\S+)", _output("/usr/sbin/nginx", "-v"))
    return found[1] if found else "missing"


def _wrk() -> str:
    found = re.search(r"wrk (?:debian/)?(\S+)", _output("wrk", "-v"))
    return found[1] if found else "missing"
