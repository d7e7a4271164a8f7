"""What a module says of itself in Stockpile's form: ``Metadata``, a dict or any object with the fields of one."""

from __future__ import annotations

import dataclasses
from collections import abc
from typing import Any, Dict, Sequence

from weft.errors import StartFailed
from weft.types import METADATA_FIELDS, METADATA_SPELLINGS


@dataclasses.dataclass(frozen=True)
class Metadata:
    """``name`` is for people, and becomes the plugin's title; ``version`` is semver by custom."""

    name: str = ""
    version: str = ""
    authors: Sequence[str] = ()
    website: str = ""


def about(module: Any) -> Dict[str, Any]:
    """``title``, ``version``, ``authors`` and ``homepage``, as far as a module's Metadata says them.

    Raises StartFailed where it is something else.
    """
    value: Any = next((getattr(module, each) for each in METADATA_SPELLINGS if hasattr(module, each)), {})
    given = _fields(value)
    wrong = [key for key, each in given.items() if not (_is_texts(each) if key == "authors" else type(each) is str)]
    if wrong or (not given and value != {}):
        raise StartFailed(
            f"Metadata is {_shown(value, wrong)}: expected a dict, or an object, with Name, Version and Website, "
            "which are text, and Authors, a list of text"
        )
    if "authors" in given:
        given["authors"] = [given["authors"]] if isinstance(given["authors"], str) else list(given["authors"])
    return {key: each for key, each in given.items() if each}


def _fields(value: Any) -> Dict[str, Any]:
    """The manifest's keys with what is there, in any case."""
    if isinstance(value, abc.Mapping):
        items = [(key, value[key]) for key in value]
    else:
        items = [(key, getattr(value, key, None)) for key in dir(value) if not key.startswith("_")]
    return {METADATA_FIELDS[key.lower()]: each for key, each in items if _is_field(key)}


def _is_field(key: Any) -> bool:
    return isinstance(key, str) and key.lower() in METADATA_FIELDS


def _is_texts(value: Any) -> bool:
    return isinstance(value, str) or (
        isinstance(value, (list, tuple, set, frozenset)) and all(isinstance(each, str) for each in value)
    )


def _shown(value: Any, wrong: Sequence[str]) -> str:
    return f"wrong in {', '.join(wrong)}" if wrong else f"of type {type(value).__name__}"
