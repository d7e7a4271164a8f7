"""Names and small values that several layers share.

This module is imported inside plugins too: standard library only, Python 3.9 and later.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, Callable, Dict

LEVELS = ("trace", "debug", "info", "warning", "error")
"""Log levels, the least first."""
GLOOM_CONFIG = (
    "body_limit",
    "read_timeout",
    "write_timeout",
    "strict_routing",
    "case_sensitive",
    "error_handler",
)
"""Keys of what ``init()`` of GLoom's shape returns that are honoured; also spelt as Fiber has them (``BodyLimit``)."""
_SIGNS = dict.fromkeys(map(ord, "_-.:/@+"), "x")


@dataclass(frozen=True)
class OutputLine:
    """One line that a plugin printed, or one record that it logged.

    ``time`` is seconds since the epoch; ``stream`` is stdout, stderr, or ``host`` for what the host itself notes. A
    record's ``text`` is its message and beneath it the traceback; its ``fields`` are plain values by their names.
    """

    time: float
    level: str
    text: str
    stream: str
    fields: Dict[str, Any] = field(default_factory=dict)
    logger: str = ""

    def __str__(self) -> str:
        """As people read it: ``logger: text name=value``; what else the text has stands below, indented."""
        first, *more = (f"{_bare(self.logger)}: {self.text}" if self.logger else self.text).split("\n")
        pairs = (f" {_bare(name)}={_bare(value)}" for name, value in self.fields.items())
        return "\n    ".join((first + "".join(pairs), *more))


def _bare(value: Any) -> str:
    """Words of letters, digits and the signs of numbers and paths as they are, everything else as Python writes it."""
    plain = isinstance(value, str) and value.translate(_SIGNS).isalnum() and value.isprintable()
    return value if plain else repr(value)


@dataclass(frozen=True)
class Event:
    """Something that happened to a plugin. ``time`` is seconds since the epoch; ``kind`` is a word (``started``)."""

    time: float
    plugin: str
    kind: str
    message: str
    data: Dict[str, Any] = field(default_factory=dict)


Progress = Callable[[str], None]
"""Told, line by line, how something long goes on."""

_CONTROL = re.compile(r"(\x1b\[[0-9;]*m)|[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def harmless(text: str) -> str:
    """``text``, which may be a plugin's, with nothing that moves or sets up a terminal; colours stay."""
    return _CONTROL.sub(lambda found: found[1] or found[0].encode("unicode_escape").decode("ascii"), text)


METADATA_SPELLINGS = ("Metadata", "metadata", "METADATA")
"""What a module in Stockpile's form may call what it says of itself."""
METADATA_FIELDS = {"name": "title", "version": "version", "authors": "authors", "website": "homepage"}
"""Its fields in lower case, whatever their case there, and the manifest's keys for them."""

SIZES = {
    "": 1,
    "B": 1,
    **{
        f"{prefix}{unit}": base ** (power + 1)
        for unit, base in (("B", 1000), ("iB", 1024))
        for power, prefix in enumerate("KMGT")
    },
}
"""Bytes of each unit in which sizes are written."""
TIMES = {"": 1.0, "ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
"""Seconds of each unit in which times are written."""
