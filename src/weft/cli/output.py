"""What commands print: text for people, tables and colours on a terminal only, JSON for programs."""

from __future__ import annotations

import json as jsons
import sys
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from weft.errors import WeftError
from weft.types import harmless

_NOT_IN_CELLS = str.maketrans({"\n": "\\n", "\t": "\\t", "\x1b": "\\x1b"})


class Output:
    """Results go to stdout; progress and errors to stderr, but for ``json``, where an error is the result."""

    def __init__(self, *, json: bool, debug: bool) -> None:
        self.json = json
        self.debug = debug

    def result(self, value: Any, text: str = "") -> None:
        """What the command did: ``value`` as JSON, or ``text``."""
        if self.json:
            print(jsons.dumps(value, indent=2, default=str))
        elif text:
            print(harmless(text))

    def line(self, value: Any, text: str) -> None:
        """One of many results, as it comes: one JSON object, or one text, per line."""
        print(jsons.dumps(value, default=str) if self.json else harmless(text), flush=True)

    def json_result(self, value: Any) -> None:
        """A result that is JSON for people, too."""
        print(jsons.dumps(value, indent=2))

    def json_line(self, value: Any) -> None:
        """One of many results that are JSON for people, too; as it comes."""
        print(jsons.dumps(value), flush=True)

    def say(self, text: str) -> None:
        """A line of a server's life."""
        self.line({"message": text}, text)

    def table(self, value: Any, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Columns of text under their names; cells are whole, however narrow the terminal."""
        if self.json:
            self.result(value)
            return
        header, *lines = aligned([[column.upper() for column in columns], *rows])
        print(f"\x1b[1m{header}\x1b[0m" if sys.stdout.isatty() else header, *lines, sep="\n")

    def progress(self, text: str) -> None:
        """How something long goes on."""
        if not self.json:
            print(harmless(text), file=sys.stderr, flush=True)

    @contextmanager
    def busy(self, text: str) -> Iterator[None]:
        """Something that may take more than a second; shown as long as it does, on a terminal."""
        if self.json or not sys.stderr.isatty():
            yield
            return
        from rich.console import Console

        with Console(stderr=True).status(text):
            yield

    def error(self, error: Exception) -> None:
        """What went wrong, without our own traceback; a plugin's own is shown."""
        if self.json:
            self.result(_described(error))
        else:
            print(f"{_paint('error:')} {harmless(_message(error))}", file=sys.stderr)
            if text := getattr(error, "traceback", ""):
                print(harmless(text.rstrip()), file=sys.stderr)
            for note in getattr(error, "__notes__", ()):
                print(harmless(note), file=sys.stderr)
        if self.debug:
            traceback.print_exception(error)


def _paint(word: str) -> str:
    return f"\x1b[1;31m{word}\x1b[0m" if sys.stderr.isatty() else word


def _message(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return str(error)


def _described(error: Exception) -> Any:
    body = getattr(error, "body", None)
    if body is None and isinstance(error, WeftError):
        from weft.server.management.problems import describe

        body = describe(error)
    return body or {"error": {"type": type(error).__name__, "message": _message(error)}}


def aligned(lines: Sequence[Sequence[str]]) -> list[str]:
    """Each line's cells under those of the line before; nothing in a cell ends its line, or colours others."""
    cells = [[harmless(cell).translate(_NOT_IN_CELLS) for cell in line] for line in lines]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return ["  ".join(map(str.ljust, line, widths)).rstrip() for line in cells]
