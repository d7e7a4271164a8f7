"""One ``.py`` file in Stockpile's form: ``Metadata`` and ``InitializePlugin(ctx)``, beside an optional script block."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from weft.errors import ManifestError, Problem
from weft.manifest import values
from weft.manifest.document import Document, read_text
from weft.manifest.entry import UNPARSABLE, defined_entry
from weft.manifest.metadata import INITIALIZERS, NO_VALUE, Symbols, defined, symbols
from weft.manifest.model import UNSAID
from weft.manifest.readers import single_file
from weft.manifest.readers.reader import Reader
from weft.manifest.rules import Invalid, Key, show, suggestion, word
from weft.types import METADATA_FIELDS

METADATA = "Metadata"
EXPECTED = "a dict, or an object, with Name, Version, Authors and Website"


def recognises(source: Path) -> bool:
    """A module whose entry is an initializer, or which has ``Metadata`` and no entry at all."""
    if not single_file.recognises(source):
        return False
    try:
        text = read_text(source)
        if not any(each in text for each in (METADATA, *INITIALIZERS)):
            return False
        entry = defined_entry(text)
        return entry in INITIALIZERS or (entry is None and METADATA in defined(ast.parse(text)))
    except (ManifestError, *UNPARSABLE):
        return False


def read(source: Path) -> Document:
    """What the script block says, and what it leaves to ``Metadata``."""
    document = single_file.read(source)
    found = symbols(ast.parse(read_text(source)))
    given = document.table if isinstance(document.table, dict) else {}
    said = {key: value for key, (value, _) in found.fields.items() if value is not NO_VALUE and key not in given}
    version = said.pop("version", None)
    lines: dict[Key, int] = {("Metadata", found.said[key]): line for key, (_, line) in found.fields.items()}
    return replace(
        document,
        form=READER.form,
        table={**said, **given},
        version=version if isinstance(version, str) and version else UNSAID,
        lines={**document.lines, **lines},
        origins={**document.origins, **{(key,): ("Metadata", found.said[key]) for key in said}},
        problems=(*document.problems, *_problems(source, found)),
        notes=(*document.notes, *_notes(source, found)),
    )


def _problems(source: Path, found: Symbols) -> Iterator[Problem]:
    path = str(source)
    if not found.metadata:
        yield Problem(path, None, "Metadata", "is missing", f"add Metadata, {EXPECTED}")
    elif "Metadata" in found.wrong:
        yield Problem(path, found.metadata, "Metadata", f"expected {EXPECTED}, found {found.wrong['Metadata']}")
    if not found.initializer:
        yield Problem(path, None, "InitializePlugin", "is missing", "add a function InitializePlugin(ctx)")
    elif "InitializePlugin" in found.wrong:
        what = found.wrong["InitializePlugin"]
        yield Problem(path, found.initializer, "InitializePlugin", f"expected a function of one argument, found {what}")
    if "version" in found.fields and (flaw := _flaw(found.fields["version"][0])):
        yield Problem(path, found.fields["version"][1], f"Metadata.{found.said['version']}", flaw)


def _flaw(version: Any) -> str:
    """Why a version cannot be kept at all; '' where it can."""
    if version is NO_VALUE:
        return ""
    try:
        word(version)
    except Invalid as invalid:
        return invalid.flaws[0].message
    return "" if len(version) <= values.MAX_VERSION else "is too long"


def _notes(source: Path, found: Symbols) -> Iterator[Problem]:
    path = str(source)
    for name, line in found.unknown:
        yield Problem(path, line, f"Metadata.{name}", "is not a known field", suggestion(name, METADATA_FIELDS))
    unread = [found.said[key] for key, (value, _) in found.fields.items() if value is NO_VALUE]
    if found.unread or unread:
        what = ", ".join(unread) or "what it says"
        yield Problem(path, found.metadata, "Metadata", f"{what} is made by code: it is known once the plugin runs")
    version, line = found.fields.get("version", (NO_VALUE, 0))
    if isinstance(version, str) and not values.is_version(version):
        note = f"{show(version)} is no version as semver has them: it is kept as it is"
        yield Problem(path, line, f"Metadata.{found.said['version']}", note)


READER = Reader("stockpile", recognises, recognises, read, refines=single_file.READER.form)
