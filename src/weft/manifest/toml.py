"""TOML with the line of every key: ``tomllib`` for the values, a scan of the tokens for the lines."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from weft.manifest.document import Lines, bound_text, refusal
from weft.manifest.rules import Key

MAX_DOTS = 200
"""Dots in one line: a key of thousands of parts takes tomllib quadratic time."""

TOKEN = re.compile(
    r"""
      (?P<string> \"{3} (?:\\.|[^\\])*? \"{3,5} | '{3} .*? '{3,5} | "(?:\\.|[^"\\\n])*" | '[^'\n]*' )
    | (?P<skip>   \#[^\n]* | [ \t\r]+ )
    | (?P<mark>   [\[\]{}=,.\n] )
    | (?P<bare>   [^\s"'\#\[\]{}=,.]+ )
    """,
    re.VERBOSE | re.DOTALL,
)
AT_LINE = re.compile(r"\(at line (\d+), column \d+\)")


def parse_toml(text: str, path: Path, offset: int = 0) -> tuple[dict[str, Any], Lines]:
    """The document and its lines, ``offset`` added to each. Raises ManifestError."""
    bound_text(text, path, offset)
    for number, line in enumerate(text.split("\n"), 1):
        if line.count(".") > MAX_DOTS:
            raise refusal(path, f"has more than {MAX_DOTS} dots in one line", "break it up", number + offset)
    try:
        parsed = tomllib.loads(text)
        lines = toml_lines(text)
    except tomllib.TOMLDecodeError as error:
        at = AT_LINE.search(str(error))
        line_number = int(at[1]) if at else text.count("\n") + 1
        message = AT_LINE.sub("", str(error)).strip()
        raise refusal(path, f"is not valid TOML: {message}", line=line_number + offset) from None
    except (RecursionError, ValueError) as error:
        what = "is nested too deeply" if isinstance(error, RecursionError) else f"is not valid TOML: {error}"
        raise refusal(path, what) from None
    return parsed, {key: line + offset for key, line in lines.items()}


def toml_lines(text: str) -> dict[Key, int]:
    """The line of every key, table and list item of a document that tomllib accepts."""
    return _Scan(text).lines


class _Scan:
    """One pass over the tokens of a valid document."""

    def __init__(self, text: str) -> None:
        self.lines: dict[Key, int] = {}
        self._tables: dict[Key, int] = {}
        self._tokens = self._read(text)
        self._kind, self._text, self._line = "", "", 0
        self._next()
        table: Key = ()
        while self._kind != "end":
            if self._text == "[":
                table = self._header()
            elif self._kind == "mark":
                self._next()
            else:
                self._pair(table)

    @staticmethod
    def _read(text: str) -> Iterator[tuple[str, str, int]]:
        line = 1
        for match in TOKEN.finditer(text):
            kind = str(match.lastgroup)
            if kind != "skip":
                yield kind, match.group(), line
            line += match.group().count("\n")
        yield "end", "", line

    def _next(self) -> None:
        self._kind, self._text, self._line = next(self._tokens, ("end", "", self._line))

    def _mark(self, *texts: str) -> bool:
        return self._kind == "end" or (self._kind == "mark" and self._text in texts)

    def _note(self, key: Key, line: int) -> None:
        """The key, and the tables that it names for the first time."""
        for end in range(1, len(key) + 1):
            self.lines.setdefault(key[:end], line)

    def _key(self) -> Key:
        """A dotted key, up to the mark that ends it."""
        parts: list[str] = []
        while not self._mark("=", "]", "\n", "}"):
            if self._kind != "mark":
                parts.append(_unquote(self._text) if self._kind == "string" else self._text)
            self._next()
        return tuple(parts)

    def _header(self) -> Key:
        """``[table]``, or ``[[table]]``, whose items are numbered."""
        line, brackets = self._line, 0
        while self._mark("[") and self._kind != "end":
            brackets += 1
            self._next()
        key = self._key()
        if brackets == 2:
            number = self._tables[key] = self._tables.get(key, -1) + 1
            key = (*key, number)
        self._note(key, line)
        while not self._mark("\n"):
            self._next()
        return key

    def _pair(self, table: Key) -> None:
        line = self._line
        key = (*table, *self._key())
        self._note(key, line)
        self._next()
        self._value(key)

    def _value(self, key: Key) -> None:
        """Up to the mark that ends the value, which is left standing."""
        if self._mark("["):
            self._list(key)
        elif self._mark("{"):
            self._inline(key)
        while not self._mark(",", "]", "}", "\n"):
            self._next()

    def _list(self, key: Key) -> None:
        self._next()
        number = 0
        while not self._mark("]"):
            if self._mark(",", "\n"):
                self._next()
                continue
            self._note((*key, number), self._line)
            self._value((*key, number))
            number += 1
        self._next()

    def _inline(self, table: Key) -> None:
        self._next()
        while not self._mark("}"):
            if self._mark(",", "\n"):
                self._next()
            else:
                self._pair(table)
        self._next()


def _unquote(text: str) -> str:
    """A quoted key's text."""
    return next(iter(tomllib.loads(f"{text} = 0")))
