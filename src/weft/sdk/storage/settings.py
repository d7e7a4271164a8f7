"""Settings of storage backends: sizes and times, as manifests write them."""

from __future__ import annotations

import math
import re
from typing import Any, Dict, Mapping, Optional

from weft.errors import UsageError
from weft.types import SIZES, TIMES

_NUMBER = re.compile(r"(\d+(?:\.\d+)?)\s*([A-Za-z]*)", re.ASCII)


def size(name: str, value: Any) -> int:
    """Bytes: ``64MiB``, or a number. Raises UsageError."""
    return int(_measure(name, value, SIZES, "a size, such as 64MiB"))


def seconds(name: str, value: Any) -> float:
    """``168h``, ``30s``, or a number of seconds. Raises UsageError."""
    return float(_measure(name, value, TIMES, "a time, such as 168h or 30s"))


def count(name: str, value: Any) -> int:
    """A whole number above 0. Raises UsageError."""
    return int(_measure(name, value, {"": 1}, "a whole number above 0"))


def text(name: str, value: Any) -> str:
    """A text that is not empty. Raises UsageError."""
    if not isinstance(value, str) or not value:
        raise UsageError(f"{name}: expected a text, found {value!r}")
    return value


def lifetimes(value: Any) -> Dict[str, float]:
    """Seconds by category. Raises UsageError."""
    if not isinstance(value, Mapping):
        raise UsageError(f"ttl: expected a table of categories with a time each, found {value!r}")
    return {str(category): seconds(f"ttl.{category}", each) for category, each in value.items()}


def _measure(name: str, value: Any, units: Mapping[str, float], expected: str) -> float:
    found: Optional[float] = None
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        found = value
    elif isinstance(value, str):
        match = _NUMBER.fullmatch(value.strip())
        found = float(match[1]) * units[match[2]] if match is not None and match[2] in units else None
    if found is None or not 0 < found < math.inf or (units == {"": 1} and found != int(found)):
        raise UsageError(f"{name}: expected {expected}, found {value!r}")
    return found
