"""The zygotes of a host: one for each environment, as long as an instance lives that came from it."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from weft.runtimes.process.output import OutputReader
from weft.types import OutputLine
from weft.zygote.messages import send

logger = logging.getLogger("weft.runtimes.process")

WEFT = Path(__file__).resolve().parents[2]
BOOTSTRAP = WEFT / "sdk" / "bootstrap.py"
_RETRY = 0.005
"""Seconds until a request is sent again to a zygote whose socket is full."""
_END = 5.0
"""Seconds that a zygote has to end once nothing needs it; what it does then takes milliseconds."""


@dataclass(frozen=True)
class Environment:
    """What one zygote is for. ``python``: the interpreter; ``helpers``: the folder with msgspec and uvloop, or None."""

    python: str
    helpers: Path | None = None


HOST = Environment(getattr(sys, "_base_executable", None) or sys.executable)
"""The host's own interpreter: its zygote executes programs, whatever they are."""


class Zygote(asyncio.SubprocessProtocol):
    """One zygote's process. ``over`` is set when it has ended; ``lost``: it lost a start, and gets no other."""

    def __init__(self) -> None:
        self.leases = 0
        self.lost = False
        self.over = asyncio.Event()
        self._control, self._theirs = socket.socketpair()
        self._control.setblocking(False)
        self._stderr = OutputReader("stderr", _log)
        self._transport: asyncio.SubprocessTransport | None = None

    async def start(self, environment: Environment, variables: Mapping[str, str]) -> None:
        """Execute it. Raises OSError. It need not be waited for: what is asked of it lies ready."""
        argv = [environment.python, "-I", "-S", "-u", str(BOOTSTRAP), "weft.zygote.zygote", str(self._theirs.fileno())]
        argv += [str(WEFT.parent), *([str(environment.helpers)] if environment.helpers else [])]
        options: dict[str, Any] = {
            "stdin": asyncio.subprocess.DEVNULL,
            "stdout": asyncio.subprocess.DEVNULL,
            "stderr": asyncio.subprocess.PIPE,
            "cwd": "/",
            "env": dict(variables),
            "pass_fds": (self._theirs.fileno(),),
            "start_new_session": True,
        }
        try:
            await asyncio.get_running_loop().subprocess_exec(lambda: self, *argv, **options)
        except BaseException:
            self._control.close()
            raise
        finally:
            self._theirs.close()

    async def fork(self, ends: Sequence[int]) -> None:
        """Ask for an instance that gets those ends (see zygote.birth.Ends). Raises OSError when it is gone."""
        while True:
            try:
                send(self._control, b"f", ends)
            except BlockingIOError:
                await asyncio.sleep(_RETRY)
            else:
                return

    async def close(self) -> None:
        """Let it end, and wait for it."""
        self._control.close()
        try:
            async with asyncio.timeout(_END):
                await self.over.wait()
        except TimeoutError:
            assert self._transport is not None
            self._transport.kill()
            await self.over.wait()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See asyncio.SubprocessProtocol."""
        self._transport = cast("asyncio.SubprocessTransport", transport)  # uvloop's is none by class

    def pipe_data_received(self, _fd: int, data: bytes) -> None:
        """See asyncio.SubprocessProtocol."""
        self._stderr.feed(data)

    def process_exited(self) -> None:
        """See asyncio.SubprocessProtocol."""
        assert self._transport is not None
        self._stderr.close()
        self._transport.close()
        self.over.set()


def _log(line: OutputLine) -> None:
    logger.warning("zygote: %s", line.text)


class Zygotes:
    """Leases: a zygote lives as long as somebody holds one of its own."""

    def __init__(self) -> None:
        self._zygotes: dict[Environment, Zygote] = {}
        self._starts: dict[Environment, asyncio.Lock] = {}

    async def lease(self, environment: Environment, variables: Mapping[str, str]) -> Zygote:
        """The zygote for ``environment``, started with ``variables`` if need be. Raises OSError."""
        async with self._starts.setdefault(environment, asyncio.Lock()):
            zygote = self._zygotes.get(environment)
            if zygote is None or zygote.lost or zygote.over.is_set():
                zygote = Zygote()
                await zygote.start(environment, variables)
                self._zygotes[environment] = zygote
            zygote.leases += 1
            return zygote

    async def release(self, zygote: Zygote) -> None:
        """Give one lease back; the last one ends the zygote."""
        zygote.leases -= 1
        if zygote.leases == 0:
            for environment, each in [*self._zygotes.items()]:
                if each is zygote:
                    del self._zygotes[environment], self._starts[environment]
            await zygote.close()


def exec_argv(interpreter: Sequence[str], helpers: Path | None, wire: int) -> list[str]:
    """What executes a plugin's process on an interpreter that no zygote serves."""
    argv = [*interpreter, "-u", os.fspath(BOOTSTRAP), "weft.sdk.process", str(wire), os.fspath(WEFT.parent)]
    return argv + ([str(helpers)] if helpers else [])
