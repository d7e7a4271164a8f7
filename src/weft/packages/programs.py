"""Running a program to its end: a deadline, no process left behind, output streamed and kept within bounds."""

from __future__ import annotations

import asyncio
import os
import signal
import tempfile
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from weft.types import Progress

_BLOCK = 64 * 1024
_LONGEST_LINE = 16 * 1024
_LINES_KEPT = 400
_LAST_WORDS = 1.0
"""Seconds for the output of a killed program to end."""
_OUTPUT_KEPT = 64 * 1024 * 1024


@dataclass(frozen=True)
class Finished:
    """A program that ended: exit code, standard output (at most 64 MiB), the last 400 lines of standard error."""

    code: int
    output: str
    errors: str


def quiet(_line: str) -> None:
    """Progress that nobody watches."""


async def run(
    command: Sequence[str | Path],
    *,
    env: Mapping[str, str],
    cwd: Path,
    deadline: float,
    given: str = "",
    holding: Sequence[int] = (),
    progress: Progress = quiet,
) -> Finished:
    """Run ``command`` with ``given`` as its standard input; each line of standard error goes to ``progress``.

    The program leads a process group of its own, which is killed when the call is cancelled, or after ``deadline``
    seconds (TimeoutError). It inherits the descriptors ``holding``. Raises OSError where the program cannot be started.
    """
    with tempfile.TemporaryFile() as source, tempfile.TemporaryFile() as output:
        source.write(given.encode())
        source.seek(0)
        process = await asyncio.create_subprocess_exec(
            *command, stdin=source, stdout=output, stderr=asyncio.subprocess.PIPE, env=env, cwd=cwd,
            start_new_session=True, pass_fds=holding,
        )  # fmt: skip
        errors = await _watch(process, deadline, progress)
        return Finished(process.returncode or 0, _content(output), "\n".join(errors))


async def _watch(process: asyncio.subprocess.Process, deadline: float, progress: Progress) -> deque[str]:
    assert process.stderr is not None
    kept: deque[str] = deque(maxlen=_LINES_KEPT)
    try:
        async with asyncio.timeout(deadline):
            await _read_lines(process.stderr, kept, progress)
            await process.wait()
    except BaseException:
        await _kill(process, process.stderr)
        raise
    return kept


async def _kill(process: asyncio.subprocess.Process, errors: asyncio.StreamReader) -> None:
    with suppress(ProcessLookupError):  # it ended by itself in the meantime
        os.killpg(process.pid, signal.SIGKILL)
    cancelled: asyncio.CancelledError | None = None
    while True:
        try:
            await _gone(process, errors)
        except asyncio.CancelledError as once_more:  # as a loop does that ends: the process would be left in it
            cancelled = once_more
        else:
            break
    if cancelled is not None:
        raise cancelled


async def _gone(process: asyncio.subprocess.Process, errors: asyncio.StreamReader) -> None:
    await process.wait()
    with suppress(TimeoutError):  # a stranger that left the group holds the pipe open: it is not waited for
        async with asyncio.timeout(_LAST_WORDS):
            while await errors.read(_BLOCK):
                continue
    await asyncio.sleep(0)  # lets the pipe's end be noted, after which nothing of the process is left in the loop


async def _read_lines(stream: asyncio.StreamReader, kept: deque[str], progress: Progress) -> None:
    def take(line: bytes) -> None:
        text = line[:_LONGEST_LINE].decode(errors="replace").rstrip()
        kept.append(text)
        progress(text)

    rest = b""
    while block := await stream.read(_BLOCK):
        *lines, rest = (rest + block).split(b"\n")
        rest = rest[:_LONGEST_LINE]
        for line in lines:
            take(line)
    if rest:
        take(rest)


def _content(output: IO[bytes]) -> str:
    output.seek(0)
    return output.read(_OUTPUT_KEPT).decode(errors="replace")
