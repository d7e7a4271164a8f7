"""A plugin whose ``plugin.json`` names a repository, as the folder that it amounts to. Blocking."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from weft.errors import ManifestError, PackageError
from weft.manifest import Manifest
from weft.manifest.document import read_text
from weft.manifest.entry import folder_entry
from weft.manifest.json import parse_json
from weft.packages.git import fetch

FILE = "plugin.json"


def checked_out(folder: Path, manifest: Manifest, into: Path) -> Path:
    """The repository's files below ``into``, under the ``plugin.json`` of ``folder``, whose source is now beside it.

    The code is what the repository's own ``plugin.json`` names, else its one module or package. Raises PackageError.
    """
    assert manifest.git is not None, "the manifest names a repository"
    target = into / "checkout" / manifest.name
    commit = fetch(manifest.git, target)
    try:
        source = {"mode": "local_so", "path": _path(target, manifest.name), "commit": commit}
        named = _object(folder / FILE)
    except ManifestError as error:
        raise PackageError(f"repository {manifest.git.url}: {error}") from error
    outer = {key: value for key, value in named.items() if key.casefold() != "source"}
    (target / FILE).unlink(missing_ok=True)
    (target / FILE).write_text(json.dumps({**outer, "source": source}, indent=2) + "\n", encoding="utf-8")
    return target


def _path(checkout: Path, name: str) -> str:
    if (checkout / FILE).is_file():
        source = next((value for key, value in _object(checkout / FILE).items() if key.casefold() == "source"), None)
        inner = {key.casefold(): value for key, value in source.items()} if isinstance(source, dict) else {}
        if inner.get("mode") == "local_so":
            return str(inner.get("path", ""))
    entry = folder_entry(checkout)
    module = entry.partition(":")[0] if entry else name
    places = [Path(root, file) for root in ("", "src") for file in (f"{module}.py", module)]
    found = next((place for place in places if (checkout / place).exists()), None)
    if found is None:
        raise PackageError(f"the repository of {name} has not exactly one module or package: name it in its own {FILE}")
    return str(found)


def _object(path: Path) -> dict[str, Any]:
    value, _ = parse_json(read_text(path), path)
    return value if isinstance(value, dict) else {}
