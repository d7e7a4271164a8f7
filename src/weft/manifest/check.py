"""What ``weft check`` finds: problems, and warnings about what would fail when the plugin is started."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from weft.errors import ManifestError, NotInThisVersion, Problem
from weft.manifest import gloom
from weft.manifest.artifact import compiled
from weft.manifest.document import MAX_BYTES, read_text
from weft.manifest.entry import UNPARSABLE
from weft.manifest.model import Manifest
from weft.manifest.reading import read_manifest

MAX_FILES = 5_000
"""Source files that are looked at."""
ASIDE = frozenset({"__pycache__", "node_modules"})
"""Folders that are not looked into, besides hidden ones."""


@dataclass(frozen=True)
class CheckReport:
    """What a check found. ``problems`` keep the plugin from being loaded; ``warnings`` from working."""

    source: Path
    manifest: Manifest | None
    problems: tuple[Problem, ...] = ()
    warnings: tuple[Problem, ...] = ()
    notes: tuple[Problem, ...] = ()

    @property
    def ok(self) -> bool:
        """Nothing to mend."""
        return not self.problems and not self.warnings


def check(source: Path) -> CheckReport:
    """Read a plugin's manifest and source, running and importing nothing. Raises nothing for a bad plugin."""
    try:
        manifest = read_manifest(source)
    except ManifestError as error:
        return CheckReport(source, None, problems=error.problems)
    except NotInThisVersion as error:
        return CheckReport(source, None, problems=(Problem(str(source), None, "", str(error)),))
    warnings = (*_entry(source, manifest), *_code(source))
    return CheckReport(source, manifest, warnings=warnings, notes=(*manifest.notes, *gloom.notes(source, manifest)))


def _entry(source: Path, manifest: Manifest) -> Iterator[Problem]:
    """An entry that is not there, or could not be told."""
    entry = manifest.entry
    if manifest.git is not None:
        return  # it is seen once it has been fetched
    if entry is None:
        remedy = "name it: entry = module:attribute"
        yield Problem(str(source), None, "entry", "there is not exactly one top-level module to begin with", remedy)
    elif manifest.runtime in ("executable", "wasm"):
        if not (source / entry).is_file():
            yield Problem(str(source / entry), None, "entry", "there is no such file", "build it, or mend entry")
    elif not _module_exists(source, entry.partition(":")[0], manifest):
        yield Problem(str(source), None, "entry", f"there is no module {entry.partition(':')[0]}", "mend entry")


def _module_exists(source: Path, module: str, manifest: Manifest) -> bool:
    """Whether the module is the plugin's own; one that a package may bring is taken to be there."""
    if source.is_file():
        return module == source.stem or bool(manifest.requires.packages)
    path = module.replace(".", "/")
    roots = (source, source / "src")
    own = any((root / path).is_dir() or (root / f"{path}.py").is_file() for root in roots)
    own = own or any(compiled(root / path) for root in roots)
    return own or bool(manifest.requires.packages or manifest.requires.lock)


def _code(source: Path) -> Iterator[Problem]:
    """Source that does not compile, with its line."""
    for path in islice(_files(source), MAX_FILES):
        if path.stat().st_size > MAX_BYTES:
            continue
        try:
            ast.parse(read_text(path), str(path))
        except ManifestError as error:
            yield from error.problems
        except UNPARSABLE as error:
            line = error.lineno if isinstance(error, SyntaxError) else None
            reason = error.msg if isinstance(error, SyntaxError) else str(error) or type(error).__name__
            yield Problem(str(path), line, "", f"does not compile: {reason}")


def _files(source: Path) -> Iterator[Path]:
    if source.is_file():
        yield source
        return
    for path in sorted(source.iterdir()):
        if path.name.startswith(".") or path.name in ASIDE or path.is_symlink():
            continue
        if path.is_dir() and not (path / "pyvenv.cfg").exists():
            yield from _files(path)
        elif path.suffix == ".py" and path.is_file():
            yield path
