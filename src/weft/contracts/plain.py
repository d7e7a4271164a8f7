"""Values that are nearly plain, made so: for the few that an encoder refuses.

A call sends its values as they are. Where the encoder then raises TypeError or OverflowError, ``plainly`` says what is
to be sent instead: integers beyond 64 bits become bytes, instances of subclasses (numpy's float64, a str that is
marked safe) their base class's.
"""

from __future__ import annotations

from typing import Any, Callable, Dict, Optional, Tuple

from weft.contracts.mismatch import Mismatch, of, show

WIDE = b"int:"
"""An integer beyond 64 bits crosses as these bytes and its decimal digits, wherever an integer may stand."""
MOST_DEEP = 128
MOST_DIGITS = 4300
LEAST, MOST = -(2**63), 2**64 - 1


def widen(value: int) -> Any:
    """An int of any size in its plain form. Raises Mismatch beyond 4,300 digits, which nobody would wait for."""
    if LEAST <= value <= MOST:
        return value
    if value.bit_length() > MOST_DIGITS * 3.32:
        raise Mismatch(f"an int of at most {MOST_DIGITS} digits", f"one of {value.bit_length()} bits")
    return WIDE + str(value).encode()


def narrow(plain: bytes) -> Optional[int]:
    """The integer beyond 64 bits that these bytes stand for; None where they stand for none."""
    digits = plain[len(WIDE) :]
    if not plain.startswith(WIDE) or len(digits) > MOST_DIGITS + 1 or not digits.lstrip(b"-").isdigit():
        return None
    try:
        value = int(digits)
    except ValueError:
        return None
    return None if LEAST <= value <= MOST else value


def plainly(value: Any, depth: int = 0) -> Any:
    """``value`` of plain types alone. Raises Mismatch for what has no plain form, with its path."""
    if depth > MOST_DEEP:
        raise Mismatch(f"values nested at most {MOST_DEEP} deep", "deeper ones")
    for base, make in _FORMS:
        if isinstance(value, base):
            return make(value, depth)
    raise Mismatch("a value that can cross", of(value))


def _items(value: Any, depth: int) -> Any:
    return [_within(f"[{index}]", item, depth) for index, item in enumerate(value)]


def _entries(value: Dict[Any, Any], depth: int) -> Any:
    return {plainly(key, depth + 1): _within(f"[{show(key)}]", item, depth) for key, item in value.items()}


def _within(part: str, value: Any, depth: int) -> Any:
    try:
        return plainly(value, depth + 1)
    except Mismatch as error:
        error.within(part)
        raise


_FORMS: Tuple[Tuple[Any, Callable[[Any, int], Any]], ...] = (
    ((bool, type(None)), lambda value, _: value),
    (int, lambda value, _: widen(int(value))),
    (float, lambda value, _: float(value)),
    (str, lambda value, _: str.__str__(value)),
    ((bytes, bytearray, memoryview), lambda value, _: bytes(value)),
    ((list, tuple, set, frozenset), _items),
    (dict, _entries),
)
