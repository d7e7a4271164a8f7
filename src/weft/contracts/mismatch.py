"""What is said of a value that is not of its shape."""

from __future__ import annotations

from typing import Any, List

MOST = 100
"""Characters of a value, or of a path, that are shown at most."""


class Mismatch(Exception):  # noqa: N818 - what happened, as in weft.errors
    """A value is not what its shape says. ``path`` leads to it: ``image``, or ``items[3].width``; '' is the whole.

    ``expected`` is the shape as Python writes it; ``found`` a type, or a value where its type would not explain it.
    """

    def __init__(self, expected: str, found: str, path: str = "") -> None:
        super().__init__(expected, found, path)
        self.expected = expected
        self.found = found
        self._parts: List[str] = [path] if path else []

    def within(self, part: str) -> Mismatch:
        """The same, seen from one step further out: ``part`` is a name, ``.name`` or ``[index]``."""
        self._parts.append(part)
        return self

    @property
    def path(self) -> str:
        return shorten("".join(reversed(self._parts[-MOST:])).lstrip("."))

    def __str__(self) -> str:
        where = f"{self.path}: " if self._parts else ""
        return f"{where}expected {self.expected}, found {self.found}"


def shorten(text: str) -> str:
    """``text``, or its first 100 characters."""
    return text if len(text) <= MOST else text[: MOST - 1] + "…"


def show(value: Any) -> str:
    """A value as an error may show it: its repr, never more than 100 characters, never by its own code at length."""
    if isinstance(value, (str, bytes, bytearray)):
        return shorten(repr(value[:MOST]))
    if value is None or isinstance(value, (bool, float)) or (isinstance(value, int) and value.bit_length() < 200):
        return shorten(repr(value))
    return f"{article(type(value).__name__)}"


def article(name: str) -> str:
    return f"{'an' if name[:1].lower() in 'aeiou' else 'a'} {name}"


def of(value: Any) -> str:
    """What a value of the wrong type is called: its type's name."""
    return "None" if value is None else shorten(type(value).__name__)
