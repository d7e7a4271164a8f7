"""Where a plugin lies, against what it says of itself."""

from __future__ import annotations

from pathlib import Path

from weft.manifest.document import refusal
from weft.manifest.readers.plugin_json import FILE
from weft.manifest.reading import read_manifest


def check_placed(path: Path) -> None:
    """Raises ManifestError for a go-plugin in a folder of plugins whose own folder has another name than it.

    Where it was named directly, or came as an archive or from a repository, its folder may have any name.
    """
    if not (path / FILE).is_file():
        return
    manifest = read_manifest(path)
    if manifest.form == FILE and manifest.name != path.name:
        message = f"is named {manifest.name}, and its folder {path.name}: in a folder of plugins both are the same"
        raise refusal(path / FILE, message, "rename one of them")
