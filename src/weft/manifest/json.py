"""JSON with the line of every key: ``json`` for the values, a scan of the tokens for the lines."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

from weft.errors import ManifestError, Problem
from weft.manifest.document import Lines, bound_text, refusal
from weft.manifest.keys import MAX_DEPTH, MAX_NODES
from weft.manifest.rules import Key, dotted, show

TOKEN = re.compile(r'(?P<string>"(?:\\.|[^"\\])*")|(?P<mark>[\[\]{},:])|(?P<bare>[^\s"\[\]{},:]+)|\n')
COMMENT = re.compile(r"//|/\*|#")


def parse_json(text: str, path: Path) -> tuple[Any, Lines]:
    """The document and its lines. A key that is there twice, in any case, is a problem. Raises ManifestError."""
    bound_text(text, path)
    try:
        _bound(text, path)
        value = json.loads(text, parse_constant=_no_number)
    except json.JSONDecodeError as error:
        raise _invalid(error, text, path) from None
    except (ValueError, RecursionError) as error:
        raise refusal(path, f"is not valid JSON: {error}") from None
    scan = _Scan(text, path)
    if scan.problems:
        raise ManifestError(scan.problems)
    return value, scan.lines


def _invalid(error: json.JSONDecodeError, text: str, path: Path) -> ManifestError:
    if COMMENT.match(text, error.pos):
        return refusal(path, "has a comment, which JSON does not know", "take it out", error.lineno)
    return refusal(path, f"is not valid JSON: {error.msg}", line=error.lineno)


def _no_number(word: str) -> NoReturn:
    raise ValueError(f"{word} is no number")


def _bound(text: str, path: Path) -> None:
    """Refuse more levels or values than a manifest has, before anything is built."""
    depth = 0
    for count, (kind, mark, line) in enumerate(_tokens(text)):
        if kind == "mark":
            depth += (mark in "[{") - (mark in "]}")
        if depth > MAX_DEPTH or count > 4 * MAX_NODES:
            what = f"more than {MAX_DEPTH} levels" if depth > MAX_DEPTH else f"more than {MAX_NODES} values"
            raise refusal(path, f"has {what}", "keep data in files of its own", line)


def _tokens(text: str) -> Iterator[tuple[str, str, int]]:
    line = 1
    for match in TOKEN.finditer(text):
        if match.lastgroup is not None:
            yield match.lastgroup, match.group(), line
        line += match.group().count("\n")


class _Scan:
    """One pass over the tokens of a valid document."""

    def __init__(self, text: str, path: Path) -> None:
        self.lines: dict[Key, int] = {}
        self.problems: list[Problem] = []
        self._path = path
        self._tokens = _tokens(text)
        self._value(next(self._tokens), ())

    def _value(self, token: tuple[str, str, int], key: Key) -> None:
        kind, text, line = token
        self.lines.setdefault(key, line)
        if kind == "mark" and text == "{":
            self._object(key)
        elif kind == "mark":
            self._list(key)

    def _object(self, key: Key) -> None:
        seen: set[str] = set()
        while (token := self._after_comma())[1] != "}" or token[0] == "string":
            name = json.loads(token[1])
            if name.casefold() in seen:
                message = f"{show(name)} is there twice"
                self.problems.append(
                    Problem(str(self._path), token[2], dotted((*key, name)), message, "keep one of them")
                )
            seen.add(name.casefold())
            self.lines.setdefault((*key, name), token[2])
            next(self._tokens)  # the colon
            self._value(next(self._tokens), (*key, name))

    def _list(self, key: Key) -> None:
        number = 0
        while (token := self._after_comma())[:2] != ("mark", "]"):
            self._value(token, (*key, number))
            number += 1

    def _after_comma(self) -> tuple[str, str, int]:
        token = next(self._tokens)
        return next(self._tokens) if token[:2] == ("mark", ",") else token
