"""The kept results as a page of the documentation. Pure: a report in, markdown out."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from harness.catalogue import BENCHMARKS
from harness.rows import table

FOLDER = Path(__file__).parents[1]
COLUMNS = {
    "per_second": "per second",
    "cpu_microseconds_each": "CPU of each, µs",
    "p50_microseconds": "p50, µs",
    "p99_microseconds": "p99, µs",
    "nanoseconds": "ns",
}


def section(report: dict[str, Any]) -> str:
    """One run: where, the rows by what they are of, and what each benchmark does and saw."""
    machine = report["machine"]
    versions = ", ".join(f"{name} {version}" for name, version in machine["versions"].items())
    where = f"{machine['cpu']}, {machine['cores']} cores, Linux {machine['kernel']}, Python {machine['python']}"
    how = f"Medians of {report['rounds']} rounds of {report['seconds']} s; beside {versions}."
    groups = (_group(title, names, report["rows"]) for title, names in BENCHMARKS.items())
    return "\n".join([f"## {report['when']}\n\n{where}. {how}\n", *filter(None, groups)])


def _group(title: str, names: tuple[str, ...], rows: list[dict[str, Any]]) -> str:
    """The table of a group and what its benchmarks do; '' when none of them ran."""
    its = {name: [row for row in rows if row["benchmark"] == name] for name in names}
    its = {name: found for name, found in its.items() if found}
    if not its:
        return ""
    parts = [f"### {title}\n", table([row for found in its.values() for row in found]), ""]
    parts += [f"#### `{name}`\n\n{_docstring(name)}\n{figures(found)}" for name, found in its.items()]
    return "\n".join(parts)


def _docstring(name: str) -> str:
    text = ast.get_docstring(ast.parse((FOLDER / f"{name}.py").read_text())) or ""
    return text.replace("``", "`")


def figures(rows: list[dict[str, Any]]) -> str:
    """What the ratios of one benchmark are made of, as a table; '' where they are made of something else."""
    details = {name: its for row in rows for name, its in row["details"].items()}
    seen = {name: its for name, its in details.items() if isinstance(its, dict) and COLUMNS.keys() & its}
    columns = [key for key in COLUMNS if any(key in its for its in seen.values())]
    lines = [_line("", (COLUMNS[key] for key in columns)), "|---|" + "--:|" * len(columns)]
    lines += [_line(name, (_number(its.get(key)) for key in columns)) for name, its in seen.items()]
    return "\n".join(["", *lines, ""]) if seen else ""


def _line(name: str, cells: Iterable[str]) -> str:
    return f"| {name} | {' | '.join(cells)} |"


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:,.0f}" if value >= 1000 else f"{value:g}"
