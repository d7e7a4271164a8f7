"""One instance's processes, as the host has them: born by a zygote, kept by a keeper, ended with all below them."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import socket
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from weft.runtimes.launch import Ending, Output, last_lines
from weft.runtimes.process.keeper_link import KeeperLink, Message
from weft.runtimes.process.output import OutputReader
from weft.runtimes.process.zygotes import Zygote
from weft.sandbox.cgroups import Ways
from weft.types import OutputLine
from weft.zygote.birth import Ends
from weft.zygote.messages import frame

logger = logging.getLogger("weft.runtimes.process")

TAIL = 60
"""Lines remembered to show when the plugin does not start."""
_PATIENCE = 2.0
"""Seconds that a keeper has to end an instance; after that its process is killed from here."""


class ZygoteLostError(OSError):
    """The zygote ended before it had started what was asked of it."""


class BirthError(OSError):
    """The process could not be made what it was to be; the text says why."""


class Child:
    """One instance's process. ``exited`` is a future of its return code (negative: the signal).

    ``unheld``: why it is in no cgroup, or ''. ``refused(calls)`` is told what the kernel was not allowed to do for it:
    times by name. ``report``: how each protection is enforced (see sandbox.confine).
    """

    pid: int
    unheld: str
    report: Mapping[str, str]

    def __init__(self, output: Output, refused: Callable[[Mapping[str, int]], None]) -> None:
        loop = asyncio.get_running_loop()
        self._output = output
        self._refused = refused
        self._tail: deque[str] = deque(maxlen=TAIL)
        self._pipes: list[_Pipe] = []
        self._handle: int | None = None
        self._born: asyncio.Future[tuple[int, str]] = loop.create_future()
        self._ready: asyncio.Future[Mapping[str, str]] = loop.create_future()
        self.exited: asyncio.Future[int] = loop.create_future()
        self.peak_memory: int | None = None
        self._link: KeeperLink | None = None

    async def fork(self, zygote: Zygote, wire: int) -> None:
        """Ask ``zygote`` for a process that will have ``wire``. Raises ZygoteLostError."""
        ours, theirs = socket.socketpair()
        self._link = KeeperLink(ours, self._hear, self._lost)
        with theirs:
            outputs: list[int] = []
            try:
                for stream in ("stdout", "stderr"):
                    await self._pipe(stream, outputs)
                await self._fork(zygote, Ends(theirs.fileno(), wire, *outputs))
            finally:
                for each in outputs:
                    os.close(each)

    async def begin(self, order: Mapping[str, Any], ways: Ways) -> None:
        """Let it enter its cgroup by those ``ways``, and become what ``order`` says (see zygote.messages).

        Returns when it has entered it. Raises BirthError, and ZygoteLostError.
        """
        await self._send(order, [*ways.entrances, *([] if ways.bound is None else [ways.bound])])
        self.pid, self.unheld = await self._born

    async def confined(self) -> None:
        """Returns when it is confined, and about to run the plugin. Raises as ``begin``."""
        await self._send(self.pid)
        self.report = await self._ready

    async def _send(self, message: Any, descriptors: Sequence[int] = ()) -> None:
        assert self._link is not None
        try:
            await self._link.send(frame(message), descriptors)
        except (BrokenPipeError, ConnectionResetError) as error:
            raise self._loss() from error

    async def _fork(self, zygote: Zygote, ends: Ends) -> None:
        try:
            await zygote.fork(ends)
        except OSError as error:
            raise ZygoteLostError(f"the zygote is gone: {error}") from error

    async def _pipe(self, stream: str, outputs: list[int]) -> None:
        """A pipe that is read from here on; its end to write to is at once among ``outputs``, to be closed."""
        readable, writable = os.pipe()
        outputs.append(writable)
        pipe = _Pipe(OutputReader(stream, self._take))
        await asyncio.get_running_loop().connect_read_pipe(lambda: pipe, os.fdopen(readable, "rb", 0))
        self._pipes.append(pipe)

    @property
    def tail(self) -> str:
        """The last lines that it wrote, to stdout and stderr, as they came."""
        return "\n".join(self._tail)

    def _take(self, line: OutputLine) -> None:
        self._tail.append(str(line))
        self._output(line)

    # What its keeper, and before that its own process, say of it.

    def _hear(self, message: Message, pid: int | None) -> None:
        if "born" in message and not self._born.done():
            its = pid or message["born"]
            self._born.set_result((its, message["unheld"]))
            self._handle = _open_handle(its)
        elif "ready" in message and not self._ready.done():
            self._ready.set_result(message["ready"])
        elif "failed" in message:
            self._fail(BirthError(message["failed"]))
        elif "refused" in message:
            self._refused(message["refused"])
        elif "ended" in message and not self.exited.done():
            self.peak_memory = message["peak"] or None
            self.exited.set_result(os.waitstatus_to_exitcode(message["ended"]))

    def _lost(self) -> None:
        """No process of the instance is left, or none that could tell."""
        self._fail(self._loss())
        if not self.exited.done():
            self.exited.set_result(-signal.SIGKILL)
        self._kill_process()

    def _loss(self) -> OSError:
        known = self._born.done() and not self._born.cancelled() and self._born.exception() is None
        return BirthError("its process ended before it was ready") if known else ZygoteLostError("the zygote has ended")

    def _fail(self, error: OSError) -> None:
        for each in (self._born, self._ready):
            if not each.done():
                each.set_exception(error)
                each.exception()  # whoever waits hears of it; nobody need wait

    # The end.

    def kill(self) -> None:
        """End the process, and all that it started, at once."""
        if self._link is not None and not self.exited.done():
            self._link.hang_up()
            asyncio.get_running_loop().call_later(_PATIENCE, self._kill_process)

    def _kill_process(self) -> None:
        if self._handle is not None:
            with contextlib.suppress(ProcessLookupError):  # it has ended
                signal.pidfd_send_signal(self._handle, signal.SIGKILL)
            os.close(self._handle)
            self._handle = None

    async def finished(self, seconds: float) -> None:
        """Wait for its end, read what it wrote last for so many seconds at most, and let go of it."""
        if self._link is None:
            return
        await asyncio.shield(self.exited)
        try:
            async with asyncio.timeout(seconds):
                for pipe in self._pipes:
                    await pipe.over.wait()
        except TimeoutError:
            logger.debug("somebody who is no process of the instance holds its pipes")
        for pipe in self._pipes:
            pipe.close()
        self._link.close()
        self._kill_process()


class _Pipe(asyncio.Protocol):
    """What an instance writes."""

    def __init__(self, reader: OutputReader) -> None:
        self._reader = reader
        self._transport: asyncio.BaseTransport | None = None
        self.over = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._reader.feed(data)

    def connection_lost(self, _error: Exception | None) -> None:
        self._reader.close()
        self.over.set()

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()


def _open_handle(pid: int) -> int | None:
    """A descriptor that names this process for ever, where the system has such a thing."""
    try:
        return os.pidfd_open(pid)
    except (AttributeError, OSError):
        return None


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
