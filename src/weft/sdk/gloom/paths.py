r"""Patterns of paths as Fiber has them, matched without backtracking: no path makes one slow.

``:name`` is one segment, or what of it comes before the next text of the pattern; ``:name?`` may be empty, and then
the slash before it may be missing; ``*`` is anything, also nothing; ``+`` is anything but nothing. ``\`` makes the next
character ordinary. Of parameters that follow each other directly, each but the last takes one character. ``{name}`` is
as ``:name``, ``{name:path}`` as ``*``.
"""

from __future__ import annotations

import re
from typing import Dict, Iterator, List, NamedTuple, Optional, Sequence, Union

_TOKEN = re.compile(
    r":(?P<name>[^?:/\-.*+\\<{}]+)(?P<optional>\??)(?P<constraint><?)"
    r"|(?P<wildcard>[*+])"
    r"|\{(?P<braced>\w+)(?P<rest>(?::path)?)\}"
    r"|\\(?P<escaped>.)"
    r"|(?P<plain>.)",
    re.DOTALL,
)
_LOWER = {upper: upper + 32 for upper in range(ord("A"), ord("Z") + 1)}
"""ASCII alone: a path keeps its length."""


class Constant(NamedTuple):
    """Text that stands in the path as it is."""

    text: str
    optional_slash: bool = False
    """Where the path ends before its last character, a slash, it is there all the same."""

    def length(self, path: str, start: int) -> int:
        """Characters of ``path`` from ``start`` that it takes; -1 where it does not match."""
        if path.startswith(self.text, start):
            return len(self.text)
        return len(self.text) - 1 if self.optional_slash and path[start:] == self.text[:-1] else -1


class Parameter(NamedTuple):
    """What is named. ``until``: the text that ends it, or ''; ``repeats``: how often the pattern has that later."""

    name: str
    optional: bool = False
    greedy: bool = False
    until: str = ""
    repeats: int = 0
    single: bool = False
    last: bool = False

    def length(self, path: str, start: int) -> int:
        """As for a Constant."""
        taken = self._greedy(path, start) if self.greedy else self._plain(path, start)
        return taken if taken or self.optional else -1

    def _greedy(self, path: str, start: int) -> int:
        if not (self.until or self.last):
            return 0
        end = len(path)
        for _ in range(self.repeats):
            found = path.rfind(self.until, start, end)
            if found < 0:
                break
            end = found
        return end - start

    def _plain(self, path: str, start: int) -> int:
        slash = path.find("/", start)
        end = len(path) if slash < 0 else slash
        if self.single:
            return min(1, end - start)
        if self.until and not self.last:
            found = path.find(self.until, start)
            if found > end:  # what is searched lies in another segment
                return 0
            end = found if found >= 0 else end
        return end - start


Segment = Union[Constant, Parameter]


class Pattern:
    """One pattern. With ``prefix`` it matches what begins with it, up to a whole segment.

    Raises ValueError for a pattern that names a parameter twice, or has a constraint.
    """

    def __init__(self, text: str, *, strict: bool = False, case_sensitive: bool = False, prefix: bool = False) -> None:
        self._strict, self._case_sensitive, self._prefix = strict, case_sensitive, prefix
        text = text if text.startswith("/") else f"/{text}"
        self._segments = _linked(list(_segments(text if strict else trimmed(text), case_sensitive)))

    def match(self, path: str) -> Optional[Dict[str, str]]:
        """The parameters of a path that it matches, by their names; else None."""
        params: Dict[str, str] = {}
        path = path if self._strict else trimmed(path)
        seen = path if self._case_sensitive else path.translate(_LOWER)
        position = 0
        for segment in self._segments:
            length = segment.length(seen, position)
            if length < 0:
                return None
            if isinstance(segment, Parameter):
                params[segment.name] = path[position : position + length]
            position += length
        if position < len(path) and not (self._prefix and "/" in path[position - 1 : position + 1]):
            return None
        return _with_short_names(params)


def trimmed(path: str) -> str:
    """Without slashes at its end."""
    return path.rstrip("/") or "/"


def _with_short_names(params: Dict[str, str]) -> Dict[str, str]:
    for sign in "*+":
        if f"{sign}1" in params:
            params[sign] = params[f"{sign}1"]
    return params


def _segments(text: str, case_sensitive: bool) -> Iterator[Segment]:
    constant = ""
    wildcards = {"*": 0, "+": 0}
    for token in _TOKEN.finditer(text):
        plain = token["escaped"] or token["plain"]
        if plain:
            constant += plain if case_sensitive else plain.translate(_LOWER)
            continue
        if token["constraint"]:
            raise ValueError(f"route {text}: constraints (<…>) are not supported: look at the value in the handler")
        if constant:
            yield Constant(constant)
            constant = ""
        sign = token["wildcard"]
        if sign:
            wildcards[sign] += 1
            yield Parameter(f"{sign}{wildcards[sign]}", optional=sign == "*", greedy=True)
        else:
            rest = bool(token["rest"])
            yield Parameter(token["name"] or token["braced"], optional=rest or bool(token["optional"]), greedy=rest)
    if constant:
        yield Constant(constant)


def _linked(segments: List[Segment]) -> Sequence[Segment]:
    """The segments, each knowing what it must of those that follow."""
    linked: List[Segment] = []
    names = set()
    for index, segment in enumerate(segments):
        following = segments[index + 1 :]
        if isinstance(segment, Constant):
            optional = bool(following) and isinstance(following[0], Parameter) and following[0].optional
            linked.append(segment._replace(optional_slash=optional and segment.text.endswith("/")))
            continue
        if segment.name in names:
            raise ValueError(f"a route names the parameter {segment.name!r} twice")
        names.add(segment.name)
        linked.append(_bounded(segment, following))
    return linked


def _bounded(parameter: Parameter, following: Sequence[Segment]) -> Parameter:
    constants = [each.text for each in following if isinstance(each, Constant)]
    until = (constants[0].rstrip("/") or "/") if constants else ""
    return parameter._replace(
        until=until,
        repeats=sum(each.count(until) for each in constants) if until else 0,
        single=not parameter.greedy and bool(following) and isinstance(following[0], Parameter),
        last=not following,
    )
