"""The child process itself: its pipes, its end, and the end of everything that it started."""

from __future__ import annotations

import asyncio
import os
import signal
from collections import deque
from pathlib import Path
from typing import Any, cast

from weft.runtimes.launch import Ending, Output, last_lines
from weft.runtimes.process.output import OutputReader
from weft.types import OutputLine

TAIL = 60
"""Lines remembered to show when the plugin does not start."""


class Child(asyncio.SubprocessProtocol):
    """One process, leader of its own group. ``exited`` is a future of its return code (negative: the signal)."""

    def __init__(self, output: Output) -> None:
        self._output = output
        self._tail: deque[str] = deque(maxlen=TAIL)
        self._readers = {1: OutputReader("stdout", self._take), 2: OutputReader("stderr", self._take)}
        self._open_pipes = set(self._readers)
        self._transport: asyncio.SubprocessTransport | None = None
        self._over = asyncio.Event()
        self.exited: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    @classmethod
    async def spawn(
        cls, argv: tuple[str, ...], *, folder: Path, variables: dict[str, str], wire: int, output: Output
    ) -> Child:
        """Start ``argv`` in ``folder``, with the descriptor ``wire`` and nothing else of the host's open."""
        child = cls(output)
        options: dict[str, Any] = {
            "stdin": asyncio.subprocess.DEVNULL,
            "stdout": asyncio.subprocess.PIPE,
            "stderr": asyncio.subprocess.PIPE,
            "cwd": str(folder),
            "env": variables,
            "pass_fds": (wire,),
            "start_new_session": True,
        }
        await asyncio.get_running_loop().subprocess_exec(lambda: child, *argv, **options)
        return child

    @property
    def pid(self) -> int:
        """The process's id; it names the process only until it has ended."""
        assert self._transport is not None
        return self._transport.get_pid()

    @property
    def tail(self) -> str:
        """The last lines that it wrote, to stdout and stderr, as they came."""
        return "\n".join(self._tail)

    def _take(self, line: OutputLine) -> None:
        self._tail.append(line.text)
        self._output(line)

    def kill(self) -> None:
        """End the process and its group at once."""
        if not self.exited.done():
            _kill_group(self.pid)

    async def finished(self, seconds: float) -> None:
        """Wait for its end, read what it wrote last for so many seconds at most, and let go of its pipes."""
        await asyncio.shield(self.exited)
        assert self._transport is not None
        try:
            await asyncio.wait_for(self._over.wait(), seconds)
        except TimeoutError:
            self._transport.close()  # a process that escaped the group holds them open
            await asyncio.sleep(0)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See asyncio.SubprocessProtocol."""
        self._transport = cast("asyncio.SubprocessTransport", transport)  # uvloop's is none by class

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        """See asyncio.SubprocessProtocol."""
        self._readers[fd].feed(data)

    def pipe_connection_lost(self, fd: int, _error: Exception | None) -> None:
        """See asyncio.SubprocessProtocol."""
        if fd in self._readers:
            self._readers[fd].close()
        self._open_pipes.discard(fd)
        self._close_when_over()

    def process_exited(self) -> None:
        """See asyncio.SubprocessProtocol. What the process left in its group is ended with it."""
        assert self._transport is not None
        if not _exists(self.pid):
            _kill_group(self.pid)
        code = self._transport.get_returncode()
        if not self.exited.done():
            self.exited.set_result(-1 if code is None else code)
        self._close_when_over()
        # A process that escaped the group may hold the pipes open for ever: nobody waits for it.
        asyncio.get_running_loop().call_later(1.0, self._transport.close)

    def _close_when_over(self) -> None:
        if self.exited.done() and not self._open_pipes and self._transport is not None:
            self._transport.close()
            self._over.set()


def ending_of(code: int, tail: str = "") -> Ending:
    """How a process ended whose return code is ``code``, and that wrote ``tail`` last."""
    lines = last_lines(tail)
    if code >= 0:
        return Ending(how=f"exited with code {code}", code=code, tail=lines)
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"  # the real-time ones have no names
    return Ending(how=f"was ended by {name}", signal=name, tail=lines)


def _exists(pid: int) -> bool:
    # A pid is not given out again while a group of that number lives: if it exists now, it is somebody else's.
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _kill_group(pid: int) -> None:
    try:
        os.killpg(pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return  # nobody is left in it
