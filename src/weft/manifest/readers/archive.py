"""A ``.plg`` archive: recognised, so that it is told apart from other files; unpacked by ``weft.packages``."""

from __future__ import annotations

from pathlib import Path

from weft.manifest.document import Document, refusal
from weft.manifest.readers.reader import Reader


def recognises(source: Path) -> bool:
    """By its name alone: what is inside is for whoever unpacks it."""
    return source.suffix == ".plg" and source.is_file()


def read(source: Path) -> Document:
    """Refuse: the manifest is that of the folder inside."""
    raise refusal(source, "is an archive", "unpack it (weft.packages.archives.unpack) and read the folder")


READER = Reader("plg", recognises, recognises, read)
