"""Where a plugin begins, told from its source alone: nothing is imported."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from pathlib import Path

from weft.errors import ManifestError
from weft.manifest.document import read_text

ATTRIBUTES = ("app", "application", "Plugin", "Execute", "InitializePlugin", "initialize_plugin")
"""What a module without an explicit entry is asked for, in this order."""
ASIDE = frozenset({"setup", "conftest", "noxfile", "tasks", "tests", "test", "docs", "doc", "examples", "benchmarks"})
"""Modules and packages that stand beside a plugin and are not it."""
UNPARSABLE = (SyntaxError, ValueError, RecursionError, MemoryError)
"""What ast.parse raises for source that is none."""


def folder_entry(folder: Path) -> str | None:
    """``module:attribute`` of the folder's (or its ``src`` folder's) one top-level module or package.

    ``module`` alone where the attribute cannot be told; None where there is not exactly one.
    """
    modules = [*_modules(folder), *_modules(folder / "src")]
    if len(modules) != 1:
        return None
    path = modules[0]
    return module_entry(path.stem, path / "__init__.py" if path.is_dir() else path)


def module_entry(module: str, path: Path) -> str:
    """``module:attribute``, or ``module`` where the attribute cannot be told."""
    try:
        found = defined_entry(read_text(path))
    except (ManifestError, *UNPARSABLE):
        return module
    return f"{module}:{found}" if found else module


def defined_entry(text: str) -> str | None:
    """The first of ATTRIBUTES that a module's top level defines. Raises what ast.parse does."""
    names = set(_names(ast.parse(text).body))
    return next((name for name in ATTRIBUTES if name in names), None)


def _modules(folder: Path) -> list[Path]:
    """Importable modules and packages of a folder."""
    if not folder.is_dir():
        return []
    return [path for path in sorted(folder.iterdir()) if _is_module(path)]


def _is_module(path: Path) -> bool:
    if not path.stem.isidentifier() or path.stem in ASIDE or path.stem.startswith("test_"):
        return False
    return (path.suffix == ".py" and path.is_file()) or (not path.suffix and (path / "__init__.py").is_file())


def _names(body: Iterable[ast.AST]) -> Iterator[str]:
    """Names that a module's top level defines, inside ``if``, ``try`` and ``with`` too."""
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Import | ast.ImportFrom):
            yield from (alias.asname or alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.Assign):
            yield from (name.id for target in node.targets for name in ast.walk(target) if isinstance(name, ast.Name))
        elif isinstance(node, ast.AnnAssign) and node.value is not None and isinstance(node.target, ast.Name):
            yield node.target.id
        elif isinstance(node, ast.If | ast.Try | ast.With | ast.ExceptHandler):
            yield from _names(ast.iter_child_nodes(node))
