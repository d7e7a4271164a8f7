"""What a plugin prints: bytes in, lines with level and time out, however much it prints."""

from __future__ import annotations

import time
from collections.abc import Callable

from weft.runtimes.launch import Output
from weft.runtimes.process.records import read_line
from weft.sdk.output import MAX_RECORD
from weft.types import OutputLine

BURST = 4 * 1024 * 1024
"""Bytes that may come at once."""
RATE = 1024 * 1024
"""Bytes per second that are kept in the long run; what is more is dropped, and said."""
LINE_COST = 128
"""Bytes that a line counts for beside its own: to the host, the shortest lines are as dear as long ones."""


class OutputReader:
    """One stream of one process. ``feed`` cuts it into lines; what comes too fast is dropped and counted."""

    def __init__(self, stream: str, output: Output, clock: Callable[[], float] = time.time) -> None:
        self._stream = stream
        self._output = output
        self._clock = clock
        self._rest = b""
        self._allowance = float(BURST)
        self._filled_at = clock()
        self._dropped = 0

    def feed(self, data: bytes) -> None:
        """Take the next bytes."""
        now = self._clock()
        if not self._admit(len(data), data.count(b"\n"), now):
            self._dropped += len(data) + len(self._rest)
            self._rest = b""
            return
        if self._dropped:
            data = self._resume(data, now)
        *lines, rest = (self._rest + data).split(b"\n")
        self._rest = rest[:MAX_RECORD]
        for line in lines:
            self._emit(line, now)

    def close(self) -> None:
        """The stream ended: what is left is a line."""
        now = self._clock()
        self._tell_dropped(now)
        if self._rest:
            self._emit(self._rest, now)
            self._rest = b""

    def _admit(self, size: int, lines: int, now: float) -> bool:
        self._allowance = min(BURST, self._allowance + max(0.0, now - self._filled_at) * RATE)
        self._filled_at = now
        cost = size + lines * LINE_COST
        if self._allowance < cost:
            return False
        self._allowance -= cost
        return True

    def _resume(self, data: bytes, now: float) -> bytes:
        """What comes after the line whose beginning was dropped."""
        rest, end, data = data.partition(b"\n")
        self._dropped += len(rest) + len(end)
        if end:
            self._tell_dropped(now)
        return data

    def _tell_dropped(self, now: float) -> None:
        if self._dropped:
            text = f"… {self._dropped} bytes of {self._stream} were dropped: they came faster than they are kept …"
            self._dropped = 0
            self._output(OutputLine(now, "warning", text, "host"))

    def _emit(self, line: bytes, now: float) -> None:
        for each in read_line(line[:MAX_RECORD], self._stream, now):
            self._output(each)
