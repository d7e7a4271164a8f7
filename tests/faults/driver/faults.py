"""Faults at each step of a program, by the kernel: a system call fails, or its caller is killed in place of it."""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import re
import select
import signal
import socket
import struct
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import fault_calls
from fault_calls import BY_NUMBER, Call

_RECEIVE, _SEND = 0xC0502100, 0xC0182101
_QUESTION = struct.Struct("=QIIiIQ6Q")
_ANSWER = struct.Struct("=QqiI")
_CONTINUE = 1
_THREAD = 0x10000
_MOST_PATH = 4096
_PASSING = re.compile(r"[0-9a-f]{64}|[0-9a-f]{32}|\btmp\w{8}\b|(?<=-)[a-z0-9_]{8}\b")
"""What is another one each time."""


class CannotInject(Exception):  # noqa: N818 - as weft's own errors say what happened
    """The machine's kernel does not ask."""


@dataclass(frozen=True)
class Step:
    """The ``nth`` time that a program makes this call on this place: a path below its root, '' for none."""

    call: str
    place: str
    nth: int

    def __str__(self) -> str:
        return f"{self.call} {self.place}".strip() + (f" #{self.nth}" if self.nth > 1 else "")


@dataclass
class _Order:
    """What to do about a step. ``lasting``: all that come after it and would fail for the same reason do so, too."""

    step: Step | None
    kind: Literal["fail", "kill", "record"]
    lasting: bool = False
    met: bool = False
    error: int = 0


class Faults:
    """Runs programs whose steps it knows, one at a time. ``root``: the folder in which they work."""

    def __init__(self, root: Path) -> None:
        self._root = f"{root}/"
        self._program: subprocess.Popen[Any] | None = None
        self._order: _Order | None = None
        self._seen: Counter[tuple[str, str]] = Counter()
        self._steps: list[Step] = []
        self._lock = threading.Lock()

    def popen(self, command: Sequence[str | Path], **options: Any) -> subprocess.Popen[Any]:
        """As subprocess.Popen. Raises CannotInject."""
        ours, theirs = socket.socketpair()
        with ours:
            with theirs:
                given = [sys.executable, "-I", "-S", fault_calls.__file__, str(theirs.fileno()), *map(str, command)]
                program = subprocess.Popen(given, pass_fds=(theirs.fileno(),), **options)
            message, descriptors, _, _ = socket.recv_fds(ours, 200, 1)
        if not descriptors:
            program.wait(10)
            raise CannotInject(message.decode())
        self._program = program
        threading.Thread(target=self._supervise, args=(descriptors[0], program.pid), daemon=True).start()
        return program

    # --- what is to be done -----------------------------------------------------------------------------------------

    @contextmanager
    def recording(self) -> Iterator[list[Step]]:
        """The steps that the program takes meanwhile."""
        with self._obeying(_Order(None, "record")):
            yield self._steps

    @contextmanager
    def failing(self, step: Step, *, lasting: bool = False) -> Iterator[_Order]:
        """Meanwhile this step fails; ``lasting``: and what comes after it, as on a disk that is full now."""
        with self._obeying(_Order(step, "fail", lasting)) as order:
            yield order

    @contextmanager
    def killing(self, step: Step) -> Iterator[_Order]:
        """The program is killed when it comes to this step."""
        with self._obeying(_Order(step, "kill")) as order:
            yield order

    @contextmanager
    def _obeying(self, order: _Order) -> Iterator[_Order]:
        with self._lock:
            self._seen.clear()
            self._steps = []
            self._order = order
        try:
            yield order
        finally:
            with self._lock:
                self._order = None

    # --- in a thread of its own -------------------------------------------------------------------------------------

    def _supervise(self, listener: int, pid: int) -> None:
        poll = select.poll()
        poll.register(listener, select.POLLIN)
        try:
            while all(not events & select.POLLHUP for _, events in poll.poll()):
                question = bytearray(_QUESTION.size)
                with suppress(FileNotFoundError):  # it was killed meanwhile
                    fcntl.ioctl(listener, _RECEIVE, question)
                    number, thread, _, call, _, _, *arguments = _QUESTION.unpack(question)
                    error = self._judge(pid, thread, BY_NUMBER[call], arguments)
                    answer = _ANSWER.pack(number, 0, -error, 0 if error else _CONTINUE)
                    fcntl.ioctl(listener, _SEND, answer)
        finally:
            os.close(listener)

    def _judge(self, pid: int, thread: int, call: Call, arguments: list[int]) -> int:
        """The error with which the call fails; 0 to let it be."""
        with self._lock:
            order = self._order
            if order is None or not os.path.exists(f"/proc/{pid}/task/{thread}"):  # noqa: PTH110 # each call waits
                return 0
            place = self._place(pid, call, arguments)
            if place is None:
                return 0
            return self._obey(order, pid, call.name, place, _error(call, arguments))

    def _obey(self, order: _Order, pid: int, call: str, place: str, error: int) -> int:
        self._seen[call, place] += 1
        step = Step(call, place, self._seen[call, place])
        if order.kind == "record":
            self._steps.append(step)
        elif step == order.step:
            order.met, order.error = True, error
            if order.kind == "kill":
                os.kill(pid, signal.SIGKILL)
            return error
        elif order.met and order.lasting and error == order.error:
            return error
        return 0

    def _place(self, pid: int, call: Call, arguments: list[int]) -> str | None:
        """What the call works on, without what differs each time; None for what is no step of the program's."""
        if not call.place:
            return "" if _starts_process(pid, call.name, arguments) else None
        kind, *indexes = call.place.split(":")
        given = [arguments[int(index)] for index in indexes]
        folder = f"fd/{at}" if kind != "path" and (at := _signed(given[0])) >= 0 else "cwd"
        path = _link(pid, folder)
        if kind != "fd":
            path = os.path.normpath(os.path.join(path, _text(pid, given[-1])))  # noqa: PTH118 # each call waits
        if path == os.devnull:
            return path
        return _PASSING.sub("*", path.removeprefix(self._root)) if path.startswith(self._root) else None


def _error(call: Call, arguments: list[int]) -> int:
    creates = call.name == "openat" and arguments[2] & os.O_CREAT
    return errno.ENOSPC if creates else call.error


def _starts_process(pid: int, call: str, arguments: list[int]) -> bool:
    """Whether it is no mere thread that is made."""
    if call == "clone3":
        flags = int.from_bytes(_memory(pid, arguments[0], 8), "little")
    else:
        flags = arguments[0] if call == "clone" else 0
    return not flags & _THREAD


def _signed(descriptor: int) -> int:
    return ctypes.c_int(descriptor).value


def _link(pid: int, name: str) -> str:
    try:
        return str(Path(f"/proc/{pid}/{name}").readlink())
    except OSError:
        return ""


def _text(pid: int, address: int) -> str:
    return os.fsdecode(_memory(pid, address, _MOST_PATH).partition(b"\0")[0])


def _memory(pid: int, address: int, size: int) -> bytes:
    """Up to ``size`` bytes; what lies behind the end of a page may not be there."""
    try:
        with Path(f"/proc/{pid}/mem").open("rb", buffering=0) as memory:
            try:
                return os.pread(memory.fileno(), size, address)
            except OSError:
                return os.pread(memory.fileno(), 4096 - address % 4096, address)
    except OSError:
        return b""
