"""The description of a type, as a value of the type WIRE_TYPE and as a node. Pure."""

from __future__ import annotations

from typing import Any

from weft.gob.errors import Malformed
from weft.gob.types import Keyed, Node, Opaque, Record, Repeated


def node_of(wire: dict[str, Any]) -> Node:
    """What a stream says a type is. Raises Malformed when it says nothing, or two things."""
    if len(wire) != 1:
        raise Malformed(f"a type is described as one of its kinds, found {sorted(wire) or 'none'}")
    kind, said = next(iter(wire.items()))
    if kind == "StructT":
        return _record(said)
    if kind == "SliceT":
        return Repeated(said.get("Elem", 0))
    if kind == "ArrayT":
        return Repeated(said.get("Elem", 0), _length(said))
    if kind == "MapT":
        return Keyed(said.get("Key", 0), said.get("Elem", 0))
    return Opaque()


def _record(said: dict[str, Any]) -> Record:
    fields = tuple((field.get("Name", ""), field.get("Id", 0)) for field in said.get("Field", ()))
    names = {name for name, _ in fields}
    if "" in names or len(names) != len(fields):
        raise Malformed(f"a struct {_name(said)!r} has a field without a name, or two of one name")
    return Record(_name(said), fields)


def _length(said: dict[str, Any]) -> int:
    length: int = said.get("Len", 0)
    if length < 0:
        raise Malformed(f"an array of {length} elements is described")
    return length


def _name(said: dict[str, Any]) -> str:
    return str(said.get("CommonType", {}).get("Name", ""))


def wire_of(node: Node, number: int) -> dict[str, Any]:
    """How a stream describes a type of this number."""
    common = {"Id": number}
    if isinstance(node, Record):
        fields = [{"Name": name, "Id": kind} for name, kind in node.fields]
        return {"StructT": {"CommonType": {"Name": node.name, **common}, "Field": fields}}
    if isinstance(node, Keyed):
        return {"MapT": {"CommonType": common, "Key": node.key, "Elem": node.element}}
    if isinstance(node, Opaque):
        return {"GobEncoderT": {"CommonType": common}}
    said = {"CommonType": common, "Elem": node.element}
    return {"SliceT": said} if node.length is None else {"ArrayT": {**said, "Len": node.length}}
