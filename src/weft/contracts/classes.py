"""The classes that are records: how each kind says its fields. None is imported: each is known by what it carries."""

from __future__ import annotations

import dataclasses
import inspect
import re
from typing import Any, Callable, Dict, Iterator, List, NamedTuple, Optional, Tuple

from weft.contracts.records import MISSING
from weft.contracts.unsupported import Unsupported


class Said(NamedTuple):
    """What a class says of one field.

    ``default`` is MISSING where there is none, or it is made anew each time; ``keyword`` is what the constructor
    calls it; ``annotation`` None: the class's own of that name.
    """

    name: str
    required: bool
    default: Any = MISSING
    keyword: str = ""
    annotation: Any = None


def fields_of(cls: type) -> Optional[List[Said]]:
    """The fields of a record class, in its order; None for another class. Raises Unsupported."""
    for is_one, say in _KINDS:
        if is_one(cls):
            return list(say(cls))
    return None


def own_annotations(cls: Any) -> Dict[str, Any]:
    """The annotations of a class as written, without those of its bases."""
    if hasattr(inspect, "get_annotations"):
        return inspect.get_annotations(cls)
    found: Dict[str, Any] = vars(cls).get("__annotations__", {})
    return found


def annotation_of(cls: type, name: str) -> Tuple[type, Any]:
    """The class that annotates a field, and the annotation as written. Raises Unsupported."""
    for owner in cls.__mro__:
        annotations = own_annotations(owner)
        if name in annotations:
            return owner, annotations[name]
    raise Unsupported(cls, f"its field {name} has no annotation; write its type")


def _dataclass(cls: Any) -> Iterator[Said]:
    for name, found in cls.__dataclass_fields__.items():
        if found._field_type is dataclasses._FIELD_INITVAR:  # type: ignore[attr-defined]  # noqa: SLF001
            raise Unsupported(cls, f"its InitVar {name} cannot be read back; make it a field")
    for found in dataclasses.fields(cls):
        if found.init:
            absent = found.default is dataclasses.MISSING and found.default_factory is dataclasses.MISSING
            default = MISSING if found.default is dataclasses.MISSING else found.default
            yield Said(found.name, absent, default)


def _struct(cls: Any) -> Iterator[Said]:
    """Msgspec. Defaults are those of the last fields; a field without one between them has NODEFAULT there."""
    names, defaults = cls.__struct_fields__, cls.__struct_defaults__
    first = len(names) - len(defaults)
    for index, name in enumerate(names):
        default = defaults[index - first] if index >= first else MISSING
        required = default is MISSING or repr(default) == "NODEFAULT"
        made = required or type(default).__name__ == "Factory"
        yield Said(name, required, MISSING if made else default)


def _model(cls: Any) -> Iterator[Said]:
    """Pydantic 2. An alias is what the constructor wants, unless the model takes names."""
    by_name = any(cls.model_config.get(key) for key in ("populate_by_name", "validate_by_name"))
    for name, info in cls.model_fields.items():
        alias = getattr(info, "validation_alias", None) or info.alias
        if alias is not None and not isinstance(alias, str) and not by_name:
            raise Unsupported(cls, f"its field {name} has an alias of several names; set populate_by_name")
        required = info.is_required()
        made = required or info.default_factory is not None
        keyword = name if by_name or alias is None else alias
        yield Said(name, required, MISSING if made else info.default, keyword, info.annotation)


def _model_1(cls: Any) -> Iterator[Said]:
    """Pydantic 1."""
    by_name = getattr(cls.__config__, "allow_population_by_field_name", False)
    for name, info in cls.__fields__.items():
        made = info.required or info.default_factory is not None
        yield Said(name, bool(info.required), MISSING if made else info.default, name if by_name else info.alias)


def _named_tuple(cls: Any) -> Iterator[Said]:
    for name in cls._fields:
        yield Said(name, name not in cls._field_defaults, cls._field_defaults.get(name, MISSING))


_SAYS_ITSELF = re.compile(r"(?:\w+\.)*(Not)?Required\[")


def _typed_dict(cls: Any) -> Iterator[Said]:
    """Where the annotations are strings, Python did not see what they say of being required."""
    for name, written in cls.__annotations__.items():
        said = _SAYS_ITSELF.match(getattr(written, "__forward_arg__", ""))
        yield Said(name, name in cls.__required_keys__ if said is None else not said[1])


_KINDS: Tuple[Tuple[Callable[[Any], bool], Callable[[Any], Iterator[Said]]], ...] = (
    (lambda cls: hasattr(cls, "__struct_fields__"), _struct),
    (lambda cls: hasattr(cls, "model_fields") and hasattr(cls, "model_config"), _model),
    (lambda cls: hasattr(cls, "__fields__") and hasattr(cls, "__config__"), _model_1),
    (dataclasses.is_dataclass, _dataclass),
    (lambda cls: issubclass(cls, tuple) and hasattr(cls, "_fields"), _named_tuple),
    (lambda cls: issubclass(cls, dict) and hasattr(cls, "__total__"), _typed_dict),
)
