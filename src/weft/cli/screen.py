"""A terminal's whole screen, for what is drawn again and again until a key ends it."""

from __future__ import annotations

import os
import select
import sys
import termios
import time
import tty
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from weft.cli.output import aligned

_END = frozenset(b"qQ\x04")
"""Keys that end it, and that of the end of a file."""
_GAP = 2
"""Columns between two cells."""


class Screen:
    """See ``screen``."""

    def __init__(self, console: Console, live: Live) -> None:
        self._console = console
        self._live = live

    def draw(self, columns: Sequence[str], rows: Sequence[Sequence[str]], dispensable: Sequence[str]) -> None:
        """A table, as much of it as there is room for: see ``fitting``."""
        width, height = self._console.size
        columns, rows = fitting(columns, rows, dispensable, width)
        room = max(1, height - 2)
        header, *lines = aligned([[column.upper() for column in columns], *rows])
        if len(lines) > room:
            lines[room:] = [f"… and {len(lines) - room} more"]
        texts = [Text(header, style="bold", no_wrap=True), *(Text(line, no_wrap=True) for line in lines)]
        self._live.update(Group(*texts), refresh=True)

    def ended_within(self, seconds: float) -> bool:
        """Wait that long for a key that ends it (q); whether one came."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            if select.select([sys.stdin], [], [], left)[0]:
                keys = os.read(sys.stdin.fileno(), 64)
                if not keys or _END & set(keys):
                    return True
        return False


@contextmanager
def screen() -> Iterator[Screen]:
    """The screen for as long as this is open; all is as before afterwards. stdin and stdout must be terminals."""
    console = Console()
    before = termios.tcgetattr(sys.stdin)
    tty.setcbreak(sys.stdin)
    try:
        with Live(console=console, screen=True, auto_refresh=False) as live:
            yield Screen(console, live)
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)


def fitting(
    columns: Sequence[str], rows: Sequence[Sequence[str]], dispensable: Sequence[str], width: int
) -> tuple[list[str], list[list[str]]]:
    """The columns that fit into ``width`` cells, and the rows with these; of the ``dispensable`` the first go first."""
    widths = {name: max(map(len, cells)) for name, *cells in zip(columns, columns, *rows, strict=True)}
    left = list(columns)
    for name in dispensable:
        if sum(widths[each] for each in left) + _GAP * (len(left) - 1) <= width:
            break
        left.remove(name)
    places = [columns.index(name) for name in left]
    return left, [[row[place] for place in places] for row in rows]
