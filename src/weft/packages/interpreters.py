"""Interpreters: the host's own where it will do, else one that uv finds on this machine."""

from __future__ import annotations

import json
import os
import platform
import sys
import sysconfig
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path

import msgspec
from packaging.specifiers import InvalidSpecifier, SpecifierSet

from weft.errors import EnvironmentFailed
from weft.packages.durable import write_whole
from weft.packages.programs import run
from weft.packages.uv import NEUTRAL, Uv

_PROBE = """\
import json, os, platform, sys, sysconfig
path = os.path.realpath(getattr(sys, "_base_executable", None) or sys.executable)
print(json.dumps([path, platform.python_version(), sys.abiflags, sys.implementation.name, sysconfig.get_platform()]))
"""
_PROBE_DEADLINE = 30.0
OLDEST = (3, 9)
"""The oldest Python that runs plugins."""


@dataclass(frozen=True)
class Interpreter:
    """One Python on this machine; never one of a virtual environment."""

    path: Path
    version: str
    """``3.11.7``."""
    abi: str
    """``t`` for a free-threaded build; mostly empty."""
    implementation: str
    platform: str

    @property
    def tag(self) -> str:
        """What compiled packages depend on: ``cpython-3.11.7-linux-x86_64``."""
        return f"{self.implementation}-{self.version}{self.abi}-{self.platform}"

    @property
    def identity(self) -> str:
        """The tag and the path: environments are bound to both."""
        return f"{self.tag} {self.path}"


@dataclass(frozen=True)
class Fact:
    """One tool that was found, or not (``path`` None), for ``weft doctor``."""

    name: str
    version: str
    path: Path | None
    note: str = ""


def host_interpreter() -> Interpreter:
    """The interpreter that this process runs on, outside of any virtual environment."""
    path = Path(os.path.realpath(getattr(sys, "_base_executable", None) or sys.executable))
    return Interpreter(path, platform.python_version(), sys.abiflags, sys.implementation.name, sysconfig.get_platform())


class Interpreters:
    """Finds the interpreter for a range of versions, and remembers under ``root`` which one it was."""

    def __init__(self, root: Path, uv: Uv) -> None:
        self._root = root
        self._uv = uv
        self._host = host_interpreter()

    async def find(self, wanted: str | None, *, plugin: str) -> Interpreter:
        """An interpreter within ``wanted`` (``>=3.9,<3.12``; None: any).

        Raises EnvironmentFailed, which names the range, what was found, and the remedy.
        """
        if _satisfies(self._host.version, wanted, plugin):
            return self._host
        assert wanted is not None
        remembered = self._root / f"{sha256(wanted.encode()).hexdigest()[:32]}.json"
        known = _recall(remembered)
        return known or await self._search(wanted, plugin, remembered)

    async def _search(self, wanted: str, plugin: str, remembered: Path) -> Interpreter:
        found = await self._uv.look("python", "find", "--system", "--no-project", wanted)
        if found.code:
            raise EnvironmentFailed(await self._not_found(wanted, plugin))
        interpreter = await probe(Path(found.output.strip()), plugin=plugin)
        _remember(remembered, interpreter)
        return interpreter

    async def _not_found(self, wanted: str, plugin: str) -> str:
        there = sorted({f"{fact.version} ({fact.path})" for fact in await self._installed()})
        return (
            f"plugin {plugin}: needs Python {wanted}, found {', '.join(there) or 'none'}; "
            f"install one that fits (for example: uv python install '{wanted}') and put it on PATH"
        )

    async def facts(self) -> list[Fact]:
        """The host's interpreter, uv, and every other interpreter that uv finds."""
        version = (await self._uv.look("--version")).output.split()
        host = Fact("Python of the host", self._host.version, self._host.path, "plugins that fit run on it")
        return [host, Fact("uv", version[1] if len(version) > 1 else "", self._uv.path), *await self._installed()]

    async def _installed(self) -> list[Fact]:
        done = await self._uv.look("python", "list", "--only-installed", "--output-format", "json")
        return _facts(json.loads(done.output or "[]"))


def _facts(listed: list[dict[str, str]]) -> list[Fact]:
    """One for each interpreter that can run plugins, though uv lists it under each of its names."""
    known = {os.path.realpath(entry["path"]): entry for entry in listed if _runs_plugins(entry["version"])}
    return [Fact(f"Python ({entry['implementation']})", entry["version"], Path(path)) for path, entry in known.items()]


def _runs_plugins(version: str) -> bool:
    major, minor = version.split(".")[:2]
    return (int(major), int(minor)) >= OLDEST


async def probe(executable: Path, *, plugin: str) -> Interpreter:
    """What ``executable`` says of itself. Raises EnvironmentFailed when it does not run."""
    try:
        done = await run([executable, "-I", "-S", "-c", _PROBE], env={}, cwd=NEUTRAL, deadline=_PROBE_DEADLINE)
        path, *described = msgspec.json.decode(done.output, type=tuple[str, str, str, str, str])
    except (OSError, TimeoutError, msgspec.MsgspecError) as error:
        raise EnvironmentFailed(f"plugin {plugin}: the interpreter {executable} does not run: {error}") from error
    return Interpreter(Path(path), *described)


def _satisfies(version: str, wanted: str | None, plugin: str) -> bool:
    try:
        return SpecifierSet(wanted or "").contains(version, prereleases=True)
    except InvalidSpecifier as error:
        raise EnvironmentFailed(
            f"plugin {plugin}: requires.python is {wanted!r}, which is no range of versions; write it as '>=3.10,<3.13'"
        ) from error


# --- what was found is remembered with the executable's stamp, so that the next start runs nothing ------------------


def _stamp(path: Path) -> list[int]:
    status = path.stat()
    return [status.st_ino, status.st_size, status.st_mtime_ns]


def _remember(file: Path, interpreter: Interpreter) -> None:
    record = {**asdict(interpreter), "path": str(interpreter.path), "stamp": _stamp(interpreter.path)}
    write_whole(file, json.dumps(record).encode())


def _recall(file: Path) -> Interpreter | None:
    try:
        record = json.loads(file.read_bytes())
        path = Path(record["path"])
        if record["stamp"] != _stamp(path):
            return None
        return Interpreter(path, record["version"], record["abi"], record["implementation"], record["platform"])
    except (OSError, ValueError, KeyError, TypeError):  # never found, gone, or not ours: search again
        return None
