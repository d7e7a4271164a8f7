"""Values without parts: what msgpack has, and what the standard library writes as text."""

from __future__ import annotations

import datetime as dt
import decimal
import os
import pathlib
import re
import uuid
from typing import Any, Callable, Dict

from weft.contracts.mismatch import Mismatch, show
from weft.contracts.plain import narrow
from weft.contracts.shape import NONE, Adoption, Definitions, Differs, Schema, Shape


class Scalar(Shape):
    """A type whose value is plain by itself."""

    def __init__(self, cls: type, schema: Schema) -> None:
        self.cls: type = cls
        self.kinds = self.exact = frozenset({cls})
        self.form = schema

    def unpack(self, plain: Any) -> Any:
        if type(plain) is self.cls:
            return plain
        raise self.wrong(plain)

    def schema(self, _definitions: Definitions) -> Schema:
        return dict(self.form)

    def adopt(self, other: Shape, _adoption: Adoption) -> Shape:
        if isinstance(other, Scalar) and other.form == self.form:
            return other
        raise Differs(self, other)

    def takes(self, value: Any) -> bool:
        return isinstance(value, self.cls)

    def __str__(self) -> str:
        return "None" if self.cls is NONE else self.cls.__name__


class Integer(Scalar):
    """int, of any size: one beyond 64 bits is sent as bytes, see ``contracts.plain``. A bool is no int."""

    def __init__(self) -> None:
        super().__init__(int, {"type": "integer"})
        self.kinds = frozenset({int, bytes})

    def unpack(self, plain: Any) -> Any:
        if type(plain) is int:
            return plain
        if type(plain) is bytes:
            wide = narrow(plain)
            if wide is not None:
                return wide
        raise self.wrong(plain)

    def takes(self, value: Any) -> bool:
        return isinstance(value, int) and not isinstance(value, bool)


class Real(Scalar):
    """float; an int is taken, and becomes a float."""

    def __init__(self) -> None:
        super().__init__(float, {"type": "number"})

    def unpack(self, plain: Any) -> Any:
        if type(plain) is float:
            return plain
        wide = narrow(plain) if type(plain) is bytes else plain
        if type(wide) is not int:
            raise self.wrong(plain)
        try:
            return float(wide)
        except OverflowError:
            raise Mismatch("float", "an int that no float can hold") from None

    def takes(self, value: Any) -> bool:
        return isinstance(value, (int, float)) and not isinstance(value, bool)


class Binary(Scalar):
    """bytes, or bytearray: both sides may choose. Any of these, and memoryview, may be given for either."""

    def __init__(self, cls: type) -> None:
        super().__init__(cls, {"type": "string", "format": "binary"})
        self.kinds = frozenset({bytes})
        self.hashable = cls is bytes

    def unpack(self, plain: Any) -> Any:
        if type(plain) is not bytes:
            raise self.wrong(plain)
        return plain if self.cls is bytes else self.cls(plain)

    def takes(self, value: Any) -> bool:
        return isinstance(value, (bytes, bytearray, memoryview))


class Written(Scalar):
    """A type of the standard library that crosses as text, in the form that ``format`` names."""

    def __init__(self, cls: type, form: str, write: Callable[[Any], str], read: Callable[[str], Any]) -> None:
        super().__init__(cls, {"type": "string", "format": form})
        self.kinds, self.exact = frozenset({str}), frozenset()
        self.packs = True
        self._write = write
        self._read = read

    def _pack(self, value: Any) -> str:
        if not self.takes(value):
            raise self.wrong(value)
        return self._write(value)

    def unpack(self, plain: Any) -> Any:
        if type(plain) is not str:
            raise self.wrong(plain)
        try:
            return self._read(plain)
        except (ValueError, ArithmeticError):
            raise Mismatch(str(self), show(plain)) from None

    def takes(self, value: Any) -> bool:
        is_moment = isinstance(value, dt.datetime) and self.cls is dt.date  # a datetime is a date by class
        return isinstance(value, self.cls) and not is_moment


def _read_datetime(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text[:-1] + "+00:00" if text.endswith("Z") else text)


_DURATION = re.compile(r"(-?)P(\d{1,10})DT(\d{1,5})(?:\.(\d{6}))?S", re.ASCII)


def _write_duration(value: dt.timedelta) -> str:
    """ISO 8601, by days and seconds, with a sign before the whole."""
    sign, value = ("-", -value) if value.days < 0 and value != dt.timedelta.min else ("", value)
    if value.days < 0:
        return f"-P{-value.days}DT0S"
    return f"{sign}P{value.days}DT{value.seconds}" + (f".{value.microseconds:06}S" if value.microseconds else "S")


def _read_duration(text: str) -> dt.timedelta:
    match = _DURATION.fullmatch(text)
    if match is None:
        raise ValueError(text)
    days, seconds, micro = (int(part or 0) for part in match.groups()[1:])
    sign = -1 if match[1] else 1
    return dt.timedelta(sign * days, sign * seconds, sign * micro)


NULL = Scalar(NONE, {"type": "null"})
BYTES = Binary(bytes)
PATH = Written(pathlib.Path, "path", os.fspath, pathlib.Path)

SCALARS: Dict[Any, Shape] = {
    None: NULL,
    NONE: NULL,
    bool: Scalar(bool, {"type": "boolean"}),
    int: Integer(),
    float: Real(),
    str: Scalar(str, {"type": "string"}),
    bytes: BYTES,
    bytearray: Binary(bytearray),
    dt.datetime: Written(dt.datetime, "date-time", dt.datetime.isoformat, _read_datetime),
    dt.date: Written(dt.date, "date", dt.date.isoformat, dt.date.fromisoformat),
    dt.time: Written(dt.time, "time", dt.time.isoformat, dt.time.fromisoformat),
    dt.timedelta: Written(dt.timedelta, "duration", _write_duration, _read_duration),
    uuid.UUID: Written(uuid.UUID, "uuid", str, uuid.UUID),
    decimal.Decimal: Written(decimal.Decimal, "decimal", str, decimal.Decimal),
    pathlib.Path: PATH,
    pathlib.PurePath: Written(pathlib.PurePath, "path", os.fspath, pathlib.PurePath),
}
"""By the type that an annotation names. A contract's description knows each by its schema alone."""
