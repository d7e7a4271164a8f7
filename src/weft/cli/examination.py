"""What ``weft doctor`` finds."""

from __future__ import annotations

import asyncio
import socket
import sys
from pathlib import Path
from typing import Any

from weft.cli.client import Client
from weft.errors import WeftError
from weft.packages.environments import Environments
from weft.runtimes.process.probe import reached
from weft.sandbox.level import level, whole

PORT = 3000
_LEVELS = {
    "full": "full: all that plugins may not touch is kept from them",
    "partial": 'partial: see below what is not kept from plugins; sandbox = "required" starts none then',
    "none": "none: plugins may touch what this user may",
}
_BUILDS = {
    True: "packages that come as source are built in the sandbox",
    False: "packages that come as source are built in as much of a sandbox as there is: "
    'sandbox = "required" or builds = "refused" builds none',
}


async def examine(state: Path) -> list[dict[str, Any]]:
    """Facts, each ``{"name", "ok", "detail"}``; the detail says what a missing one costs."""
    return [
        *_system(),
        *await _tools(state),
        *await _sandbox(),
        *await asyncio.to_thread(_server, state),
    ]


def _fact(name: str, *, ok: bool, detail: str) -> dict[str, Any]:
    return {"name": name, "ok": ok, "detail": detail}


def _system() -> list[dict[str, Any]]:
    known = sys.platform == "linux"
    cost = "programs cannot be told apart: management needs the token of STATE/token"
    return [_fact("who may manage", ok=known, detail="told by the kernel" if known else cost)]


async def _tools(state: Path) -> list[dict[str, Any]]:
    try:
        facts = await Environments(state / "environments").facts()
    except WeftError as error:
        return [_fact("interpreters", ok=False, detail=str(error))]
    return [
        _fact(
            each.name,
            ok=each.path is not None,
            detail="  ".join(filter(None, (each.version, str(each.path or "not found"), each.note))),
        )
        for each in facts
    ]


async def _sandbox() -> list[dict[str, Any]]:
    """What is enforced of what plugins may touch and use up."""
    report = await reached()
    told = [_fact(f"sandbox: {name}", ok=whole(text), detail=text) for name, text in report.items()]
    full = level(report) == "full"
    builds = _fact("builds of packages", ok=full, detail=_BUILDS[full])
    return [_fact("sandbox", ok=full, detail=_LEVELS[level(report)]), *told, builds]


def _server(state: Path) -> list[dict[str, Any]]:
    """The server that runs, or whether one could listen."""
    try:
        plugins = Client(state).get("/api/v1/plugins")
    except WeftError as error:
        return [_fact("server", ok=False, detail=str(error)), _port(PORT)]
    return [_fact("server", ok=True, detail=f"runs at {state} with {len(plugins)} plugin{'s'[: len(plugins) != 1]}")]


def _port(number: int) -> dict[str, Any]:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", number))
        except OSError as error:
            return _fact(f"port {number}", ok=False, detail=f"{error.strerror}: give weft serve another with --port")
    return _fact(f"port {number}", ok=True, detail="free")
