"""One reader per form of plugin. Another form is one more module here and one more row of the table."""

from __future__ import annotations

from weft.manifest.readers import archive, elsewhere, plugin_json, plugin_yaml, pyproject, single_file, stockpile
from weft.manifest.readers.reader import Reader

READERS: tuple[Reader, ...] = (
    stockpile.READER,
    single_file.READER,
    archive.READER,
    pyproject.READER,
    plugin_yaml.READER,
    plugin_json.READER,
    *elsewhere.READERS,
)

__all__ = ["READERS", "Reader"]
