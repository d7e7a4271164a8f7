"""What a reader makes of a source: our keys as raw values, and where each of them stands."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from weft.errors import ManifestError, Problem
from weft.manifest.rules import Flaw, Key, dotted

MAX_BYTES = 1024 * 1024
"""Largest file that is read: a single-file plugin's source."""
MAX_CHARACTERS = 256 * 1024
"""Longest TOML or YAML text: their parsers are slow enough for more to be a way to keep a server busy."""
MAX_LINE = 16 * 1024
"""Longest line of such a text, in characters: some parsers take quadratic time for one token."""

Lines = Mapping[Key, int]
"""Lines, from 1, by the place in the file."""


@dataclass(frozen=True, kw_only=True)
class Document:
    """One manifest, read and not yet checked."""

    path: Path
    """The file that problems name."""
    form: str
    table: Any
    """Our keys, nested, with raw values; anything else is a problem to be reported."""
    name: str
    """The file's or folder's name, for a manifest that gives none."""
    version: str | None = None
    """The version of a manifest that gives none; None: it must give one."""
    entry: Callable[[], str | None] = field(default=lambda: None)
    """Finds the entry of a manifest that gives none, in the source, importing nothing."""
    lock: Path | None = None
    more: Mapping[str, Any] = field(default_factory=dict)
    """Fields of the manifest that only this form has, checked by its reader."""
    lines: Lines = field(default_factory=dict)
    prefix: Key = ()
    """Where our table lies in the file."""
    origins: Mapping[Key, Key] = field(default_factory=dict)
    """Our keys that stand elsewhere in the file: ``("version",)`` is ``("project", "version")``."""
    problems: tuple[Problem, ...] = ()
    flaws: tuple[Flaw, ...] = ()
    """What the reader itself has found wrong: in the file, and in our keys."""
    notes: tuple[Problem, ...] = ()

    def problem(self, flaw: Flaw) -> Problem:
        """The flaw with its path, line, and its key as the file has it."""
        for end in range(len(flaw.key), 0, -1):
            if (origin := self.origins.get(flaw.key[:end])) is not None:
                place = (*origin, *flaw.key[end:])
                return Problem(str(self.path), self._line(place), dotted(place), flaw.message, flaw.remedy)
        line = self._line((*self.prefix, *flaw.key))
        return Problem(str(self.path), line, dotted(flaw.key), flaw.message, flaw.remedy)

    def _line(self, place: Key) -> int | None:
        """The line of the place, or of the nearest thing around it."""
        for end in range(len(place), 0, -1):
            if (line := self.lines.get(place[:end])) is not None:
                return line
        return None


def refusal(path: Path, message: str, remedy: str = "", line: int | None = None) -> ManifestError:
    """An error about a file as a whole."""
    return ManifestError([Problem(str(path), line, "", message, remedy)])


def bound_text(text: str, path: Path, offset: int = 0) -> None:
    """Refuse a TOML or YAML text, or a line of one, that is longer than manifests are."""
    if len(text) > MAX_CHARACTERS:
        raise refusal(path, f"has a manifest larger than {MAX_CHARACTERS // 1024} KiB", "keep data in files of its own")
    for number, line in enumerate(text.split("\n"), offset + 1):
        if len(line) > MAX_LINE:
            raise refusal(path, f"has a line longer than {MAX_LINE} characters", "break it up", number)


def read_text(path: Path) -> str:
    """A manifest's text: UTF-8, at most MAX_BYTES, a regular file. Raises ManifestError."""
    try:
        if not path.is_file():
            raise refusal(path, "is not a file" if path.exists() else "does not exist")
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise refusal(path, f"could not be read: {error.strerror or error}") from error
    if len(data) > MAX_BYTES:
        raise refusal(path, f"is larger than {MAX_BYTES // 1024} KiB", "keep data in files of its own")
    try:
        return data.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise refusal(path, "is not UTF-8 text", "save it in UTF-8", line) from None
