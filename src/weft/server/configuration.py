"""Reads the server's settings: flags beat the environment (``WEFT_*``), which beats ``weft.toml``.

Sizes may be written ``512MiB`` and times ``30s``; paths in the file are relative to the file. GLoom's names are
understood too: ``[[plugins]]`` and ``pluginDir`` in the file, ``PRELOADED_PLUGINS``, ``GLOOM_DIR`` and ``DEBUG`` in
the environment. All problems are reported at once.
"""

from __future__ import annotations

import json
import tomllib
import types
import typing
from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from msgspec import Struct
from msgspec.structs import fields, replace

from weft.errors import UsageError
from weft.manifest import values
from weft.manifest.rules import Invalid, suggestion
from weft.server import policy
from weft.settings import Preload, ServerSettings, SupervisionSettings, default_state, expanded
from weft.types import Progress

T = TypeVar("T", bound=Struct)

PREFIX = "WEFT_"
TIMES = frozenset({"startup", "call", "drain", "websocket_ping", *SupervisionSettings.__struct_fields__} - {"failures"})
SIZES = frozenset({"memory", "disk", "log_bytes"})
MANAGEMENT = "gloomi"
"""The name by which GLoom's own management is among its preloaded plugins."""
PLUGIN_DIR = "plugs"
"""Where GLoom looks for plugins, besides, unless ``pluginDir`` says where."""
CHROOT = "the sandbox is in its place, and every plugin runs in it; `weft doctor` says what this machine can enforce"
"""What GLoom's ``enableChroot`` is, whatever it says."""
OTHER_VARIABLES = frozenset({"WEFT_CONFIG", "WEFT_DEBUG", "WEFT_TOKEN", "WEFT_DATA_DIR"})
"""Variables of the commands and of plugins, that are no settings."""


class _Problems(list[str]):
    """What is wrong, each with where it stands."""

    def raise_any(self) -> None:
        if self:
            raise UsageError("\n".join(self))


def read_settings(
    file: Path | None, environ: Mapping[str, str], flags: Mapping[str, Any], *, note: Progress = lambda _line: None
) -> ServerSettings:
    """The server's settings, checked.

    ``file`` is ``weft.toml`` (None: there is none), ``flags`` are settings by dotted name (``http.tls_key``); those
    that are None were not given. ``note`` is told what is understood otherwise than it is written. Raises UsageError
    that lists every problem of all three.
    """
    problems = _Problems()
    tree = _from_file(file, problems, note) if file else {}
    preload = tree.pop("preload", [])
    preload += _preloaded(environ, problems)
    for source in (_from_environment(environ, problems), _from_flags(flags)):
        for key, (where, value) in source.items():
            _put(tree, key, _Sourced(where, value))
    tree.setdefault("state", _Sourced("state", str(default_state(environ))))
    settings = _build(ServerSettings, tree, "", file or Path("settings"), problems)
    problems.raise_any()
    assert settings is not None
    _check_grants(settings, file, problems)
    problems += policy.problems(settings.policy)
    problems.raise_any()
    return _with_preloaded(settings, preload)


# --- the three sources ----------------------------------------------------------------------------------------------


class _Sourced:
    """A value from elsewhere than the file, with what to call it in an error."""

    def __init__(self, where: str, value: Any) -> None:
        self.where = where
        self.value = value


def _from_file(file: Path, problems: _Problems, note: Progress) -> dict[str, Any]:
    try:
        tree = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        problems.append(f"{file}: cannot be read: {error.strerror}")
        return {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        problems.append(f"{file}: is not TOML: {error}")
        return {}
    folder = file.absolute().parent
    if "enableChroot" in tree:
        del tree["enableChroot"]
        note(f"note: {file}: enableChroot: {CHROOT}")
    plugin_dir = tree.pop("pluginDir", None)
    if isinstance(tree.get("plugins"), list):
        bases = (folder / plugin_dir,) if isinstance(plugin_dir, str) else (folder, folder / PLUGIN_DIR)
        tree["preload"] = _preload_entries(tree.pop("plugins"), bases, f"{file}: plugins", problems)
    elif "preload" in tree:
        problems.append(f"{file}: preload: unknown key (write [[plugins]] with file, name, domains)")
        del tree["preload"]
    _resolve_paths(tree, folder)
    return tree


def _resolve_paths(tree: dict[str, Any], folder: Path) -> None:
    """Make the file's relative paths lead from the file's folder, not from wherever the server is started."""
    plugins = tree.get("plugins")
    tables = [(tree, "state"), *((tree.get("http"), key) for key in ("tls_certificate", "tls_key"))]
    tables += [(tree.get("rpc"), key) for key in ("certificate", "key", "client_ca")]
    tables += [(table, "file") for table in (plugins.values() if isinstance(plugins, dict) else ())]
    for table, key in tables:
        if isinstance(table, dict) and isinstance(table.get(key), str):
            table[key] = str(folder / expanded(table[key]))


def _from_environment(environ: Mapping[str, str], problems: _Problems) -> dict[str, tuple[str, Any]]:
    known = {PREFIX + key.upper().replace(".", "_"): key for key in setting_names()}
    found: dict[str, tuple[str, Any]] = {}
    if environ.get("DEBUG", "").lower() not in ("", "0", "false", "no"):
        found["log_level"] = ("DEBUG", "debug")
    for variable in sorted(environ):
        if variable in known:
            found[known[variable]] = (variable, environ[variable])
        elif variable.startswith(PREFIX) and variable not in OTHER_VARIABLES:
            _note_near_miss(variable, known, problems)
    return found


def _note_near_miss(variable: str, known: Mapping[str, str], problems: _Problems) -> None:
    """Other programs may own variables with our prefix; one that is nearly a setting is a slip."""
    if close := get_close_matches(variable, known, n=1, cutoff=0.85):
        problems.append(f"{variable}: no such setting (did you mean '{close[0]}'?)")


def _from_flags(flags: Mapping[str, Any]) -> dict[str, tuple[str, Any]]:
    given = {key: value for key, value in flags.items() if value is not None}
    return {key: ("--" + key.rpartition(".")[2].replace("_", "-"), value) for key, value in given.items()}


def setting_names() -> Iterator[str]:
    """Every setting that a flag or variable can hold, dotted: ``port``, ``http.max_headers`` …"""
    for field in fields(ServerSettings):
        if isinstance(field.type, type) and issubclass(field.type, Struct):
            yield from (f"{field.name}.{inner.name}" for inner in fields(field.type))
        elif field.name not in ("plugins", "preload"):
            yield field.name


def _put(tree: dict[str, Any], key: str, value: Any) -> None:
    *tables, last = key.split(".")
    for table in tables:
        inner = tree.setdefault(table, {})
        if not isinstance(inner, dict):
            return  # the file has no table there, which is reported
        tree = inner
    tree[last] = value


# --- GLoom's preloaded plugins --------------------------------------------------------------------------------------


def _preloaded(environ: Mapping[str, str], problems: _Problems) -> list[Preload]:
    text = environ.get("PRELOADED_PLUGINS", "").strip()
    if not text:
        return []
    try:
        entries = json.loads(text)
    except ValueError as error:
        problems.append(f"PRELOADED_PLUGINS: is not JSON: {error}")
        return []
    return _preload_entries(entries, (Path.cwd(),), "PRELOADED_PLUGINS", problems)


def _preload_entries(entries: Any, bases: Sequence[Path], where: str, problems: _Problems) -> list[Preload]:
    if not isinstance(entries, list):
        problems.append(f"{where}: expected a list of {{file, name, domains}}, found {type(entries).__name__}")
        return []
    found = (_preload_entry(entry, bases, f"{where}[{index}]", problems) for index, entry in enumerate(entries))
    return [each for each in found if each is not None]


def _preload_entry(entry: Any, bases: Sequence[Path], where: str, problems: _Problems) -> Preload | None:
    if isinstance(entry, dict) and _means_management(entry):
        entry = {"file": "", **entry, "name": MANAGEMENT}  # it is built in: its file is not looked at
    built = _build(Preload, entry, f"{where}.", Path(), problems)
    return replace(built, file=_found(bases, expanded(built.file))) if built else None


def _means_management(entry: dict[str, Any]) -> bool:
    """By its name; without one by its file's, ``gloomi.so``."""
    name = entry.get("name") or Path(str(entry.get("file", ""))).stem
    return str(name).lower() == MANAGEMENT


def _found(bases: Sequence[Path], file: Path) -> Path:
    """Where it is; below the first of them, where it is nowhere."""
    return next((base / file for base in bases if (base / file).exists()), bases[0] / file)


def _with_preloaded(settings: ServerSettings, preload: list[Preload]) -> ServerSettings:
    own = [each for each in preload if (each.name or "").lower() != MANAGEMENT]
    management = settings.management
    for each in preload:
        if each not in own and each.domains:
            management = replace(management, domains=each.domains)
    return replace(settings, preload=tuple(own), management=management)


def _check_grants(settings: ServerSettings, file: Path | None, problems: _Problems) -> None:
    for name, plugin in settings.plugins.items():
        for grant in plugin.allow:
            try:
                policy.merge_grants([grant])
            except UsageError as error:
                problems.append(f"{file}: plugins.{name}.allow: {error}")


# --- checking values against the settings' types --------------------------------------------------------------------


def _build(kind: type[T], tree: Any, prefix: str, file: Path, problems: _Problems) -> T | None:
    """``tree`` as ``kind``; what is wrong is added to ``problems``, and None returned when anything was."""
    if not isinstance(tree, dict):
        problems.append(f"{_where(file, prefix.rstrip('.'))}: expected a table, found {type(tree).__name__}")
        return None
    before = len(problems)
    known = {field.name: field for field in fields(kind)}
    result: dict[str, Any] = {}
    for key, value in tree.items():
        if key in known:
            result[key] = _value(known[key].type, value, prefix + key, file, problems)
        else:
            problems.append(f"{_where(file, prefix + key)}: unknown key ({suggestion(key, known)})")
    missing = [field.name for field in known.values() if field.required and field.name not in tree]
    problems += [f"{_where(file, prefix + name)}: is missing" for name in missing]
    return kind(**result) if len(problems) == before else None


def _value(kind: Any, value: Any, key: str, file: Path, problems: _Problems) -> Any:
    if isinstance(kind, type) and issubclass(kind, Struct):
        return _build(kind, value, f"{key}.", file, problems)
    if _is_table_of_structs(kind) and isinstance(value, dict):
        of = typing.get_args(kind)[1]
        return {name: _build(of, each, f"{key}.{name}.", file, problems) for name, each in value.items()}
    where, raw = (value.where, value.value) if isinstance(value, _Sourced) else (_where(file, key), value)
    try:
        return _convert(kind, raw, key.rpartition(".")[2], from_text=isinstance(value, _Sourced))
    except (msgspec.ValidationError, Invalid) as error:
        problems.append(f"{where}: {str(error).removesuffix(' - at `$`')}")
        return None


def _where(file: Path, key: str) -> str:
    return f"{file}: {key}" if file.name else key


def _is_table_of_structs(kind: Any) -> bool:
    arguments = typing.get_args(kind)
    return typing.get_origin(kind) is dict and isinstance(arguments[1], type) and issubclass(arguments[1], Struct)


def _convert(kind: Any, value: Any, name: str, *, from_text: bool) -> Any:
    if isinstance(value, str) and (name in TIMES or name.endswith("_timeout")):
        return values.duration(0, 86_400.0)(_plain_number(value))
    if isinstance(value, str) and (name in SIZES or name.endswith("_bytes")):
        return values.size(0, 2**50)(_plain_number(value))
    if from_text and isinstance(value, str) and _is_tuple(kind):
        value = [each.strip() for each in value.split(",") if each.strip()]
    checked = msgspec.convert(value, kind, strict=not from_text, dec_hook=_path)
    return _domains(checked) if name == "domains" and checked is not None else checked


def _plain_number(value: str) -> Any:
    """``"30"``, as a variable has it, means the bare number."""
    return int(value) if value.isascii() and value.isdigit() else value


def _domains(given: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(values.domain(each) for each in given))


def _is_tuple(kind: Any) -> bool:
    options = typing.get_args(kind) if isinstance(kind, types.UnionType) else (kind,)
    return any(typing.get_origin(each) is tuple for each in options)


def _path(kind: type, value: Any) -> Any:
    if kind is Path and isinstance(value, str | Path) and str(value).find("\0") < 0:
        return Path(value)
    raise msgspec.ValidationError(f"expected a path, found {value!r}")
