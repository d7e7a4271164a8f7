"""Types within types: whatever is built of the surface's types goes through, and fits its own schema."""

# ruff: noqa: UP007, UP045, PYI061 - every spelling crosses, and moments without a zone do
from __future__ import annotations

import dataclasses
import datetime as dt
import decimal
import enum
import json
import uuid
from pathlib import Path
from typing import Any, Literal, Optional, Union

import jsonschema_rs
import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from weft.contracts.description import Contract, Method, Mismatch, Parameter
from weft.contracts.shape import Adoption, Definitions, Differs, Shape

ZONES = st.none() | st.integers(-86399, 86399).map(lambda s: dt.timezone(dt.timedelta(seconds=s)))


class Color(enum.Enum):
    RED = "red"
    BLUE = 2


@dataclasses.dataclass(frozen=True)
class Point:
    x: float
    name: Optional[str] = None


class Node(msgspec.Struct):
    point: Point
    below: list[Node] = []


POINTS = st.builds(Point, st.floats(allow_nan=False), st.none() | st.text())
NODES = st.recursive(st.builds(Node, POINTS), lambda inner: st.builds(Node, POINTS, st.lists(inner, max_size=2)))
LEAVES: list[tuple[Any, Any]] = [
    (None, st.none()),
    (bool, st.booleans()),
    (int, st.integers()),
    (float, st.floats(allow_nan=False)),
    (str, st.text()),
    (bytes, st.binary()),
    (dt.datetime, st.datetimes(timezones=ZONES)),
    (dt.timedelta, st.timedeltas()),
    (uuid.UUID, st.uuids()),
    (decimal.Decimal, st.decimals(allow_nan=False)),
    (Path, st.text(st.characters(codec="utf-8", exclude_characters="\0")).map(Path)),
    (Color, st.sampled_from(Color)),
    (Literal[1, "a", None], st.sampled_from([1, "a", None])),
    (Point, POINTS),
    (Node, NODES),
]
KEYS = st.sampled_from([leaf for leaf in LEAVES if leaf[0] is not Node])


def containers(inner):
    """(annotation, strategy of its values) of one more level."""
    return st.one_of(
        inner.map(lambda t: (list[t[0]], st.lists(t[1], max_size=3))),
        inner.map(lambda t: (tuple[t[0], ...], st.lists(t[1], max_size=3).map(tuple))),
        inner.map(lambda t: (Optional[t[0]], st.none() | t[1])),
        KEYS.map(lambda t: (set[t[0]], st.sets(t[1], max_size=3))),
        st.tuples(KEYS, inner).map(lambda t: (dict[t[0][0], t[1][0]], st.dictionaries(t[0][1], t[1][1], max_size=3))),
        st.tuples(inner, inner).map(lambda t: (tuple[t[0][0], t[1][0]], st.tuples(t[0][1], t[1][1]))),
        st.tuples(inner, inner).map(lambda t: (Union[t[0][0], t[1][0]], t[0][1] | t[1][1])),
    )


TYPES = st.recursive(st.sampled_from(LEAVES), containers, max_leaves=6)
TYPED = TYPES.flatmap(lambda t: st.tuples(st.just(t[0]), t[1]))


@given(TYPED)
def test_nested_values_arrive_as_they_were(shape_of, cross, typed):
    annotation, value = typed
    arrived = cross(shape_of(annotation), value)
    assert arrived == value
    assert type(arrived) is type(value)


def contract_for(shape: Shape) -> Contract:
    return Contract("it", methods={"take": Method("take", (Parameter("value", shape),), shape)})


@given(TYPED)
def test_a_side_without_the_classes_reads_and_writes_the_same(shape_of, sent, typed):
    annotation, value = typed
    described = contract_for(shape_of(annotation)).describe()
    other = Contract.parse(sent(described))
    assert other.describe() == described
    plain = sent(shape_of(annotation).packed(value))
    theirs = other.methods["take"].unpack_result(plain)
    back = sent(other.methods["take"].pack_result(theirs))
    assert other.methods["take"].unpack_result(back) == theirs
    shape_of(annotation).unpack(back)  # 2 or Color.BLUE, of either: without the class nobody can tell


@settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@given(TYPED)
def test_the_schema_describes_the_plain_value(shape_of, typed):
    annotation, value = typed
    shape = shape_of(annotation)
    definitions = Definitions()
    schema = {**shape.schema(definitions), "$defs": definitions.schemas}
    jsonschema_rs.meta.validate({**schema, "$schema": "https://json-schema.org/draft/2020-12/schema"})
    plain = shape.packed(value)
    try:
        instance = json.loads(json.dumps(plain, allow_nan=False))
    except (TypeError, ValueError):
        return  # bytes and infinities have no form in JSON
    if instance == plain:  # nor have keys that are no text
        assert jsonschema_rs.is_valid(schema, instance)


@given(TYPED, st.booleans())
def test_a_provider_gets_the_classes_that_it_names(shape_of, sent, typed, inward):
    """The host's shape comes from a description, the provider's from annotations: the values are the provider's."""
    annotation, value = typed
    host = Contract.parse(contract_for(shape_of(annotation)).describe()).methods["take"].result
    adopted = Adoption(inward=inward).adopt(host, shape_of(annotation))
    plain = sent(adopted.packed(value))
    assert plain == sent(shape_of(annotation).packed(value)), "the contract's order of members, and forms"
    assert adopted.unpack(plain) == value
    assert type(adopted.unpack(plain)) is type(value)


@given(TYPES, TYPES)
def test_types_match_where_they_are_described_alike_and_else_are_told_apart(shape_of, one, other):
    host, provider = shape_of(one[0]), shape_of(other[0])
    described = [contract_for(shape).describe() for shape in (host, provider)]
    adoptions = [adopts(host, provider, inward=inward) for inward in (True, False)]
    if described[0] == described[1]:
        assert adoptions == [True, True]
    elif all(adoptions):
        assert sorted(map(str, getattr(host, "members", ()))) == sorted(map(str, getattr(provider, "members", ())))


def adopts(host: Shape, provider: Shape, *, inward: bool) -> bool:
    try:
        Adoption(inward=inward).adopt(host, provider)
    except Differs:
        return False
    return True


@given(TYPES, TYPED)
def test_any_other_value_is_a_mismatch_or_right(shape_of, sent, cross, target, typed):
    """Whatever arrives where another type is due is named as wrong, or is right by that type too; nothing else."""
    shape = shape_of(target[0])
    try:
        value = shape.unpack(sent(shape_of(typed[0]).packed(typed[1])))
    except Mismatch:
        return
    assert cross(shape, value) == value


@given(
    st.recursive(
        st.none() | st.integers() | st.text() | st.binary(), lambda i: st.lists(i) | st.dictionaries(st.text(), i)
    )
)
def test_garbage_is_no_description(data):
    from weft.errors import ContractError

    with pytest.raises(ContractError, match="this is no description of a contract"):
        Contract.parse(data)
