"""What ``source.path`` of a ``plugin.json`` names: a compiled extension, or the Python that stands in for it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from weft.manifest.rules import Invalid, show, word, wrong

ENTRY = "Execute"


def find_artifact(folder: Path, written: object) -> tuple[str, str]:
    """The entry, ``module:Execute``, and a note where something else than the path says is taken; '' where not.

    The path is a ``.so``, a ``.py`` or a package's folder. Raises Invalid for one that leads out of the plugin's
    folder, that is not there, or that Python could not import.
    """
    path = _inside(folder, word(written))
    for found in _candidates(folder / path):
        note = "" if found == folder / path else f"there is no {path}: {found.relative_to(folder)} is taken"
        return f"{_module(path)}:{ENTRY}", note
    stem = path.with_name(_stem(path))
    raise wrong(
        f"there is no {path}, no {stem}.py and no package {stem}",
        "build it (a CPython extension), or put the Python module beside plugin.json",
    )


def compiled(path: Path) -> list[Path]:
    """The compiled forms of the module ``path``: with their tag (``.cpython-311-….so``), or without."""
    plain = path.with_name(f"{path.name}.so")
    return [plain] if plain.is_file() else sorted(path.parent.glob(f"{path.name}.*.so"))


def _inside(folder: Path, written: str) -> Path:
    path = Path(written)
    out = written.startswith(("/", "~")) or "\\" in written or ".." in path.parts
    if out or not (folder / path).resolve().is_relative_to(folder.resolve()):
        raise wrong(f"{show(written)} leads out of the plugin's folder", "keep the file in it, and name it from there")
    return path


def _candidates(path: Path) -> Iterator[Path]:
    module = path.with_name(_stem(path))
    others = (module.with_name(f"{module.name}.py"), module)
    for found in (path, *compiled(module), *others):
        if found.is_file() if found.suffix in (".so", ".py") else (found / "__init__.py").is_file():
            yield found


def _module(path: Path) -> str:
    parts = path.with_name(_stem(path)).parts
    parts = parts[1:] if parts[0] == "src" and len(parts) > 1 else parts
    if not all(part.replace("-", "_").isidentifier() for part in parts):
        raise wrong(f"{show(str(path))} is no module that Python can import", "use letters, digits and '_' in its name")
    return ".".join(parts)


def _stem(path: Path) -> str:
    if not path.name:
        raise Invalid(*wrong("names no file").flaws)
    return path.name.partition(".")[0] or path.name
