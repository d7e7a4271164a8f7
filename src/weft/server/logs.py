"""What plugins print: kept per plugin, with level and time, bounded on the disk.

``STATE/logs/NAME/NUMBER.jsonl``: segments of JSON lines; when a plugin has more than its share the oldest segment
goes. Lines are written off the loop, in batches; what comes faster than the disk takes is dropped, counted and noted.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter, defaultdict, deque
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import msgspec
import structlog

from weft.engine.followers import Followers
from weft.types import LEVELS, OutputLine

MAX_TEXT = 8 * 1024
"""Bytes of one text; what is longer is cut."""
MAX_WAITING = 10_000
"""Lines of one plugin that wait for the disk; how long they are is bounded where they come from."""
SEGMENTS = 8
"""Parts that a plugin's log is kept in."""
_BATCH_DELAY = 0.05
"""Seconds in which lines gather before they are written."""

_decoder = msgspec.json.Decoder(OutputLine)
_encoder = msgspec.json.Encoder()
_log = structlog.get_logger("weft.logs")


class Logs:
    """The output of every plugin. ``bytes_each`` is what is kept per plugin; call ``run`` in a task of its own."""

    def __init__(self, folder: Path, *, bytes_each: int) -> None:
        self._folder = folder
        self._bytes = bytes_each
        self._waiting: defaultdict[str, list[OutputLine]] = defaultdict(list)
        self._dropped: Counter[str] = Counter()
        self._arrived = asyncio.Event()
        self._followers: defaultdict[str, Followers[OutputLine]] = defaultdict(Followers)
        self._writing = asyncio.Lock()

    def accept(self, plugin: str, line: OutputLine) -> None:
        """Take one line; never blocks."""
        line = _cut(line)
        waiting = self._waiting[plugin]
        if len(waiting) >= MAX_WAITING:
            self._dropped[plugin] += 1
            return
        waiting.append(line)
        self._arrived.set()
        if plugin in self._followers:
            self._followers[plugin].tell(line)

    async def run(self) -> None:
        """Write what arrives, until cancelled; call ``flush`` after."""
        while True:
            await self._arrived.wait()
            await asyncio.sleep(_BATCH_DELAY)
            await self.flush()

    async def flush(self) -> None:
        """Write everything that has arrived."""
        async with self._writing:
            await self._write(self._take())

    async def _write(self, batch: dict[str, list[OutputLine]]) -> None:
        for plugin, lines in batch.items():
            try:
                await asyncio.to_thread(_append, self._folder / plugin, lines, self._bytes)
            except OSError as error:
                _log.warning("plugin output is lost", plugin=plugin, lines=len(lines), reason=str(error))

    def _take(self) -> dict[str, list[OutputLine]]:
        self._arrived.clear()
        batch, self._waiting = self._waiting, defaultdict(list)
        for plugin, count in self._dropped.items():
            note = f"{count} lines are missing here: they came faster than they could be written"
            batch[plugin].append(OutputLine(time.time(), "warning", note, "host"))
        self._dropped.clear()
        return batch

    async def read(self, plugin: str, *, level: str = "trace", tail: int | None = None) -> list[OutputLine]:
        """The lines of ``level`` and above, oldest first; with ``tail``, the last so many."""
        await self.flush()
        return await asyncio.to_thread(_read, self._folder / plugin, _levels(level), tail)

    async def follow(self, plugin: str, *, level: str = "trace", tail: int | None = None) -> AsyncIterator[OutputLine]:
        """What ``read`` gives, then every new line. A slow consumer misses the oldest."""
        wanted = _levels(level)
        with ExitStack() as stack:
            async with self._writing:
                batch = self._take()
                # In one turn with the taking: no line is missed, none comes twice.
                queue = stack.enter_context(self._followers[plugin].following())
                await self._write(batch)
                before = await asyncio.to_thread(_read, self._folder / plugin, wanted, tail)
            for line in before:
                yield line
            while True:
                line = await queue.get()
                if line.level in wanted:
                    yield line

    async def remove(self, plugin: str) -> None:
        """Delete what a plugin printed."""
        await self.flush()
        async with self._writing:
            await asyncio.to_thread(_remove, self._folder / plugin)


def _cut(line: OutputLine) -> OutputLine:
    if len(line.text) <= MAX_TEXT // 4 or len(line.text.encode("utf-8", "replace")) <= MAX_TEXT:
        return line
    kept = line.text.encode("utf-8", "replace")[:MAX_TEXT].decode("utf-8", "ignore")
    return replace(line, text=kept + "…")


def _levels(least: str) -> frozenset[str]:
    return frozenset(LEVELS[LEVELS.index(least) :])


# --- the files, off the loop ----------------------------------------------------------------------------------------


def _segments(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.jsonl"))


def _append(folder: Path, lines: Iterable[OutputLine], most: int) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for chunk in _chunks(lines, most // SEGMENTS):
        segments = _segments(folder)
        newest = segments[-1] if segments else folder / "00000001.jsonl"
        if newest.exists() and newest.stat().st_size + len(chunk) > most // SEGMENTS:
            newest = folder / f"{int(newest.stem) + 1:08d}.jsonl"
        with newest.open("ab") as file:
            file.write(chunk)
        _trim(folder, most)


def _chunks(lines: Iterable[OutputLine], most: int) -> Iterator[bytes]:
    chunk = bytearray()
    for line in lines:
        encoded = _encoder.encode(line) + b"\n"
        if chunk and len(chunk) + len(encoded) > most:
            yield bytes(chunk)
            chunk.clear()
        chunk += encoded
    yield bytes(chunk)


def _trim(folder: Path, most: int) -> None:
    segments = _segments(folder)
    total = sum(segment.stat().st_size for segment in segments)
    for oldest in segments[:-1]:
        if total <= most:
            return
        total -= oldest.stat().st_size
        oldest.unlink()


def _read(folder: Path, levels: frozenset[str], tail: int | None) -> list[OutputLine]:
    found: deque[OutputLine] = deque()
    for segment in reversed(_segments(folder)):
        found.extendleft(line for line in reversed(_lines(segment)) if line.level in levels)
        if tail is not None and len(found) >= tail:
            break
    return list(found) if tail is None else list(found)[max(len(found) - tail, 0) :]


def _lines(segment: Path) -> list[OutputLine]:
    lines = []
    for raw in segment.read_bytes().splitlines():
        try:
            lines.append(_decoder.decode(raw))
        except msgspec.DecodeError:
            continue  # a line that a crash or a full disk cut in the middle
    return lines


def _remove(folder: Path) -> None:
    for segment in _segments(folder):
        segment.unlink()
    if folder.exists():
        folder.rmdir()
