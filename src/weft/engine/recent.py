"""What a plugin printed of late."""

from __future__ import annotations

from collections import deque

from weft.errors import UsageError
from weft.types import LEVELS, OutputLine

KEPT = 1000
"""Lines of one plugin that are kept."""
KEPT_CHARACTERS = 2 * 1024 * 1024
"""Characters of these lines, their fields and all."""


class Recent:
    """The last lines of one plugin; runtimes bound how long each is."""

    def __init__(self) -> None:
        self._lines: deque[tuple[OutputLine, int]] = deque()
        self._characters = 0

    def add(self, line: OutputLine) -> None:
        """One more; past ``KEPT`` and ``KEPT_CHARACTERS`` the oldest go."""
        size = len(line.text) + (len(str(line.fields)) if line.fields else 0)
        self._lines.append((line, size))
        self._characters += size
        while len(self._lines) > KEPT or self._characters > KEPT_CHARACTERS:
            self._characters -= self._lines.popleft()[1]

    def lines(self, *, level: str = "trace") -> tuple[OutputLine, ...]:
        """Those of ``level`` and above, oldest first. Raises UsageError for a level that there is not."""
        if level not in LEVELS:
            raise UsageError(f"there is no level {level!r}: expected {', '.join(LEVELS)}")
        wanted = LEVELS[LEVELS.index(level) :]
        return tuple(line for line, _ in self._lines if line.level in wanted)
