"""Sources to manifests: read, check every key, fill in what is not said."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from weft.errors import ManifestError
from weft.manifest import keys, values
from weft.manifest.document import Document
from weft.manifest.model import Manifest, Permissions, Requires
from weft.manifest.rules import Flaw, Invalid, Key, Rule, dotted, table, text, wrong
from weft.manifest.sources import find_reader

OURSELVES = "weft"
"""The package that is never installed for a plugin: the host lends its own."""


def read_manifest(source: Path, *, name: str | None = None) -> Manifest:
    """The manifest of a plugin in any form that is a file or a folder; nothing of it is run or imported.

    ``name`` takes the place of the plugin's own name. Raises ManifestError with every problem, each with its path,
    line and remedy; NotInThisVersion for a form that is known and not read yet.
    """
    return checked(find_reader(source).read(source), name)


def checked(document: Document, name: str | None = None) -> Manifest:
    """Every key by its rule, then defaults. Raises ManifestError with all problems, in the order of the file."""
    fields, flaws = _fields(document)
    if name is not None:
        fields["name"] = name
    for key, rule in (("name", _name(document)), ("version", _version(document))):
        if not any(flaw.key[:1] == (key,) for flaw in flaws):
            flaws += _apply(fields, key, rule)
    flaws += [*_needs_entry(fields), *_ports_for_nothing(fields)]
    problems = [*document.problems, *map(document.problem, flaws)]
    if problems:
        raise ManifestError(sorted(problems, key=lambda problem: problem.line or 0))
    return _manifest(document, fields)


def _fields(document: Document) -> tuple[dict[str, Any], list[Flaw]]:
    """The checked keys that the document gives, and every flaw; the keys are those that have none."""
    rules = keys.KEYS | ({"name": text} if isinstance(document.table, dict) and "id" in document.table else {})
    flaws = list(document.flaws)
    try:
        fields: dict[str, Any] = table(rules, dict)(_shaped(document.table))
    except Invalid as invalid:
        flaws += invalid.flaws
        wanted = ("name", "version", "runtime", "entry", "id")
        bad = {flaw.key[0] for flaw in flaws if flaw.key}
        given = document.table if isinstance(document.table, dict) else {}
        fields = {key: given[key] for key in wanted if key in given and key not in bad}
    if "id" in fields:
        fields["title"] = fields.get("title") or fields.pop("name", "")
        fields["name"] = fields.pop("id")
    return fields, flaws


def _shaped(raw: Any) -> Any:
    """Refuse keys that are no text, and more levels than a manifest has, before rules walk down."""
    level, depth = [raw], 0
    while level := [item for value in level for item in _children(value)]:
        depth += 1
        if depth > keys.MAX_DEPTH or len(level) > keys.MAX_NODES:
            raise wrong(f"has more than {keys.MAX_DEPTH} levels or {keys.MAX_NODES} values", "keep data in files")
    return raw


def _children(value: Any) -> list[Any]:
    return list(value.values()) if isinstance(value, dict) else value if isinstance(value, list) else []


def _apply(fields: dict[str, Any], key: str, rule: Rule) -> list[Flaw]:
    try:
        fields[key] = rule(fields.get(key))
    except Invalid as invalid:
        return [Flaw(flaw.message, flaw.remedy, (key,)) for flaw in invalid.flaws]
    return []


def _name(document: Document) -> Rule:
    def rule(given: Any) -> str:
        if given is not None:
            return values.name(given)
        try:
            return values.name(document.name)
        except Invalid as invalid:
            raise wrong(f"is not given, and {invalid.flaws[0].message}", "give the plugin a name") from None

    return rule


def _version(document: Document) -> Rule:
    def rule(given: Any) -> str:
        version = document.version if given is None else given
        if version is None and not any(flaw.key == ("dynamic",) for flaw in document.flaws):
            raise wrong("is missing", "give the plugin a version, such as 0.1.0")
        return version or "0"

    return rule


def _needs_entry(fields: dict[str, Any]) -> list[Flaw]:
    """What runs outside Python names a file of the plugin; what runs in Python, a module."""
    entry, runtime = fields.get("entry"), fields.get("runtime", "process")
    if runtime in ("executable", "wasm"):
        if entry is None:
            return [
                Flaw(f"is missing, and runtime {runtime} needs one", "name the file, such as bin/plugin", ("entry",))
            ]
        return [] if _is_path_inside(entry) else [_bad_entry(entry, "a path inside the plugin's folder")]
    return [] if entry is None or _is_module(entry) else [_bad_entry(entry, "module or module:attribute")]


def _ports_for_nothing(fields: dict[str, Any]) -> list[Flaw]:
    """Ports narrow what is reached outside; with less than that they would say nothing."""
    permissions = fields.get("permissions", Permissions())
    if not permissions.ports or permissions.network == "outbound":
        return []
    message = f"narrow network outbound, and network is {permissions.network}"
    return [Flaw(message, "leave ports out, or ask for network outbound", ("permissions", "ports"))]


def _bad_entry(entry: Any, expected: str) -> Flaw:
    return Flaw(f"expected {expected}, found {entry!r}", "write it as in package.module:app", ("entry",))


def _is_path_inside(entry: Any) -> bool:
    parts = str(entry).split("/")
    return "\\" not in str(entry) and all(part not in ("", "..", ".") for part in parts)


def _is_module(entry: Any) -> bool:
    module, colon, attribute = str(entry).partition(":")
    dotted_module = all(part.replace("-", "_").isidentifier() for part in module.split("."))
    return dotted_module and (not colon or all(part.isidentifier() for part in attribute.split(".")))


def _manifest(document: Document, fields: dict[str, Any]) -> Manifest:
    requires = _requires(fields.pop("requires", {}), document.lock)
    runtime = fields.get("runtime", "process")
    if "entry" not in fields and runtime in ("process", "inline"):
        fields["entry"] = document.entry()
    domains = tuple(dict.fromkeys(fields.pop("domains", (f"{fields['name'].lower()}.localhost",))))
    given = frozenset(dotted(key) for key in _given(document.table))
    return Manifest(
        **fields, **document.more, requires=requires, domains=domains, form=document.form, given=given,
        notes=document.notes,
    )  # fmt: skip


def _given(table: dict[str, Any]) -> list[Key]:
    """The keys that the manifest sets; of tables with known keys, theirs."""
    nested = [(key, inner) for key in table if key in keys.NESTED for inner in table[key]]
    return [*((key,) for key in table if key not in keys.NESTED), *nested]


def _requires(given: dict[str, Any], lock: Path | None) -> Requires:
    """A package requirement ``weft`` is one of the engine, and never installed."""
    packages: list[str] = []
    engine = [given["weft"]] if given.get("weft") else []
    wanted = "weft" in given
    for written in given.get("packages", ()):
        requirement = Requirement(written)
        if canonicalize_name(requirement.name) == OURSELVES:
            wanted = True
            engine += [str(requirement.specifier)] if requirement.specifier else []
        else:
            packages.append(written)
    return Requires(
        python=given.get("python") or None,
        packages=tuple(packages),
        plugins=given.get("plugins", {}),
        weft=",".join(engine) if wanted else None,
        lock=lock,
    )
