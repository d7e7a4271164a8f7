"""Values with named fields: dataclasses, NamedTuples, TypedDicts, msgspec Structs and pydantic models, all alike."""

from __future__ import annotations

from functools import partial
from typing import Any, Callable, Dict, List, Optional, Tuple

from weft.contracts.mismatch import Mismatch, shorten
from weft.contracts.shape import Adoption, Definitions, Differs, Schema, Shape

MISSING: Any = object()


class Field:
    """One field. ``keyword`` is what the class's constructor calls it; ``default`` is MISSING where it is made anew."""

    def __init__(
        self, name: str, shape: Shape, *, required: bool = True, default: Any = MISSING, keyword: str = ""
    ) -> None:
        self.name = name
        self.shape = shape
        self.required = required
        self.default = default
        self.keyword = keyword or name


class Record(Shape):
    """Fields by name; the plain form is a dict. ``cls`` is what is built of them; None: they stay a dict.

    Fields are set after the record is made: they may lead back to it.
    """

    kinds = frozenset({dict})
    packs = True

    def __init__(self, title: str, cls: Optional[type] = None) -> None:
        self.title = title
        self.cls = cls
        self.is_dict = cls is None or issubclass(cls, dict)
        self.hashable = cls is not None and cls.__hash__ is not None
        self.fields: Tuple[Field, ...] = ()

    def define(self, fields: List[Field]) -> Record:
        """Give it its fields; returns itself."""
        self.fields = tuple(fields)
        self._required = [field.name for field in fields if field.required]
        self._table = {field.name: (field.keyword, field.shape) for field in fields}
        return self

    def _pack(self, value: Any) -> Any:
        get = self._getter(value)
        plain, name = {}, ""
        try:
            for name, (_, shape) in self._table.items():
                found = get(name, MISSING)
                if found is not MISSING:
                    plain[name] = shape.packed(found)
        except Mismatch as error:
            error.within(f".{name}")
            raise
        except RecursionError:
            raise self._endless() from None
        if len(plain) < len(self._table):
            self._refuse_missing(plain)
        return plain

    def _getter(self, value: Any) -> Callable[..., Any]:
        """Gives fields by name: of a dict, or of an object; where there is no class, of any that has them."""
        if not (self._has_fields(value) if self.is_dict else isinstance(value, self.cls or object)):
            raise self.wrong(value)
        if not isinstance(value, dict):
            return partial(getattr, value)
        if not value.keys() <= self._table.keys():
            raise self._unknown(value)
        return value.get

    def _has_fields(self, value: Any) -> bool:
        return isinstance(value, dict) or (
            self.cls is None and bool(self.fields) and all(hasattr(value, name) for name in self._required)
        )

    def unpack(self, plain: Any) -> Any:
        if type(plain) is not dict:
            raise self.wrong(plain)
        if not plain.keys() <= self._table.keys():
            raise self._unknown(plain)
        values, name = {}, ""
        try:
            for name, item in plain.items():
                keyword, shape = self._table[name]
                values[keyword] = item if type(item) in shape.exact else shape.unpack(item)
        except Mismatch as error:
            error.within(f".{name}")
            raise
        except RecursionError:
            raise self._endless() from None
        if len(values) < len(self._table):
            self._refuse_missing(plain)
        return values if self.is_dict else self._build(values)

    def _build(self, values: Dict[str, Any]) -> Any:
        assert self.cls is not None
        try:
            return self.cls(**values)
        except RecursionError:
            raise
        except Exception as error:
            reason = shorten(" ".join(f"{type(error).__name__}: {error}".split()))
            raise Mismatch(self.title, f"fields that it refuses ({reason})") from None

    def _refuse_missing(self, plain: Dict[str, Any]) -> None:
        missing = [name for name in self._required if name not in plain]
        if missing:
            raise Mismatch(str(self._table[missing[0]][1]), "nothing", f".{missing[0]}")

    def _unknown(self, value: Dict[Any, Any]) -> Mismatch:
        names = sorted(str(name) for name in value if name not in self._table)
        return Mismatch(str(self), shorten(f"the unknown fields {', '.join(map(repr, names))}"))

    def _endless(self) -> Mismatch:
        """What is bounded by the interpreter's own limit."""
        return Mismatch(f"{self.title}, nested less deeply", "one that contains itself, or nearly")

    def takes(self, value: Any) -> bool:
        if not self.is_dict:
            return isinstance(value, self.cls or object)
        if isinstance(value, dict):
            return value.keys() <= self._table.keys() and all(name in value for name in self._required)
        return self._has_fields(value)

    def schema(self, definitions: Definitions) -> Schema:
        return definitions.refer(self, self.title, self._schema)

    def _schema(self, definitions: Definitions) -> Schema:
        return {
            "title": self.title,
            "type": "object",
            "properties": {field.name: _field_schema(field, definitions) for field in self.fields},
            "required": self._required,
            "additionalProperties": False,
        }

    def adopt(self, other: Shape, adoption: Adoption) -> Shape:
        if not isinstance(other, Record):
            raise Differs(self, other)
        done = adoption.under_way.get((id(self), id(other)))
        if done is not None:
            return done
        adopted = Record(other.title, other.cls)
        adoption.under_way[id(self), id(other)] = adopted
        return adopted.define(self._adopted_fields(other, adoption))

    def _adopted_fields(self, other: Record, adoption: Adoption) -> List[Field]:
        """The contract's fields, in the provider's class. What that has besides must do without."""
        theirs = {field.name: field for field in other.fields}
        fields = []
        for field in self.fields:
            match = theirs.pop(field.name, None)
            if match is None or (match.required and not field.required):
                raise Differs(self, other)
            shape = adoption.adopt(field.shape, match.shape)
            fields.append(Field(field.name, shape, required=field.required, keyword=match.keyword))
        if any(field.required for field in theirs.values()):
            raise Differs(self, other)
        return fields

    def __str__(self) -> str:
        return self.title


def _field_schema(field: Field, definitions: Definitions) -> Schema:
    schema = field.shape.schema(definitions)
    if field.default is not MISSING:
        schema = {**schema, "default": field.shape.packed(field.default)}
    return schema
