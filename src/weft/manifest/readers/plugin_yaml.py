"""A folder with a ``plugin.yaml`` of our keys."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from weft.errors import NotInThisVersion
from weft.manifest.document import Document, read_text, refusal
from weft.manifest.entry import folder_entry
from weft.manifest.readers.reader import Reader
from weft.manifest.rules import show
from weft.manifest.yaml import parse_yaml

FILE = "plugin.yaml"
OMNIVIEW = frozenset({"capabilities", "sdk_protocol_version", "schema_version", "theme", "components"})
"""Any of these beside ``id`` makes a file Omniview's."""


def recognises(source: Path) -> bool:
    """By the file's name: every ``plugin.yaml`` is a manifest."""
    return (source / FILE).is_file()


def read(source: Path) -> Document:
    """Our keys. Raises NotInThisVersion for a file that is Omniview's."""
    path = source / FILE
    table, lines = parse_yaml(read_text(path), path)
    table = {} if table is None else table
    if not isinstance(table, dict):
        raise refusal(path, f"expected keys and values, found {show(table)}", "begin with name: and version:", 1)
    if "id" in table and OMNIVIEW & table.keys():
        raise NotInThisVersion(f"{path}: form Omniview plugin.yaml: not in this version")
    return Document(
        path=path,
        form="plugin.yaml",
        table=table,
        name=source.resolve().name,
        entry=partial(folder_entry, source),
        lines=lines,
    )


READER = Reader("plugin.yaml", recognises, recognises, read)
