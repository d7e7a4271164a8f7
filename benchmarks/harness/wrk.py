"""wrk, run once, and what it said."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

UNITS = {"us": 1.0, "ms": 1e3, "s": 1e6, "m": 6e7}
UPLOAD = 1024 * 1024
SCRIPT = Path(__file__).with_name("upload.lua")


@dataclass(frozen=True)
class Load:
    """What is asked: a path, over so many keep-alive connections, for so many seconds."""

    path: str = "/"
    connections: int = 64
    seconds: int = 3
    upload: bool = False


@dataclass(frozen=True)
class Answered:
    """What wrk saw: answers in all and per second, their latency in µs, and those that failed."""

    requests: int
    per_second: float
    p50: float
    p99: float
    failed: int


def run(port: int, host: str, load: Load) -> Answered:
    """Puts ``load`` on 127.0.0.1:``port``; every request names ``host``."""
    command = ["wrk", "-t1", f"-c{load.connections}", f"-d{load.seconds}s", "--latency", "--timeout", "10s"]
    command += ["-H", f"Host: {host}"]
    if load.upload:
        command += ["-s", str(SCRIPT)]
    command.append(f"http://127.0.0.1:{port}{load.path}")
    done = subprocess.run(command, capture_output=True, text=True, timeout=load.seconds + 30, check=True)
    return parse(done.stdout)


def parse(text: str) -> Answered:
    """Reads wrk's report."""
    errors = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", text)
    others = re.search(r"Non-2xx or 3xx responses: (\d+)", text)
    failed = sum(map(int, errors.groups())) if errors else 0
    return Answered(
        requests=int(_find(r"(\d+) requests in", text)),
        per_second=float(_find(r"Requests/sec:\s+([\d.]+)", text)),
        p50=_microseconds(_find(r"^\s+50%\s+([\d.]+\w+)$", text)),
        p99=_microseconds(_find(r"^\s+99%\s+([\d.]+\w+)$", text)),
        failed=failed + (int(others[1]) if others else 0),
    )


def _find(pattern: str, text: str) -> str:
    found = re.search(pattern, text, re.MULTILINE)
    if found is None:
        raise ValueError(f"wrk did not say {pattern!r}:\n{text}")
    return found[1]


def _microseconds(text: str) -> float:
    number, unit = re.fullmatch(r"([\d.]+)(\w+)", text).groups()  # type: ignore[union-attr]  # _find gave a word
    return float(number) * UNITS[unit]
