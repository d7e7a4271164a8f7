"""What a plugin's ``init()`` returns: a mapping, or an object with attributes, with keys of Fiber's configuration."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Callable, Dict, Mapping, Optional

from weft.errors import StartFailed
from weft.types import GLOOM_CONFIG

logger = logging.getLogger("weft.web")

BODY_LIMIT = 4 * 1024 * 1024
"""Bytes of a request's body, where nothing else is said: Fiber's own figure."""


@dataclass(frozen=True)
class Config:
    """The keys that are honoured."""

    body_limit: Optional[int] = BODY_LIMIT
    """Bytes of a request's body; None for any number."""
    read_timeout: Optional[float] = None
    """Seconds until a request's body must be there."""
    write_timeout: Optional[float] = None
    """Seconds until a response must have been sent."""
    strict_routing: bool = False
    """Whether a slash at the end of a path makes it another."""
    case_sensitive: bool = False
    """Whether capital letters make a path another."""
    error_handler: Optional[Callable[..., Any]] = None
    """``(request, error)``: answers for a handler that raised."""


def read_config(given: Any) -> Config:
    """The configuration that ``init()`` returned; keys in Fiber's spelling or in Python's.

    Raises StartFailed for a value that a key cannot have. Keys that are not honoured are named in the log.
    """
    if given is None:
        return Config()
    values = given if isinstance(given, Mapping) else getattr(given, "__dict__", None)
    if not isinstance(values, Mapping):
        raise StartFailed(f"init() returned {given!r}: expected None, a dict, or an object with attributes")
    known = {name.replace("_", ""): name for name in GLOOM_CONFIG}
    found: Dict[str, Any] = {}
    for key, value in values.items():
        name = known.get(str(key).replace("_", "").lower())
        if name is None:
            logger.info("init() returned %r, which is not honoured here", key)
        elif value is not None:
            found[name] = _READERS[name](key, value)
    return Config(**found)


def _size(key: str, value: Any) -> Optional[int]:
    if not isinstance(value, int) or isinstance(value, bool):
        raise _wrong(key, value, "a number of bytes")
    return None if value < 0 else value or BODY_LIMIT


def _seconds(key: str, value: Any) -> Optional[float]:
    if isinstance(value, timedelta):
        value = value.total_seconds()
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not 0 <= value < float("inf"):
        raise _wrong(key, value, "a number of seconds, or a timedelta")
    return value or None


def _flag(key: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise _wrong(key, value, "True or False")
    return value


def _function(key: str, value: Any) -> Callable[..., Any]:
    if not callable(value):
        raise _wrong(key, value, "a function of the request and the error")
    function: Callable[..., Any] = value
    return function


def _wrong(key: str, value: Any, expected: str) -> StartFailed:
    return StartFailed(f"init() returned {key} = {value!r}: expected {expected}")


_READERS: Dict[str, Callable[[str, Any], Any]] = {
    "body_limit": _size,
    "read_timeout": _seconds,
    "write_timeout": _seconds,
    "strict_routing": _flag,
    "case_sensitive": _flag,
    "error_handler": _function,
}
