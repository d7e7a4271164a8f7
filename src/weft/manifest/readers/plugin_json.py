"""A folder with szlabs go-plugin's ``plugin.json``.

Keys are matched whatever their case; those that the form does not have are notes. ``requirements.txt``, or the
``[project]`` table of a ``pyproject.toml``, beside it says which packages the code needs.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from weft.errors import Problem
from weft.manifest import values
from weft.manifest.artifact import find_artifact
from weft.manifest.document import Document, Lines, read_text, refusal
from weft.manifest.json import parse_json
from weft.manifest.model import Git, HttpServices, Route
from weft.manifest.overlay import find
from weft.manifest.readers.pyproject import LOCKS
from weft.manifest.readers.reader import Reader
from weft.manifest.rules import Flaw, Invalid, Key, Rule, dotted, each, mapping, one_of, show, table, word, wrong
from weft.manifest.toml import parse_toml

FILE = "plugin.json"
ROUTE = re.compile(r"(/(:[A-Za-z_]\w*|[^/:*?#\s]*))*(/\*)?")
PARAMETER = re.compile(r":(\w+)")
TAKEN = frozenset({"label", "request"})
"""Keys of the context that parameters of a route would hide."""
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS")
LOOSE = re.compile(r"[vV]?([0-9]+)(?:\.([0-9]+))?(?:\.([0-9]+))?([-+].*)?")
REPOSITORY = re.compile(r"(https://|ssh://|file:///)[^\s#-][^\s#]*|\w[\w.-]*@\w[\w.-]*:[^\s#-][^\s#]*")
COMMIT = re.compile(r"[0-9a-f]{40}")
KEYS: dict[str, Any] = {
    "name": None,
    "version": None,
    "description": None,
    "maintainers": None,
    "home": None,
    "source": {"mode": None, "path": None, "ref": None, "commit": None},
    "http_services": {"driver": None, "routes": [{"route": None, "method": None, "label": None}]},
}
OURS = {
    "name": "name",
    "version": "version",
    "description": "description",
    "maintainers": "authors",
    "home": "homepage",
}


def recognises(source: Path) -> bool:
    """By the file's name."""
    return (source / FILE).is_file()


def read(source: Path) -> Document:
    """The file as it stands, and the packages that stand beside it."""
    path = source / FILE
    raw, lines = parse_json(read_text(path), path)
    if not isinstance(raw, dict):
        raise refusal(path, f"expected an object, found {show(raw)}", 'begin with { "name": …', 1)
    form = _Folded(path, lines)
    known = form.folded(raw, KEYS, (), ())
    checks = _Checks(source, known)
    notes = [Problem(str(path), lines.get(form.origins.get(flaw.key, ())), *_said(flaw)) for flaw in checks.notes]
    packages, problems = _packages(source)
    return Document(
        path=path,
        form=FILE,
        table=_ours(known, checks) | packages,
        name=source.resolve().name,
        entry=lambda: checks.entry,
        lock=next((source / name for name in LOCKS if packages and (source / name).is_file()), None),
        more=checks.more,
        lines=lines,
        origins=form.origins | {(ours,): form.origins[(key,)] for key, ours in OURS.items() if key in known},
        problems=tuple(problems),
        flaws=tuple(checks.flaws),
        notes=(*form.notes, *notes),
    )


def _ours(known: Mapping[str, Any], checks: _Checks) -> dict[str, Any]:
    """The keys that have another name here, or the same, and what such a plugin provides."""
    found = {OURS[key]: known[key] for key in OURS if key in known and (key,) not in checks.bad}
    return {**found, "provides": ["task", "web"] if "http_services" in checks.more else ["task"]}


def _said(flaw: Flaw) -> tuple[str, str, str]:
    return dotted(flaw.key), flaw.message, flaw.remedy


class _Folded:
    """Keys in the spelling of ``KEYS``, where each of them stands, and a note for every other one."""

    def __init__(self, path: Path, lines: Lines) -> None:
        self.origins: dict[Key, Key] = {}
        self.notes: list[Problem] = []
        self._path = path
        self._lines = lines

    def folded(self, value: Any, known: Any, key: Key, place: Key) -> Any:
        """The value by known keys; null is as if it were not there, and so is an empty text."""
        if isinstance(known, list) and isinstance(value, list):
            return [self.folded(item, known[0], (*key, at), (*place, at)) for at, item in enumerate(value)]
        if not isinstance(known, dict) or not isinstance(value, dict):
            return value
        found = {}
        for name, inner in value.items():
            word = name.casefold()
            self.origins[(*key, word)] = (*place, name)
            if word not in known:
                self._note((*place, name))
            elif inner is not None and inner != "":
                found[word] = self.folded(inner, known[word], (*key, word), (*place, name))
        return found

    def _note(self, place: Key) -> None:
        message = "is no key of this form, and means nothing here"
        self.notes.append(Problem(str(self._path), self._lines.get(place), dotted(place), message))


class _Checks:
    """What is wrong with the keys that are this form's own, and what they say."""

    def __init__(self, folder: Path, known: Mapping[str, Any]) -> None:
        self.flaws: list[Flaw] = []
        self.notes: list[Flaw] = []
        self.more: dict[str, Any] = {}
        self.entry: str | None = None
        self._folder = folder
        self._take(("name",), lambda: _there(known, "name"))
        self._take(("version",), lambda: _semver(_there(known, "version")))
        self._take(("source",), lambda: self._source(_SOURCE(_there(known, "source"))))
        if "http_services" in known:
            self._take(("http_services",), lambda: self._http(_SERVICES(known["http_services"])))

    @property
    def bad(self) -> set[Key]:
        return {flaw.key[:1] for flaw in self.flaws}

    def _take(self, key: Key, check: Callable[[], Any]) -> None:
        try:
            check()
        except Invalid as invalid:
            self.flaws += [Flaw(flaw.message, flaw.remedy, (*key, *flaw.key)) for flaw in invalid.flaws]

    def _source(self, source: dict[str, str]) -> None:
        if source["mode"] == "remote_git":
            self.more["git"] = _git(source)
            return
        try:
            self.entry, note = find_artifact(self._folder, source["path"])
        except Invalid as invalid:
            raise Invalid(*(Flaw(flaw.message, flaw.remedy, ("path",)) for flaw in invalid.flaws)) from None
        if note:
            self.notes.append(Flaw(note, "", ("source", "path")))

    def _http(self, services: HttpServices) -> None:
        asked = [(PARAMETER.sub(":", each.route), each.method) for each in services.routes]
        twice = [number for number, each in enumerate(asked) if each in asked[:number]]
        if twice:
            raise Invalid(*(Flaw("is there twice", "keep one of them", ("routes", number)) for number in twice))
        self.more["http_services"] = services


def _there(known: Mapping[str, Any], key: str) -> Any:
    if key not in known:
        raise wrong("is missing", _REMEDIES[key])
    return known[key]


def _semver(value: Any) -> None:
    if not values.SEMVER.fullmatch(word(value)):
        raise wrong(f"{show(value)} is not a version by semver 2", f"write {_whole_version(value)}")


def _whole_version(loose: str) -> str:
    """What a version that go-plugin took (``1``, ``v1.2``) is by semver 2; examples where it cannot be told."""
    if match := LOOSE.fullmatch(loose):
        numbers = [(number or "0").lstrip("0") or "0" for number in match.groups()[:3]]
        whole = ".".join(numbers) + (match[4] or "")
        if values.SEMVER.fullmatch(whole):
            return whole
    return "it as in 1.0.0 or 2.1.0-beta.1"


def _needed(rules: Mapping[str, Rule], build: Callable[..., Any], *optional: str) -> Rule:
    """A table with known keys, all of which must be there but the optional ones."""
    check = table(rules, dict)

    def rule(value: Any) -> Any:
        missing = [key for key in rules if key not in optional and key not in mapping(value)]
        flaws = [Flaw("is missing", _REMEDIES[key], (key,)) for key in missing]
        try:
            found = check(value)
        except Invalid as invalid:
            raise Invalid(*flaws, *invalid.flaws) from None
        if flaws:
            raise Invalid(*flaws)
        return build(**found)

    return rule


def _route(value: Any) -> str:
    checked = word(value)
    if not checked.startswith("/") or not ROUTE.fullmatch(checked):
        raise wrong(f"{show(checked)} is not a route", "write it as in /api/plugin/sample/:id")
    names = PARAMETER.findall(checked)
    if hidden := next((name for name in names if name in TAKEN or names.count(name) > 1), ""):
        raise wrong(f"has the parameter :{hidden}, whose value something else would hide", "call it otherwise")
    return checked


def _method(value: Any) -> str:
    checked: str = one_of(*METHODS)(word(value).upper())
    return checked


def _git(source: Mapping[str, str]) -> Git:
    url, _, fragment = source["path"].partition("#")
    flaws = []
    if not REPOSITORY.fullmatch(url):
        flaws.append(Flaw(f"{show(url)} is no repository", "write it as in https://…, ssh://… or file:///…", ("path",)))
    ref, commit = source.get("ref", fragment), source.get("commit", "")
    if fragment and ref != fragment:
        flaws.append(Flaw("names another ref than source.path does", "keep one of them", ("ref",)))
    if ref.startswith("-"):
        flaws.append(Flaw(f"{show(ref)} is no branch, tag or commit", "", ("ref",)))
    if commit and not COMMIT.fullmatch(commit):
        flaws.append(Flaw(f"{show(commit)} is no commit", "write all 40 digits of it", ("commit",)))
    if flaws:
        raise Invalid(*flaws)
    return Git(url=url, ref=ref, commit=commit)


def _packages(source: Path) -> tuple[dict[str, Any], list[Problem]]:
    """``requires`` as our own keys have it, by what stands beside the file; nothing where nothing does."""
    project, requirements = source / "pyproject.toml", source / "requirements.txt"
    if project.is_file():
        parsed, _ = parse_toml(read_text(project), project)
        packages, python = find(parsed, ("project", "dependencies")), find(parsed, ("project", "requires-python"))
        return {"requires": {"packages": packages or []} | ({"python": python} if python else {})}, []
    if not requirements.is_file():
        return {}, []
    found, problems = [], []
    for number, line in _lines(read_text(requirements)):
        try:
            found.append(values.requirement(line))
        except Invalid as invalid:
            problems += [Problem(str(requirements), number, "", flaw.message, flaw.remedy) for flaw in invalid.flaws]
    return {"requires": {"packages": found}}, problems


def _lines(text: str) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(text.split("\n"), 1):
        if content := re.split(r"(?:^|\s)#", line, maxsplit=1)[0].strip():
            yield number, content


_REMEDIES = {
    "name": "give the plugin its name, which is its folder's",
    "version": "give the plugin a version, such as 0.1.0",
    "source": 'say where its code is: { "mode": "local_so", "path": "sample.so" }',
    "mode": "write local_so or remote_git",
    "path": "name the file, or the repository",
    "driver": "write asgi",
    "routes": "list the routes, or leave http_services out",
    "route": "write it as in /api/plugin/sample/:id",
    "method": "write GET, POST …",
    "label": "give it the label that Execute finds in its context",
}
_SOURCE = _needed(
    {"mode": one_of("local_so", "remote_git"), "path": word, "ref": word, "commit": word}, dict, "ref", "commit"
)
_ROUTE = _needed({"route": _route, "method": _method, "label": word}, Route)
_SERVICES = _needed({"driver": word, "routes": each(_ROUTE, least=1)}, HttpServices)
READER = Reader(FILE, recognises, recognises, read, foreign=True)
