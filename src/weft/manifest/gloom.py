"""What a plugin in GLoom's shape configures, as far as its source alone tells: nothing is imported."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from weft.errors import ManifestError, Problem
from weft.manifest.document import read_text
from weft.manifest.entry import UNPARSABLE
from weft.manifest.model import Manifest
from weft.types import GLOOM_CONFIG

HONOURED = {name.replace("_", "") for name in GLOOM_CONFIG}
ELSEWHERE = {
    "idletimeout": "the server closes idle connections: see [http] in weft.toml",
    "concurrency": "the server bounds connections: see [http] in weft.toml",
    "prefork": "say how many with instances in the plugin's manifest",
    "appname": "say it with title in the plugin's manifest",
}
"""Keys of Fiber's configuration whose matter is settled in another place."""


def notes(source: Path, manifest: Manifest) -> Iterator[Problem]:
    """Keys of what ``init()`` returns that are not honoured."""
    module, _, attribute = (manifest.entry or "").partition(":")
    if attribute != "Plugin":
        return
    path = _file(source, module)
    try:
        tree = ast.parse(read_text(path)) if path is not None else None
    except (ManifestError, *UNPARSABLE):
        return
    for line, key in _keys(tree) if tree is not None else ():
        plain = key.replace("_", "").lower()
        if plain not in HONOURED:
            remedy = ELSEWHERE.get(plain, f"honoured are {', '.join(GLOOM_CONFIG)}")
            yield Problem(str(path), line, f"init().{key}", "is not honoured here", remedy)


def _file(source: Path, module: str) -> Path | None:
    if source.is_file():
        return source
    name = module.replace(".", "/")
    tried = [root / f"{name}{end}" for root in (source, source / "src") for end in (".py", "/__init__.py")]
    return next((path for path in tried if path.is_file()), None)


def _keys(tree: ast.Module) -> list[tuple[int, str]]:
    """Keys of the dicts that ``init`` methods of the module's classes return as they stand, with their lines."""
    keys = (key for each in _returned(tree) if isinstance(each, ast.Dict) for key in each.keys)
    return sorted(
        (key.lineno, key.value) for key in keys if isinstance(key, ast.Constant) and isinstance(key.value, str)
    )


def _returned(tree: ast.Module) -> Iterator[ast.expr | None]:
    for cls in (node for node in tree.body if isinstance(node, ast.ClassDef)):
        for method in cls.body:
            if isinstance(method, ast.FunctionDef | ast.AsyncFunctionDef) and method.name in ("init", "Init"):
                yield from (node.value for node in ast.walk(method) if isinstance(node, ast.Return))
