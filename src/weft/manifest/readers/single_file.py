"""One ``.py`` file, with or without a PEP 723 block ``# /// script``."""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path
from typing import Any

from weft.errors import ManifestError, Problem
from weft.manifest.document import Document, Lines, read_text, refusal
from weft.manifest.entry import module_entry
from weft.manifest.overlay import overlay
from weft.manifest.readers.reader import Reader
from weft.manifest.rules import Key, suggestion
from weft.manifest.toml import parse_toml

OPENING = re.compile(r"# /// script[ \t]*")
CLOSING = re.compile(r"# ///[ \t]*")
KEYS = ("dependencies", "requires-python", "tool")
"""What a block may hold by PEP 723."""
PREFIX: Key = ("tool", "weft")
PLACES: dict[Key, Key] = {("requires", "packages"): ("dependencies",), ("requires", "python"): ("requires-python",)}


def recognises(source: Path) -> bool:
    """Any ``.py`` file."""
    return source.suffix == ".py" and source.is_file()


def scanned(source: Path) -> bool:
    """Only a file with a ``[tool.weft]`` table, or one whose block is broken and mentions it."""
    if not recognises(source):
        return False
    try:
        text = read_text(source)
    except ManifestError:
        return False
    try:
        return "weft" in _tool(_block(text, source)[0])
    except ManifestError:
        return "tool.weft" in text


def read(source: Path) -> Document:
    """The file's own keys and its block's; the module is the file's stem."""
    text = read_text(source)
    block, lines, notes = _block(text, source)
    problems = [
        Problem(str(source), lines.get((key,)), key, "is not a key of a script block", suggestion(key, KEYS))
        for key in block
        if key not in KEYS
    ]
    table, origins, flaws = overlay(_tool(block).get("weft", {}), block, PLACES)
    return Document(
        path=source,
        form="file",
        table=table,
        name=source.stem,
        version="0.0.0",
        entry=partial(module_entry, source.stem, source),
        lines=lines,
        prefix=PREFIX,
        origins=origins,
        problems=tuple(problems),
        flaws=tuple(flaws),
        notes=notes,
    )


def _tool(block: dict[str, Any]) -> dict[str, Any]:
    tool = block.get("tool")
    return tool if isinstance(tool, dict) else {}


def _block(text: str, path: Path) -> tuple[dict[str, Any], Lines, tuple[Problem, ...]]:
    """The block as a table, its lines, and a note where a block never ends."""
    blocks, notes = [], []
    lines = text.split("\n")
    number = 0
    while number < len(lines):
        if OPENING.fullmatch(lines[number]):
            start = number
            number = _end(lines, start + 1)
            if number == len(lines) or not CLOSING.fullmatch(lines[number]):
                note = "opens a script block that never ends: it is not read"
                notes.append(Problem(str(path), start + 1, "", note, "close it with a line '# ///'"))
            else:
                blocks.append((start + 1, number))
        number += 1
    if len(blocks) > 1:
        raise refusal(path, "has more than one script block", "keep one", blocks[1][0])
    if not blocks:
        return {}, {}, tuple(notes)
    start, end = blocks[0]
    content = "\n".join(line[2:] for line in lines[start:end])
    return *parse_toml(content, path, offset=start), tuple(notes)


def _end(lines: list[str], start: int) -> int:
    """The line that closes the block, or the first that is no comment."""
    number = start
    while number < len(lines) and not CLOSING.fullmatch(lines[number]):
        if not (lines[number].rstrip() == "#" or lines[number].startswith("# ")):
            break
        number += 1
    return number


READER = Reader("file", recognises, scanned, read)
