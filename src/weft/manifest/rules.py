"""How one key's value is checked: small rules that combine, each giving a value or every flaw that it found."""

from __future__ import annotations

import difflib
import unicodedata
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar

Key = tuple[str | int, ...]
"""A place in a document: ``("limits", "memory")``, ``("domains", 1)``."""
Rule = Callable[[Any], Any]
"""Takes a raw value, gives the checked one; raises Invalid."""

N = TypeVar("N", int, float)

MAX_TEXT = 16 * 1024
"""Characters of one text in a manifest."""


@dataclass(frozen=True)
class Flaw:
    """One thing wrong with a value; ``key`` is relative to that value."""

    message: str
    remedy: str = ""
    key: Key = ()


class Invalid(ValueError):  # noqa: N818 - it is a verdict that rules gather, never shown as it is
    """A value that its rule refuses, with every flaw in it."""

    def __init__(self, *flaws: Flaw) -> None:
        self.flaws = flaws
        super().__init__("; ".join(flaw.message for flaw in flaws))


def wrong(message: str, remedy: str = "") -> Invalid:
    """The refusal of one value."""
    return Invalid(Flaw(message, remedy))


def dotted(key: Key) -> str:
    """``limits.memory``, ``domains[1]``."""
    text = ""
    for part in key:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def show(value: object) -> str:
    """A value as an error message shows it: short, on one line."""
    text = {True: "true", False: "false"}[value] if isinstance(value, bool) else repr(value)
    return "nothing" if value is None else text if len(text) <= 60 else f"{text[:57]}…"


def suggestion(word: str, known: Collection[str]) -> str:
    """``did you mean 'provides'?``, or the list of what is known."""
    close = difflib.get_close_matches(word[:64].lower(), known, n=1)
    return f"did you mean '{close[0]}'?" if close else f"known: {', '.join(sorted(known))}"


def text(value: Any) -> str:
    """Any text without control characters other than line ends and tabs."""
    if not isinstance(value, str):
        remedy = f'write it in quotes: "{value}"' if isinstance(value, int | float) else ""
        raise wrong(f"expected text, found {show(value)}", remedy)
    if len(value) > MAX_TEXT:
        raise wrong(f"is {len(value)} characters long", f"at most {MAX_TEXT} are allowed")
    if any(unicodedata.category(c) in ("Cc", "Cs") and c not in "\t\r\n" for c in value):
        raise wrong("holds control characters", "remove them")
    return value


def word(value: Any) -> str:
    """A text that is not empty, on one line, with nothing but visible characters around it."""
    checked = text(value).strip()
    if not checked:
        raise wrong("is empty", "give it a value or leave the key out")
    if "\n" in checked or "\r" in checked:
        raise wrong("runs over several lines", "write it on one")
    return checked


def flag(value: Any) -> bool:
    """True or false."""
    if not isinstance(value, bool):
        raise wrong(f"expected true or false, found {show(value)}")
    return value


def integer(low: int, high: int) -> Rule:
    """A whole number within a range."""

    def rule(value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int):
            raise wrong(f"expected a whole number, found {show(value)}")
        return within(value, low, high, str)

    return rule


def within(value: N, low: N, high: N, write: Callable[[N], str]) -> N:
    """The value, when it lies between ``low`` and ``high``; ``write`` puts a bound into words."""
    if not low <= value <= high:
        raise wrong(f"{write(value)} is out of range", f"from {write(low)} to {write(high)}")
    return value


def one_of(*choices: str) -> Rule:
    """One of a few words."""

    def rule(value: Any) -> str:
        if not isinstance(value, str):
            raise wrong(f"expected one of {', '.join(choices)}, found {show(value)}")
        if value not in choices:
            raise wrong(f"{show(value)} is not known", suggestion(value, choices))
        return value

    return rule


def each(rule: Rule, *, least: int = 0) -> Rule:
    """A list, every item by ``rule``; a single text stands for a list of one. Gives a tuple."""

    def checked(value: Any) -> tuple[Any, ...]:
        items = [value] if isinstance(value, str) else value
        if not isinstance(items, list):
            raise wrong(f"expected a list, found {show(value)}")
        if len(items) < least:
            raise wrong("is empty", "name at least one or leave the key out")
        return tuple(_gather(enumerate(items), lambda _: rule).values())

    return checked


def table(rules: Mapping[str, Rule], build: Callable[..., Any]) -> Rule:
    """A table with known keys, each by its rule; ``build`` gets the checked ones by name."""

    def pick(key: str | int) -> Rule:
        return rules[key] if key in rules else _unknown(str(key), rules)  # type: ignore[index]

    return lambda value: build(**_gather(mapping(value).items(), pick))


def entries(name: Rule, rule: Rule) -> Rule:
    """A table with free keys, each by ``name``, and values by ``rule``. Gives a dict."""

    def both(key: str | int) -> Rule:
        name(key)
        return rule

    return lambda value: _gather(mapping(value).items(), both)


def mapping(value: Any) -> dict[str, Any]:
    """A table."""
    if not isinstance(value, dict):
        raise wrong(f"expected a table, found {show(value)}")
    return value


def _unknown(key: str, known: Mapping[str, Rule]) -> Rule:
    def rule(_: Any) -> None:
        raise wrong("is not a known key", suggestion(key, known))

    return rule


def _gather(items: Any, pick: Callable[[str | int], Rule]) -> dict[Any, Any]:
    """Check every item; raise with all their flaws, each with its place, when there is one."""
    values: dict[Any, Any] = {}
    flaws: list[Flaw] = []
    for key, item in items:
        try:
            values[key] = pick(key)(item)
        except Invalid as invalid:
            flaws += [replace(flaw, key=(key, *flaw.key)) for flaw in invalid.flaws]
    if flaws:
        raise Invalid(*flaws)
    return values
