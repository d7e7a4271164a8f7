"""Writes the generated pages of the documentation: settings, commands, lifecycle, runtimes, benchmarks.

Each page has one function that returns its text; the tests compare what is committed with what these return now.
"""

from __future__ import annotations

import ast
import inspect
import json
import sys
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Union, get_args, get_origin, get_type_hints

import click
import msgspec

from weft import settings
from weft.cli.commands import cli as commands
from weft.lifecycle import INSTANCE, PLUGIN
from weft.testing.capabilities import capabilities_table

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
sys.path.insert(0, str(ROOT / "benchmarks"))

from harness.page import section  # noqa: E402  # found only once the folder of benchmarks is on the path

GENERATED = "<!-- Written by `make reference`. -->\n\n"


# --- settings -------------------------------------------------------------------------------------------------------


def described(cls: type) -> dict[str, str]:
    """The docstring below each field of a class; '' where there is none."""
    (node,) = ast.parse(inspect.getsource(cls)).body
    assert isinstance(node, ast.ClassDef)
    found: dict[str, str] = {}
    for field, after in zip(node.body, [*node.body[1:], ast.Pass()], strict=True):
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
            found[field.target.id] = _text(after)
    return found


def _text(node: ast.stmt) -> str:
    """The string that a statement is; '' for any other statement."""
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
        return " ".join(node.value.value.replace("``", "`").split())
    return ""


SECTIONS: list[tuple[str, type]] = [
    ("Top level", settings.ServerSettings),
    ("`[http]`", settings.HttpSettings),
    ("`[management]`", settings.ManagementSettings),
    ("`[rpc]`", settings.RpcSettings),
    ("`[policy]`", settings.PolicySettings),
    ("`[supervision]`", settings.SupervisionSettings),
    ("`[plugins.NAME]`", settings.PluginSettings),
    ("`[[plugins]]`", settings.Preload),
]


def settings_page() -> str:
    head = inspect.getdoc(settings) or ""
    parts = [f"## {title}\n\n{_settings_table(cls)}" for title, cls in SECTIONS]
    return "\n".join(["# Settings", "", GENERATED + head.replace("``", "`"), "", *parts])


def _settings_table(cls: type) -> str:
    texts, hints = described(cls), get_type_hints(cls)
    rows = [
        f"| `{field.name}` | {_type(hints[field.name])} | {_default(field)} | {texts[field.name]} |"
        for field in msgspec.structs.fields(cls)
    ]
    return "\n".join(["| setting | type | default | meaning |", "|---|---|---|---|", *rows]) + "\n"


def _type(hint: Any) -> str:
    """A type in words that a reader of TOML knows."""
    plain = {str: "text", int: "number", float: "number", bool: "true or false", Path: "path", type(None): "none"}
    if hint in plain:
        return plain[hint]
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (tuple, list):
        return f"list of {_type(arguments[0])}"
    if origin in (types.UnionType, Union):
        return " or ".join(_type(one) for one in arguments if one is not type(None))
    if arguments and origin is not dict:
        return ", ".join(f"`{value}`" for value in arguments)
    return "table"


def _default(field: msgspec.structs.FieldInfo) -> str:
    if field.default is msgspec.NODEFAULT and field.default_factory is msgspec.NODEFAULT:
        return "see right"
    value = field.default if field.default is not msgspec.NODEFAULT else field.default_factory()
    if value is None or isinstance(value, (msgspec.Struct, dict)):
        return "–"
    return f"`{json.dumps(value)}`"


# --- commands -------------------------------------------------------------------------------------------------------


COMMON = ("--json", "--debug", "--state", "--help")
"""Options that every command has."""


def every_command(group: click.Group = commands, prefix: str = "weft") -> Iterator[tuple[str, click.Command]]:
    """Each command with its full name, groups descended into."""
    for name, command in sorted(group.commands.items()):
        if isinstance(command, click.Group):
            yield from every_command(command, f"{prefix} {name}")
        else:
            yield f"{prefix} {name}", command


def commands_page() -> str:
    parts = [_command(name, command) for name, command in every_command()]
    common = ", ".join(f"`{option}`" for option in COMMON)
    head = f"Every command also has {common}. Exit codes: 0 done, 1 failed, 2 wrong usage."
    return "\n".join(["# Commands", "", GENERATED + head, "", *parts])


def _command(name: str, command: click.Command) -> str:
    context = click.Context(command, info_name=name)
    usage = " ".join([name, *command.collect_usage_pieces(context)])
    own = [
        record
        for parameter in command.params
        if f"--{parameter.name}" not in COMMON and (record := parameter.get_help_record(context)) and record[1]
    ]
    options = "".join(f"- `{option}`: {meaning}\n" for option, meaning in own)
    text = f"## `{name}`\n\n```text\n{usage}\n```\n\n{inspect.cleandoc(command.help or '')}\n"
    return f"{text}\n{options}" if options else text


# --- lifecycle and benchmarks ---------------------------------------------------------------------------------------


def lifecycle_page() -> str:
    parts = [f"## {one.name}\n\n```mermaid\n{one.mermaid()}\n```\n" for one in (PLUGIN, INSTANCE)]
    head = "Every transition there is; what a state does not allow is an error, and changes nothing."
    return "\n".join(["# Lifecycle", "", GENERATED + head, "", *parts])


def runtimes_page() -> str:
    head = "What the conformance kit (`weft.testing.kit`) tests of every runtime; some declare that they cannot do it."
    return "\n".join(["# Runtimes", "", GENERATED + head, "", capabilities_table(), ""])


def benchmarks_page() -> str:
    parts = ["# Benchmarks", "", GENERATED + "`make bench` measures all of this in one run on one machine.", ""]
    reports = [json.loads(path.read_text()) for path in sorted((ROOT / "benchmarks/results").glob("*.json"))]
    parts += [section(report) for report in reports] or ["No results are kept yet.\n"]
    return "\n".join(parts)


PAGES: dict[str, Callable[[], str]] = {
    "reference/settings.md": settings_page,
    "reference/commands.md": commands_page,
    "reference/lifecycle.md": lifecycle_page,
    "reference/runtimes.md": runtimes_page,
    "benchmarks.md": benchmarks_page,
}


def main() -> int:
    for name, page in PAGES.items():
        target = DOCS / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(page())
        print(f"reference: docs/{name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
