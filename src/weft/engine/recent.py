"""What a plugin printed of late."""

from __future__ import annotations

from collections import deque

from weft.errors import UsageError
from weft.types import LEVELS, OutputLine

KEPT = 1000
"""Lines of one plugin that are kept."""


class Recent:
    """The last lines of one plugin; runtimes bound how long each is."""

    def __init__(self) -> None:
        self._lines: deque[OutputLine] = deque(maxlen=KEPT)

    def add(self, line: OutputLine) -> None:
        """One more; past ``KEPT`` the oldest goes."""
        self._lines.append(line)

    def lines(self, *, level: str = "trace") -> tuple[OutputLine, ...]:
        """Those of ``level`` and above, oldest first. Raises UsageError for a level that there is not."""
        if level not in LEVELS:
            raise UsageError(f"there is no level {level!r}: expected {', '.join(LEVELS)}")
        wanted = LEVELS[LEVELS.index(level) :]
        return tuple(line for line in self._lines if line.level in wanted)
