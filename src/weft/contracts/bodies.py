"""Whether a function has a body of its own: by its compiled code, which is there when the source is not."""

from __future__ import annotations

import dis
from types import CodeType
from typing import Any

_NOTHING = set(
    """CACHE CALL_INTRINSIC_1 COPY_FREE_VARS EXTENDED_ARG GEN_START MAKE_CELL NOP NOT_TAKEN POP_TOP RERAISE RESUME
    RETURN_GENERATOR RETURN_VALUE""".split()  # noqa: SIM905 - a list of words reads as one
)
_CONSTANTS = {"LOAD_CONST", "RETURN_CONST"}
_RAISING = {
    *("CALL", "CALL_FUNCTION", "KW_NAMES", "LOAD_CONST", "LOAD_GLOBAL", "PRECALL", "PUSH_NULL", "RAISE_VARARGS"),
    *_NOTHING,
}


def has_body(function: Any) -> bool:
    """False for ``...``, ``pass``, a docstring alone, and ``raise NotImplementedError``, whatever its text."""
    code = getattr(function, "__code__", None)
    return isinstance(code, CodeType) and not _returns_nothing(code) and not _is_not_implemented(code)


def _returns_nothing(code: CodeType) -> bool:
    return all(
        step.opname in _NOTHING or (step.opname in _CONSTANTS and step.argval in (None, Ellipsis))
        for step in dis.get_instructions(code)
    )


def _is_not_implemented(code: CodeType) -> bool:
    steps = {step.opname for step in dis.get_instructions(code)}
    return code.co_names == ("NotImplementedError",) and "RAISE_VARARGS" in steps and steps <= _RAISING
